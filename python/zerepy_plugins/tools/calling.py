"""Calling a tool as a model asked for it."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from zerepy_plugins._loop import wait_for
from zerepy_plugins.errors import PluginError, PluginExecutionError
from zerepy_plugins.tools.arguments import checked
from zerepy_plugins.tools.catalog import find
from zerepy_plugins.tools.failure import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zerepy_plugins import PluginManager
    from zerepy_plugins.tools.catalog import Tool

_MAX_ITEMS = 10_000  # of a stream: a model cannot read more, and some never end


def call_tool(
    manager: PluginManager,
    name: str,
    arguments: Mapping[str, Any] | str | None = None,
    *,
    raise_errors: bool = False,
) -> Any:
    """Call a tool and wait; see :meth:`PluginManager.call_tool`."""
    try:
        tool = find(manager, name)
        params = checked(tool, arguments)
        if tool.exec == "stream":
            return wait_for(_items(manager, tool, params), f"tool {name!r}")
        if tool.category == "action":
            return manager.execute_sync(tool.plugin, params)
        return manager.perform_action(tool.plugin, tool.action, params)
    except PluginError as error:
        if raise_errors:
            raise
        return ToolError.of(error)


async def call_tool_async(
    manager: PluginManager,
    name: str,
    arguments: Mapping[str, Any] | str | None = None,
    *,
    raise_errors: bool = False,
) -> Any:
    """Call a tool; see :meth:`PluginManager.call_tool_async`."""
    try:
        tool = find(manager, name)
        params = checked(tool, arguments)
        if tool.exec == "stream":
            return await _items(manager, tool, params)
        if tool.category == "action":
            return await manager.execute(tool.plugin, params)
        return await manager.perform_action_async(tool.plugin, tool.action, params)
    except PluginError as error:
        if raise_errors:
            raise
        return ToolError.of(error)


async def _items(manager: PluginManager, tool: Tool, params: Any) -> list[Any]:
    """Return all that a stream yields."""
    if tool.category == "action":
        stream = manager.execute_stream(tool.plugin, params)
    else:
        stream = manager.perform_action_stream(tool.plugin, tool.action, params)
    items: list[Any] = []
    async with aclosing(stream):
        async for item in stream:
            if len(items) == _MAX_ITEMS:
                raise PluginExecutionError(
                    f"tool {tool.name!r} yields more than {_MAX_ITEMS} items",
                    plugin=tool.plugin,
                    hint="Ask for less, or read them one by one with perform_action_stream()",
                )
            items.append(item)
    return items
