"""A manager's actions, offered as an MCP server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp import MCPError
from mcp.server.lowlevel import Server

from zerepy_plugins.mcp.results import as_text
from zerepy_plugins.tools import ToolError, catalog
from zerepy_plugins.tools.dialects import mcp as listed
from zerepy_plugins.tools.jsonable import jsonable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zerepy_plugins import PluginManager


def build_server(
    manager: PluginManager,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
) -> Server[Any]:
    """Make an MCP server of the actions of a manager's running plugins.

    Which plugins run is looked up anew each time a client asks, and calls go through
    ``call_tool_async``: checked, counted, with errors that a model can act on.

    Args:
        manager: Whose plugins; it must outlive the server.
        include: Names of plugins, or patterns of ``plugin.action`` with ``*``: only these.
        exclude: The same: all but these.
    """

    async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
        found = catalog(manager, include, exclude).values()
        return types.ListToolsResult(tools=[types.Tool(**listed(tool)) for tool in found])

    async def call_tool(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        offered = catalog(manager, include, exclude)
        if params.name not in offered:
            raise MCPError(types.INVALID_PARAMS, f"there is no tool {params.name!r}")
        result = await manager.call_tool_async(params.name, params.arguments)
        return _result(result, offered[params.name].result)

    return Server("zerepy-plugins", on_list_tools=list_tools, on_call_tool=call_tool)


def _result(value: Any, schema: dict[str, Any] | None) -> types.CallToolResult:
    plain = jsonable(value)
    is_error = isinstance(value, ToolError)
    structured = plain if isinstance(plain, dict) else None
    if not is_error and schema is not None and schema.get("type") != "object":
        structured = {"result": plain}
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=as_text(plain))],
        structured_content=structured,
        is_error=is_error,
    )
