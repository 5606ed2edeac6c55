"""Values of the wrong type that models write: mended where the schema leaves no doubt."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

_INTEGER = re.compile(r"-?\d+", re.ASCII)
_NUMBER = re.compile(r"-?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MAX_DIGITS = 4_000  # Python itself refuses to read longer integers

Accepts = Callable[[dict[str, Any], Any], bool]
"""Whether a value fits a schema that is a part of the root schema."""


def coerced(value: Any, schema: Any, accepts: Accepts, definitions: dict[str, Any]) -> Any:
    """Return the value with what does not fit turned into what the schema asks for.

    Whatever fits already is left as it is, and so is what cannot be mended: a text stays a text
    where a text is allowed. Texts become numbers, booleans, null, lists and objects; null is left
    out where a property is optional. Nothing given is changed: what differs is new.

    Args:
        value: What the model gave.
        schema: What it should be.
        accepts: Whether a value fits a part of the schema.
        definitions: What references in it lead to, by name.
    """
    schema = resolved(schema, definitions)
    if not schema or accepts(schema, value):
        return value
    for key in ("anyOf", "oneOf"):
        for alternative in schema.get(key, ()):
            found = coerced(value, alternative, accepts, definitions)
            if found is not value and accepts(schema, found):
                return found
    types = _types(schema)
    if isinstance(value, str) and "string" not in types:
        read = _read(value, types)
        if read is value:
            return value
        value = read
    if isinstance(value, dict):
        return _object(value, schema, accepts, definitions)
    if isinstance(value, list):
        items = schema.get("items", {})
        return [coerced(item, items, accepts, definitions) for item in value]
    return value


def resolved(schema: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a schema, or the definition that it refers to; ``{}`` if there is none."""
    if not isinstance(schema, dict):
        return {}
    reference = schema.get("$ref")
    if isinstance(reference, str):
        found = definitions.get(reference.removeprefix("#/$defs/"))
        return found if isinstance(found, dict) else {}
    return schema


def _types(schema: dict[str, Any]) -> frozenset[str]:
    types = schema.get("type")
    if types is None:
        if "properties" in schema:
            return frozenset({"object"})
        return frozenset({"string"}) if "enum" not in schema else _types_of_enum(schema["enum"])
    return frozenset([types] if isinstance(types, str) else types)


def _types_of_enum(values: list[Any]) -> frozenset[str]:
    names = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    return frozenset(names.get(type(value), "object") for value in values)


def _object(
    value: dict[str, Any], schema: dict[str, Any], accepts: Accepts, definitions: dict[str, Any]
) -> dict[str, Any]:
    properties, required = schema.get("properties", {}), schema.get("required", ())
    others = schema.get("additionalProperties", {})
    result = {}
    for key, item in value.items():
        part = properties.get(key, others)
        found = coerced(item, part, accepts, definitions)
        is_left_out = (
            found is None
            and key in properties
            and key not in required
            and not accepts(resolved(part, definitions), None)
        )
        if not is_left_out:
            result[key] = found
    return result


def _read(text: str, types: frozenset[str]) -> Any:
    """Return what a text says, as one of the types; the text itself if it says none of them."""
    bare = text.strip()
    if len(bare) <= _MAX_DIGITS and {"integer", "number"} & types and _INTEGER.fullmatch(bare):
        return int(bare)
    if "number" in types and _NUMBER.fullmatch(bare) and math.isfinite(number := float(bare)):
        return number
    if "boolean" in types and bare.lower() in ("true", "false"):
        return bare.lower() == "true"
    if "null" in types and bare.lower() in ("null", "none"):
        return None
    wanted = {"{": "object", "[": "array"}.get(bare[:1])
    if wanted in types:
        try:
            return json.loads(bare)
        except (ValueError, RecursionError):
            return text
    return text
