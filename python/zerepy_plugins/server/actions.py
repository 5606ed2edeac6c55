"""The path that calls actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Response  # noqa: TC002 - FastAPI reads the annotation
from pydantic import BaseModel

from zerepy_plugins.errors import InvalidParamsError, PluginNotFoundError
from zerepy_plugins.server.failures import response
from zerepy_plugins.tools import Tool, ToolError, catalog
from zerepy_plugins.tools.jsonable import jsonable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import APIRouter

    from zerepy_plugins import PluginManager


class ActionRequest(BaseModel):
    """One call. ``action`` may be left out for an action plugin."""

    connection: str
    action: str = "execute"
    params: dict[str, Any] | list[Any] | str | None = None
    """By name; as ZerePy's server takes them, a list in the order of the schema; or JSON text."""


def add_routes(router: APIRouter, manager: PluginManager) -> None:
    """Add the path."""

    @router.post("/agent/action", response_model=None)
    async def agent_action(request: ActionRequest) -> dict[str, Any] | Response:
        tool = _tool(manager, request.connection, request.action)
        if tool is None:
            params = _by_name(request)
            result = await manager.perform_action_async(request.connection, request.action, params)
        else:
            result = await manager.call_tool_async(tool.name, _named(tool, request.params))
        if isinstance(result, ToolError):
            return response(result)
        return {"status": "success", "result": jsonable(result)}


def _tool(manager: PluginManager, plugin: str, action: str) -> Tool | None:
    """Return the action's tool; `None` for a connection that does not declare its actions."""
    if plugin not in manager:
        _ = manager[plugin]  # raises what is the matter with it
    found = catalog(manager, plugin).values()
    tools = {tool.action: tool for tool in found if tool.plugin == plugin}
    if tools and action not in tools:
        raise PluginNotFoundError(
            f"plugin {plugin!r} has no action {action!r}",
            plugin=plugin,
            hint=f"Known: {', '.join(tools)}",
        )
    return tools.get(action)


def _by_name(request: ActionRequest) -> Mapping[str, Any]:
    if not request.params:
        return {}
    if isinstance(request.params, dict):
        return request.params
    raise InvalidParamsError(
        f"plugin {request.connection!r} does not declare its actions, so that only params by name"
        " can be passed on",
        plugin=request.connection,
        hint='Send {"params": {"name": "value"}}',
    )


def _named(tool: Tool, params: dict[str, Any] | list[Any] | str | None) -> Any:
    """Return positional parameters by name."""
    if not isinstance(params, list):
        return params
    names = list(tool.parameters["properties"])
    if len(params) > len(names):
        raise InvalidParamsError(
            f"action {tool.action!r} of plugin {tool.plugin!r} takes {len(names)} parameters, and"
            f" was given {len(params)}",
            plugin=tool.plugin,
            hint=f"In this order: {', '.join(names) or 'none'}",
        )
    return dict(zip(names, params, strict=False))
