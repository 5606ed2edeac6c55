"""Numbers such as ``5.0`` where an integer is wanted: to JSON Schema it is one, to Rust it is not.

JSON has one kind of number, and the clients of some models (Gemini's) give all of them as floats.
"""

from __future__ import annotations

from typing import Any

from zerepy_plugins.tools.coercion import resolved

_MIN, _END = -(2**63), 2**64  # what schemas can check; larger floats are no exact counts anyway


def with_integers(value: Any, schema: Any, definitions: dict[str, Any]) -> Any:
    """Return a value that fits a schema with whole floats as `int` where only those are wanted.

    What is given is not changed, and given back where there is nothing to do.

    Args:
        value: What fits the schema.
        schema: What it fits.
        definitions: What references in it lead to, by name.
    """
    schema = _only_alternative(resolved(schema, definitions), definitions)
    if isinstance(value, float):
        types = schema.get("type", ())
        is_wanted = "integer" in types and "number" not in types
        is_one = value.is_integer() and _MIN <= value < _END
        return int(value) if is_wanted and is_one else value
    if isinstance(value, dict):
        parts, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        new: Any = {
            key: with_integers(item, parts.get(key, others), definitions)
            for key, item in value.items()
        }
        return new if any(new[key] is not item for key, item in value.items()) else value
    if isinstance(value, list):
        new = [with_integers(item, schema.get("items", {}), definitions) for item in value]
        is_new = any(one is not other for one, other in zip(new, value, strict=True))
        return new if is_new else value
    return value


def _only_alternative(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the one alternative that a schema has beside null, if it is such a one."""
    found = [part for part in schema.get("anyOf", ()) if part != {"type": "null"}]
    return resolved(found[0], definitions) if len(found) == 1 else schema
