"""Values between plugins and MCP: tools, and what a call brings back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_types import CallToolResult, Tool


def action_of(tool: Tool) -> dict[str, Any]:
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


def value_of(result: CallToolResult, action: dict[str, Any] | None) -> Any:
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


def as_text(value: Any) -> str:
    """Return a result as the text that a model reads."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
