"""Which tools there are: every action of every running plugin, with one schema each."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from zerepy_plugins.errors import PluginConfigError, PluginNotFoundError, PluginStateError
from zerepy_plugins.tools.declared import actions_of
from zerepy_plugins.tools.names import tool_name
from zerepy_plugins.tools.references import inlined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zerepy_plugins import PluginManager

_logger = logging.getLogger("zerepy_plugins.tools")
_UNIONS = ("allOf", "anyOf", "oneOf")
WRAPPER = "params"
"""The one property of a tool whose action takes something else than an object."""


@dataclass(frozen=True)
class Tool:
    """One action, as models see it."""

    name: str
    plugin: str
    action: str
    category: str
    """``connection`` or ``action``."""
    description: str
    parameters: dict[str, Any]
    """JSON Schema of an object; references only where it contains itself."""
    result: dict[str, Any] | None
    """JSON Schema of the result, where there is one."""
    exec: str
    """How it runs: ``inline``, ``blocking``, ``async`` or ``stream``."""
    is_wrapped: bool
    """Whether the action's parameters are no object, and stand in the property ``params``."""
    is_idempotent: bool = False
    """Whether its author says that it may be done twice."""


def catalog(
    manager: PluginManager,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
) -> dict[str, Tool]:
    """Return the tools of all running plugins by name, in the order in which the plugins started.

    Args:
        manager: Whose plugins.
        include: Names of plugins, or patterns of ``plugin.action`` with ``*``: only these.
        exclude: The same: all but these.
    """
    wanted, unwanted = _patterns("include", include), _patterns("exclude", exclude)
    tools: dict[str, Tool] = {}
    for plugin, instance in manager.plugins.items():
        for tool in _tools_of(manager, plugin, instance):
            if wanted is not None and not _matches(tool, wanted):
                continue
            if not (unwanted and _matches(tool, unwanted)):
                tools[tool.name] = tool
    return tools


def find(manager: PluginManager, name: str) -> Tool:
    """Return the tool of that name.

    Raises:
        PluginNotFoundError: There is none; the hint offers the nearest.
        PluginStateError: Its plugin is not running.
    """
    plugin = name.partition("__")[0]  # how a plain name reads; saves looking at all plugins
    if plugin in manager:
        for tool in _tools_of(manager, plugin, manager[plugin]):
            if tool.name == name:
                return tool
    tools = catalog(manager)
    if name in tools:
        return tools[name]
    _refuse_stopped(manager, name)
    from difflib import get_close_matches

    near = get_close_matches(name, tools, n=3)
    known = ", ".join(list(tools)[:10]) or "none: no plugin with actions is running"
    raise PluginNotFoundError(
        f"there is no tool {name!r}",
        hint=f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known: {known}",
    )


def _refuse_stopped(manager: PluginManager, name: str) -> None:
    for status in manager.status():
        if status.name not in manager:
            actions = manager.describe(status.name)["actions"]
            if name in {tool_name(status.name, action) for action in actions}:
                raise PluginStateError(
                    f"tool {name!r} is not there: plugin {status.name!r} is {status.state}",
                    plugin=status.name,
                    hint="Start it first: call start_plugins()",
                )


def _tools_of(manager: PluginManager, plugin: str, instance: object) -> list[Tool]:
    try:
        described = manager.describe(plugin)
        actions = actions_of(described, type(instance))
        return [_tool(plugin, described, action, details) for action, details in actions.items()]
    except PluginNotFoundError:  # removed a moment ago
        return []
    except Exception:
        _logger.warning("the actions of plugin %r cannot be read", plugin, exc_info=True)
        return []


def _tool(plugin: str, described: dict[str, Any], action: str, details: dict[str, Any]) -> Tool:
    parameters, is_wrapped = _object_schema(details.get("params"))
    runs = details.get("exec", "inline")
    text = details.get("description") or (
        described["description"] if described["category"] == "action" else ""
    )
    return Tool(
        name=tool_name(plugin, action),
        plugin=plugin,
        action=action,
        category=described["category"],
        description=text or f"{action} of {plugin}",
        parameters=parameters,
        result=_result_schema(details.get("result"), runs),
        exec=runs,
        is_wrapped=is_wrapped,
        is_idempotent=bool((details.get("policy") or {}).get("idempotent")),
    )


def _result_schema(schema: Any, runs: str) -> dict[str, Any] | None:
    """Return the schema of what a call gives back: of a stream, the list of its items."""
    if schema is None:
        return None
    flat = inlined(schema)
    if runs != "stream":
        return flat
    definitions = {"$defs": flat.pop("$defs")} if "$defs" in flat else {}
    return {"type": "array", "items": flat} | definitions


def _object_schema(schema: Any) -> tuple[dict[str, Any], bool]:
    """Return the schema as that of an object, and whether it had to be wrapped."""
    flat = inlined(schema)
    flat.pop("title", None)
    description = flat.pop("description", None)  # the action's own says what it does
    if not flat:
        return {"type": "object", "properties": {}}, False
    is_object = flat.get("type") == "object" or ("properties" in flat and "type" not in flat)
    if is_object and "$ref" not in flat and not any(key in flat for key in _UNIONS):
        return {"type": "object", "properties": {}} | flat, False
    definitions = {"$defs": flat.pop("$defs")} if "$defs" in flat else {}
    if description:
        flat["description"] = description
    wrapper = {"type": "object", "properties": {WRAPPER: flat}, "required": [WRAPPER]}
    return wrapper | {"additionalProperties": False} | definitions, True


def _patterns(argument: str, given: str | Iterable[str] | None) -> list[str] | None:
    if given is None:
        return None
    patterns = [given] if isinstance(given, str) else list(given)
    if not all(isinstance(pattern, str) for pattern in patterns):
        raise PluginConfigError(
            f"{argument} of tools() must be names of plugins or patterns of plugin.action",
            hint='Write ["search", "files.read_*"]',
        )
    return patterns


def _matches(tool: Tool, patterns: list[str]) -> bool:
    names = (tool.plugin, f"{tool.plugin}.{tool.action}")
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
