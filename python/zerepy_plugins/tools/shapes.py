"""What dialects have in common: a JSON Schema in few words, before each says it its own way."""

from __future__ import annotations

import json
from typing import Any

OBJECT_AS_TEXT = "A JSON object, written as text."
ANYTHING = ("string", "number", "boolean", "null")
"""The types that stand for "anything" where a type must be named."""

_NAMES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
_MAX_NOTE_CHARS = 200


def simple(schema: Any) -> dict[str, Any]:
    """Return the schema with ``allOf`` merged, ``oneOf`` as ``anyOf`` and ``const`` as ``enum``.

    Alternatives of a schema that has a type of its own only restrict it further: they are left out.
    Several types of which one has parts (an object, a list) become alternatives.
    """
    if not isinstance(schema, dict):
        return {}
    flat = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema.get("allOf", ()):
        flat = _merged(flat, simple(part))
    if "const" in flat:
        flat["enum"] = [flat.pop("const")]
    alternatives = flat.pop("oneOf", None) or flat.pop("anyOf", None)
    flat.pop("anyOf", None)
    if "type" not in flat and "enum" in flat:
        flat["type"] = _types_of(flat["enum"])
    if "type" not in flat and "properties" in flat:
        flat["type"] = "object"
    if "type" not in flat and ("items" in flat or "prefixItems" in flat):
        flat["type"] = "array"
    if alternatives and "type" not in flat:
        flat["anyOf"] = alternatives
    types = flat.get("type")
    if isinstance(types, list) and {"object", "array"} & set(types):
        return _split(flat, types)
    return flat


def _merged(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    both = right | left
    if "properties" in left and "properties" in right:
        both["properties"] = left["properties"] | {
            name: part
            for name, part in right["properties"].items()
            if name not in left["properties"]
        }
    if "required" in left and "required" in right:
        both["required"] = list(dict.fromkeys([*left["required"], *right["required"]]))
    return both


def _types_of(values: list[Any]) -> str | list[str]:
    names = list(dict.fromkeys(_NAMES.get(type(value), "object") for value in values))
    return names[0] if len(names) == 1 else names


def _split(flat: dict[str, Any], types: list[str]) -> dict[str, Any]:
    shared = {key: flat[key] for key in ("description", "title", "default") if key in flat}
    rest = {key: value for key, value in flat.items() if key not in shared}
    return shared | {"anyOf": [rest | {"type": name} for name in types]}


def is_free(schema: dict[str, Any]) -> bool:
    """Say whether it is an object whose keys are not all known: a map, or any object."""
    if schema.get("type") != "object" or schema.get("properties"):
        return False
    return bool(schema.get("additionalProperties", True)) or "patternProperties" in schema


def noted(schema: dict[str, Any], kept: frozenset[str], *notes: str) -> dict[str, Any]:
    """Return the ``kept`` keywords; what others say is added to the description, for the model.

    Args:
        schema: A schema as :func:`simple` returns it.
        kept: The keywords that the dialect knows.
        notes: What else the description has to say.
    """
    result = {key: value for key, value in schema.items() if key in kept}
    facts = [
        f"{key}: {text}"
        for key in _TOLD
        if key in schema and key not in kept and len(text := _text(schema[key])) <= _MAX_NOTE_CHARS
    ]
    parts = [str(schema.get("description") or ""), *notes]
    parts += [f"({', '.join(facts)})"] if facts else []
    if description := " ".join(part for part in parts if part):
        result["description"] = description
    return result


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


# What helps a model if it may not stand in the schema.
_TOLD = (
    "default",
    "enum",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
)
