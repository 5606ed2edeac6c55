"""A manager's actions, offered as an MCP server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp import MCPError
from mcp.server.lowlevel import NotificationOptions, Server

from zerepy_plugins.mcp.changes import ToolChanges
from zerepy_plugins.mcp.results import as_text, misfit
from zerepy_plugins.tools import ToolError, catalog
from zerepy_plugins.tools.dialects import mcp as listed
from zerepy_plugins.tools.dialects import output_schema
from zerepy_plugins.tools.jsonable import jsonable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp.server.models import InitializationOptions

    from zerepy_plugins import PluginManager
    from zerepy_plugins.tools import Tool


def build_server(
    manager: PluginManager,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
) -> Server[Any]:
    """Make an MCP server of the actions of a manager's running plugins.

    Which plugins run is looked up anew each time a client asks, and clients are told when the list
    changes. Calls go through ``call_tool_async``: checked, counted, with errors that a model can
    act on; a client that cancels one cancels the action.

    Args:
        manager: Whose plugins; it must outlive the server.
        include: Names of plugins, or patterns of ``plugin.action`` with ``*``: only these.
        exclude: The same: all but these.
    """

    def offered() -> dict[str, Tool]:
        return catalog(manager, include, exclude)

    changes = ToolChanges(manager, offered)

    async def list_tools(context: Any, _params: Any) -> types.ListToolsResult:
        changes.follow(context)
        return types.ListToolsResult(
            tools=[types.Tool(**listed(tool)) for tool in offered().values()]
        )

    async def call_tool(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = offered().get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"there is no tool {params.name!r}")
        return _result(await manager.call_tool_async(tool.name, params.arguments), tool)

    return _Server(
        "zerepy-plugins",
        lifespan=changes.watching,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_subscriptions_listen=changes.listen,
    )


class _Server(Server[Any]):
    """A server whose clients are told that their list of tools is an old one."""

    def create_initialization_options(
        self, notification_options: NotificationOptions | None = None, *args: Any, **kwargs: Any
    ) -> InitializationOptions:
        """Return what is said to clients that connect."""
        told = notification_options or NotificationOptions(tools_changed=True)
        return super().create_initialization_options(told, *args, **kwargs)


def _result(value: Any, tool: Tool) -> types.CallToolResult:
    """Return what a call gave, as MCP says it: clients refuse one that its schema does not fit."""
    plain = jsonable(value)
    content = [_text(plain)]
    if isinstance(value, ToolError):
        return types.CallToolResult(content=content, is_error=True)
    schema = None if tool.result is None else output_schema(tool.result)
    is_wrapped = tool.result is not None and tool.result.get("type") != "object"
    structured = {"result": plain} if is_wrapped else plain
    if schema is not None and (problem := misfit(tool, schema, structured)) is not None:
        return types.CallToolResult(content=[_text(problem), *content], is_error=True)
    return types.CallToolResult(
        content=content,
        structured_content=structured if isinstance(structured, dict) else None,
    )


def _text(value: Any) -> types.ContentBlock:
    return types.TextContent(type="text", text=as_text(value))
