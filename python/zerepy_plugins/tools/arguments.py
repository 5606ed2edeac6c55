"""From what a model wrote to an action's parameters: read, check, mend, check again."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from zerepy_plugins._native import JsonSchema
from zerepy_plugins.errors import InvalidParamsError, PluginConfigError
from zerepy_plugins.tools.catalog import WRAPPER, Tool
from zerepy_plugins.tools.coercion import coerced
from zerepy_plugins.tools.failure import refusal
from zerepy_plugins.tools.integers import with_integers

_logger = logging.getLogger("zerepy_plugins.tools")
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
        schema = JsonSchema(tool.parameters)
    except PluginConfigError as error:  # a model still gets a chance: the plugin checks as well
        _logger.warning("the arguments of tool %r are not checked: %s", tool.name, error)
        return given[WRAPPER] if tool.is_wrapped and WRAPPER in given else given
    try:
        if not schema.accepts(_as_json(given)):
            given = _mended(tool, given)
            if problems := schema.problems(ROOT, _as_json(given)):
                raise refusal(tool.name, tool.plugin, problems)
        given = with_integers(given, tool.parameters, tool.parameters.get("$defs", {}))
    except (PluginConfigError, OverflowError) as error:
        text = getattr(error, "message", None) or str(error)
        raise _unreadable(tool, "JSON", text, "something else") from error
    return given[WRAPPER] if tool.is_wrapped else given


def _read(tool: Tool, arguments: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return the arguments as a `dict`; some models and clients send a JSON text."""
    given: Any = arguments or None
    if isinstance(given, str | bytes):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise _unreadable(tool, "object", f"it is no JSON: {error}", "a text") from error
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise _unreadable(tool, "object", "must be an object", type(given).__name__)
    return dict(given)


def _unreadable(tool: Tool, expected: str, message: str, got: str) -> InvalidParamsError:
    problem = {"path": ROOT, "message": message, "expected": expected, "got": got}
    return refusal(tool.name, tool.plugin, [problem])


def _mended(tool: Tool, given: dict[str, Any]) -> dict[str, Any]:
    definitions = tool.parameters.get("$defs", {})

    def accepts(schema: dict[str, Any], value: Any) -> bool:
        return JsonSchema(schema | {"$defs": definitions}).accepts(_as_json(value))

    mended: dict[str, Any] = coerced(given, tool.parameters, accepts, definitions)
    return mended


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
