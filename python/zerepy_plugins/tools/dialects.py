"""Tool lists in the dialects of the model providers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from zerepy_plugins.errors import PluginConfigError
from zerepy_plugins.tools.catalog import Tool, catalog
from zerepy_plugins.tools.gemini import gemini_schema
from zerepy_plugins.tools.strict import strict_schema
from zerepy_plugins.tools.strict_limits import is_within_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from zerepy_plugins import PluginManager

_logger = logging.getLogger("zerepy_plugins.tools")


def tools(
    manager: PluginManager,
    format: str = "openai",  # noqa: A002 - the word of the public interface
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
) -> list[dict[str, Any]]:
    """Return the tool list of a manager; see :meth:`PluginManager.tools`."""
    write = FORMATS.get(format)
    if write is None:
        raise PluginConfigError(
            f"there is no tool format {format!r}", hint=f"Use one of {', '.join(FORMATS)}"
        )
    listed = []
    for tool in catalog(manager, include, exclude).values():
        try:
            listed.append(write(tool))
        except Exception:  # its schema is none; the others are offered all the same
            _logger.warning(
                "tool %r cannot be offered as %r: its schema is none",
                tool.name,
                format,
                exc_info=True,
            )
    return listed


def openai(tool: Tool) -> dict[str, Any]:
    """Return a function tool of OpenAI's chat completions, and of all that speak alike."""
    return _function(tool, {"parameters": tool.parameters})


def openai_strict(tool: Tool) -> dict[str, Any]:
    """Return a function tool with ``strict``: the model's arguments always fit the schema.

    One whose schema is beyond the limits of strict mode is returned without it.
    """
    schema = strict_schema(tool.parameters)
    if is_within_limits(schema):
        return _function(tool, {"parameters": schema, "strict": True})
    return _function(tool, {"parameters": tool.parameters, "strict": False})


def _function(tool: Tool, fields: dict[str, Any]) -> dict[str, Any]:
    about = {"name": tool.name, "description": tool.description}
    return {"type": "function", "function": about | fields}


def anthropic(tool: Tool) -> dict[str, Any]:
    """Return a tool of Anthropic's messages."""
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.parameters,
    }


def gemini(tool: Tool) -> dict[str, Any]:
    """Return one of Gemini's ``function_declarations``."""
    parameters = gemini_schema(tool.parameters)
    declaration = {"name": tool.name, "description": tool.description}
    return declaration | ({} if parameters is None else {"parameters": parameters})


def mcp(tool: Tool) -> dict[str, Any]:
    """Return a tool as MCP's ``tools/list`` has it."""
    listed: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": tool.parameters,
    }
    if tool.result is not None:
        listed["outputSchema"] = output_schema(tool.result)
    if tool.is_idempotent:
        listed["annotations"] = {"idempotentHint": True}
    return listed


def output_schema(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result's schema as that of an object; another result stands in ``result``."""
    if result.get("type") == "object":
        return result
    part = {key: value for key, value in result.items() if key != "$defs"}
    wrapper = {"type": "object", "properties": {"result": part}, "required": ["result"]}
    return wrapper | ({"$defs": result["$defs"]} if "$defs" in result else {})


FORMATS: dict[str, Callable[[Tool], dict[str, Any]]] = {
    "openai": openai,
    "openai-strict": openai_strict,
    "anthropic": anthropic,
    "gemini": gemini,
    "mcp": mcp,
}
"""What writes a tool in each dialect, by the dialect's name."""
