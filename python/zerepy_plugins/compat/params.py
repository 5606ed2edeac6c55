"""ZerePy's action parameters as JSON Schema, and values as those schemas want them.

Values are changed only where a schema says what they should be and they are not.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Unchanged", "coerced", "describe_action", "named", "schema_of_type"]

_NAMES: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    tuple: "array",
    set: "array",
    dict: "object",
    type(None): "null",
}
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_INTEGER = re.compile(r"\s*[+-]?\d+\s*")


class Unchanged:
    """Stands where a parameter's type cannot be called, such as ``List[str]``: changes nothing."""

    def __init__(self, original: Any) -> None:
        self.original = original
        self.__name__ = str(original)

    def __call__(self, value: Any) -> Any:
        """Return the value."""
        return value


def schema_of_type(annotation: Any) -> dict[str, Any]:
    """Return the JSON Schema of a Python type; an empty one where nothing is known."""
    if isinstance(annotation, Unchanged):
        return schema_of_type(annotation.original)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [schema_of_type(argument) for argument in arguments]}
    name = _NAMES.get(origin or annotation)
    if name is None:
        return {}
    schema: dict[str, Any] = {"type": name}
    if name == "array" and arguments and (items := schema_of_type(arguments[0])):
        schema["items"] = items
    return schema


def describe_action(action: Any) -> dict[str, Any]:
    """Describe one of ZerePy's ``Action`` objects as ``ConnectionPlugin.actions`` wants it."""
    parameters = list(getattr(action, "parameters", ()))
    properties = {}
    for parameter in parameters:
        properties[parameter.name] = schema_of_type(parameter.type) | {
            "description": str(parameter.description)
        }
    return {
        "description": str(getattr(action, "description", "")),
        "params": {
            "type": "object",
            "properties": properties,
            "required": [parameter.name for parameter in parameters if parameter.required],
        },
    }


def named(params: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return parameters by name, in a new ``dict``; the caller's own is never changed.

    Args:
        params: A ``dict``, a list of values in the order of ``names``, or ``None``.
        names: What the values of a list are; as in ZerePy, values too many are left out.
    """
    if params is None:
        return {}
    if isinstance(params, Mapping):
        return dict(params)
    if isinstance(params, str | bytes):
        raise TypeError("params must be a dict or a list of values, not one text")
    return dict(zip(names, params, strict=False))


def coerced(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return the value as the schema wants it, if it does not fit and there is no doubt how.

    ``"5"`` becomes 5 where an integer is wanted, ``"false"`` ``False`` where a boolean is, and JSON
    text a list or an object. What cannot be told is returned as it is.
    """
    if _fits(value, schema):
        if schema.get("type") == "array" and isinstance(schema.get("items"), Mapping):
            items = [coerced(item, schema["items"]) for item in value]
            return value if items == list(value) else items
        return value
    for wanted in _wanted(schema):
        changed = _as(value, str(wanted.get("type")))
        if changed is not None and _fits(changed, wanted):
            return coerced(changed, wanted)
    return value


def _wanted(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return [{**schema, "type": kind} for kind in kinds]
    return list(schema.get("anyOf", schema.get("oneOf", [schema])))


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    if "enum" in schema:
        return value in schema["enum"]
    if "type" not in schema or isinstance(schema["type"], list) or "anyOf" in schema:
        options = _wanted(schema)
        return options == [schema] or any(_fits(value, option) for option in options)
    match schema["type"]:
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "array":
            return isinstance(value, list | tuple | set)
    wanted = next((kind for kind, name in _NAMES.items() if name == schema["type"]), object)
    return isinstance(value, wanted)


def _as(value: Any, kind: str) -> Any:
    """Return the value as that JSON type, or ``None`` if it is not clear how."""
    if isinstance(value, float) and kind == "integer":
        return int(value) if value.is_integer() else None
    if not isinstance(value, str):
        return None
    try:
        match kind:
            case "integer":
                return int(value) if _INTEGER.fullmatch(value) else None
            case "number":
                return float(value)
            case "boolean":
                return _TRUTH.get(value.strip().lower())
            case "array" | "object":
                return json.loads(value)
    except ValueError:
        return None
    return None
