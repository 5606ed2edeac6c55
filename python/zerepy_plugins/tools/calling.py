"""Calling a tool as a model asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zerepy_plugins.errors import PluginError
from zerepy_plugins.tools.arguments import checked
from zerepy_plugins.tools.catalog import find
from zerepy_plugins.tools.failure import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zerepy_plugins import PluginManager


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
        if tool.category == "action":
            return await manager.execute(tool.plugin, params)
        return await manager.perform_action_async(tool.plugin, tool.action, params)
    except PluginError as error:
        if raise_errors:
            raise
        return ToolError.of(error)
