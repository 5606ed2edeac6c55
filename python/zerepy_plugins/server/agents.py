"""The paths about agents, served by what the project passes in."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Protocol

from zerepy_plugins.errors import PluginError, PluginNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastapi import APIRouter


class Agents(Protocol):
    """What the paths about agents need of a project; each method may also be ``async``.

    Plain methods are called on worker threads.
    """

    @property
    def current(self) -> str | None:
        """The name of the agent that is loaded."""

    @property
    def is_running(self) -> bool:
        """Whether its loop runs."""

    def names(self) -> Sequence[str]:
        """Return the names of the agents there are."""

    def load(self, name: str) -> Any:
        """Load an agent; raise a `LookupError` if there is none of that name."""

    def start(self) -> Any:
        """Start the loop of the agent."""

    def stop(self) -> Any:
        """Stop the loop of the agent."""


def add_routes(router: APIRouter, agents: Agents | None) -> None:
    """Add the paths."""

    @router.get("/")
    async def root() -> dict[str, Any]:
        current = None if agents is None else agents.current
        is_running = agents is not None and agents.is_running
        return {"status": "running", "agent": current, "agent_running": is_running}

    @router.get("/agents")
    async def list_agents() -> dict[str, Any]:
        return {"agents": list(await _do(_needed(agents).names))}

    @router.post("/agents/{name}/load")
    async def load_agent(name: str) -> dict[str, Any]:
        try:
            await _do(_needed(agents).load, name)
        except LookupError as error:
            raise PluginNotFoundError(f"there is no agent {name!r}: {error}") from error
        return {"status": "success", "agent": name}

    @router.post("/agent/start")
    async def start_agent() -> dict[str, Any]:
        await _do(_needed(agents).start)
        return {"status": "success", "message": "Agent loop started"}

    @router.post("/agent/stop")
    async def stop_agent() -> dict[str, Any]:
        await _do(_needed(agents).stop)
        return {"status": "success", "message": "Agent loop stopped"}


def _needed(agents: Agents | None) -> Agents:
    if agents is None:
        raise PluginError(
            "this server has plugins, and no agents",
            code="no_agents",
            hint="Pass an object with names, load, start and stop: router(manager, agents)",
        )
    return agents


async def _do(method: Callable[..., Any], *arguments: Any) -> Any:
    result = await asyncio.to_thread(method, *arguments)
    return await result if inspect.isawaitable(result) else result
