"""From what a model wrote to an action's parameters: read, check, mend, check again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from zerepy_plugins._native import JsonSchema
from zerepy_plugins.errors import InvalidParamsError, PluginConfigError
from zerepy_plugins.tools.catalog import WRAPPER, Tool
from zerepy_plugins.tools.coercion import coerced
from zerepy_plugins.tools.failure import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = "params"
"""What the arguments are called in front of each path, as in the errors of plugins."""
_MAX_DEPTH = 128  # as everywhere at the border


def checked(tool: Tool, arguments: Mapping[str, Any] | str | None) -> Any:
    """Return an action's parameters from a model's arguments, which are not changed.

    Raises:
        InvalidParamsError: They do not fit, also when texts are taken for what they say.
    """
    given = _read(tool, arguments)
    try:
        if not _accepts(tool.parameters, given):
            given = _mended(tool, given)
            problems = JsonSchema(tool.parameters).problems(ROOT, _as_json(given))
            if problems:
                raise refusal(tool.name, tool.plugin, problems)
    except (PluginConfigError, OverflowError) as error:
        text = getattr(error, "message", None) or str(error)
        raise _unreadable(tool, "JSON", text, "something else") from error
    return given[WRAPPER] if tool.is_wrapped else given


def _read(tool: Tool, arguments: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return the arguments as a `dict`; some models and clients send a JSON text."""
    given: Any = {} if arguments is None or arguments == "" else arguments
    if isinstance(given, str | bytes):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise _unreadable(tool, "object", f"it is no JSON: {error}", "a text") from error
    try:
        return dict(given)
    except (TypeError, ValueError):
        got = type(given).__name__
        raise _unreadable(tool, "object", "must be an object", got) from None


def _unreadable(tool: Tool, expected: str, message: str, got: str) -> InvalidParamsError:
    problem = {"path": ROOT, "message": message, "expected": expected, "got": got}
    return refusal(tool.name, tool.plugin, [problem])


def _mended(tool: Tool, given: dict[str, Any]) -> dict[str, Any]:
    definitions = tool.parameters.get("$defs", {})

    def accepts(schema: dict[str, Any], value: Any) -> bool:
        return _accepts(schema | {"$defs": definitions}, value)

    mended: dict[str, Any] = coerced(given, tool.parameters, accepts, definitions)
    return mended


def _accepts(schema: dict[str, Any], value: Any) -> bool:
    return JsonSchema(schema).accepts(_as_json(value))


def _as_json(value: Any, depth: int = 0) -> Any:
    """Return a copy that the checker can read: with integers beyond 64 bits as floats."""
    if depth > _MAX_DEPTH:
        raise PluginConfigError("it is nested too deeply, or contains itself")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return float(value)
    if isinstance(value, dict):
        return {key: _as_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item, depth + 1) for item in value]
    return value
