"""Values between plugins and MCP: tools, and what a call brings back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from zerepy_plugins._native import JsonSchema
from zerepy_plugins.errors import InvalidParamsError, PluginConfigError
from zerepy_plugins.tools.failure import ToolError

if TYPE_CHECKING:
    import mcp_types as types

    from zerepy_plugins.tools import Tool


def action_of(tool: types.Tool) -> dict[str, Any]:
    """Return an MCP tool as an entry of a plugin's ``actions``."""
    action: dict[str, Any] = {
        "description": tool.description or tool.title or "",
        "params": dict(tool.input_schema),
    }
    if tool.output_schema is not None:
        schema = dict(tool.output_schema)
        action["result"] = schema["properties"]["result"] if _is_wrapped(schema) else schema
        action["wrapped"] = _is_wrapped(schema)
    return action


def _is_wrapped(schema: dict[str, Any]) -> bool:
    """Say whether the result was no object, so that its server put it into one."""
    properties = schema.get("properties")
    return isinstance(properties, dict) and properties.keys() == {"result"}


def value_of(result: types.CallToolResult, action: dict[str, Any] | None) -> Any:
    """Return what a call brought back, as plain Python data."""
    structured = result.structured_content
    if structured is not None:
        is_wrapped = action is not None and action.get("wrapped") and isinstance(structured, dict)
        return structured.get("result") if is_wrapped else structured
    blocks = [_block(block) for block in result.content]
    if not blocks:
        return None
    return blocks[0] if len(blocks) == 1 else blocks


def _block(block: Any) -> Any:
    if block.type == "text":
        return block.text
    return block.model_dump(mode="json", by_alias=True, exclude_none=True)


def misfit(tool: Tool, schema: dict[str, Any], result: Any) -> ToolError | None:
    """Return the error for a result that is not what its plugin says of it; `None` if it is."""
    try:
        problems = JsonSchema(schema).problems("result", result)
    except (PluginConfigError, OverflowError):  # beyond what can be checked here
        return None
    if not problems:
        return None
    lines = [f"{problem['path']}: {problem['message']}" for problem in problems]
    return ToolError.of(
        InvalidParamsError(
            f"the result of tool {tool.name!r} does not fit its schema: {'; '.join(lines)}",
            plugin=tool.plugin,
            code="invalid_result",
            hint="What it returned follows; calling it again with the same arguments will not help",
            problems=problems,
        )
    )


def as_text(value: Any) -> str:
    """Return a result as the text that a model reads."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
