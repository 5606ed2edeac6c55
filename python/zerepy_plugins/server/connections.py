"""The paths about connections: which there are, and whether they are configured."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Body

from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginConfigError,
    PluginError,
    PluginExecutionError,
    PluginNotFoundError,
)

if TYPE_CHECKING:
    from fastapi import APIRouter

    from zerepy_plugins import PluginManager

Params = Annotated[dict[str, Any] | None, Body(embed=True)]


def add_routes(router: APIRouter, manager: PluginManager) -> None:
    """Add the paths."""

    @router.get("/connections")
    async def list_connections() -> dict[str, Any]:
        names = [s.name for s in manager.status() if s.category == "connection"]
        records = await asyncio.gather(*(_record(manager, name) for name in names))
        return {"connections": dict(zip(names, records, strict=True))}

    @router.get("/connections/{name}/status")
    async def connection_status(name: str) -> dict[str, Any]:
        _check_is_connection(manager, name)
        return {"name": name} | await _record(manager, name)

    @router.post("/connections/{name}/configure")
    async def configure_connection(name: str, params: Params = None) -> dict[str, Any]:
        _check_is_connection(manager, name)
        plugin: Any = manager[name]
        _check_takes(name, plugin.configure, params or {})
        if not await _ask(name, plugin.configure, params or {}):
            raise PluginConfigError(f"plugin {name!r} says that it is not configured", plugin=name)
        return {"status": "success", "message": f"Connection {name} configured successfully"}


async def _record(manager: PluginManager, name: str) -> dict[str, Any]:
    """Return what is known of one; one that does not run cannot be asked."""
    state = manager.describe(name)["state"]
    if name not in manager:
        return {"configured": False, "is_llm_provider": False, "state": state}
    plugin: Any = manager[name]
    provider = getattr(plugin, "is_llm_provider", False)
    return {
        "configured": bool(await _ask(name, plugin.is_configured, {})),
        "is_llm_provider": bool(provider() if callable(provider) else provider),
        "state": state,
    }


def _check_is_connection(manager: PluginManager, name: str) -> None:
    if manager.describe(name)["category"] != "connection":
        raise PluginNotFoundError(
            f"plugin {name!r} is an action, not a connection",
            plugin=name,
            hint="Call it with POST /agent/action",
        )


def _check_takes(name: str, method: Any, params: dict[str, Any]) -> None:
    try:
        inspect.signature(method).bind(**params)
    except TypeError as error:
        raise InvalidParamsError(f"configure() of plugin {name!r}: {error}", plugin=name) from error


async def _ask(name: str, method: Any, params: dict[str, Any]) -> Any:
    """Call a plugin's method on a worker thread: it may ask the network."""
    try:
        answer = await asyncio.to_thread(method, **params)
        return await answer if inspect.isawaitable(answer) else answer
    except PluginError:
        raise
    except Exception as error:
        raise PluginExecutionError(
            f"{method.__name__}() of plugin {name!r} raised {type(error).__name__}: {error}",
            plugin=name,
        ) from error
