"""Actions as tools of language models: one list for every provider, and one way to call.

Reached through :meth:`PluginManager.tools`, :meth:`PluginManager.call_tool` and
:meth:`PluginManager.call_tool_async`; imported only when one of them is used.
"""

from zerepy_plugins.tools.calling import call_tool, call_tool_async
from zerepy_plugins.tools.catalog import Tool, catalog
from zerepy_plugins.tools.dialects import FORMATS, tools
from zerepy_plugins.tools.failure import ToolError
from zerepy_plugins.tools.names import tool_name

__all__ = [
    "FORMATS",
    "Tool",
    "ToolError",
    "call_tool",
    "call_tool_async",
    "catalog",
    "tool_name",
    "tools",
]
