"""JSON Schema as OpenAI's strict mode takes it.

Every object is closed and requires all its properties; optional ones may be null, which
`call_tool` takes for "left out". Constraints that not every model knows stand in the description.
"""

from __future__ import annotations

from typing import Any

from zerepy_plugins.tools.shapes import ANYTHING, OBJECT_AS_TEXT, is_free, noted, simple

_KEPT = frozenset({"type", "enum", "description"})


def strict_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a tool's parameters for strict mode.

    Args:
        schema: That of an object; references only to ``$defs``, where it contains itself.
    """
    root = _object(simple(schema))
    if definitions := schema.get("$defs"):
        root["$defs"] = {name: _part(part) for name, part in definitions.items()}
    return root


def _part(schema: Any) -> dict[str, Any]:
    flat = simple(schema)
    if "$ref" in flat:  # it may not have anything beside it
        return {"$ref": flat["$ref"]}
    if "anyOf" in flat:
        return noted(flat, _KEPT) | {"anyOf": _alternatives(flat["anyOf"])}
    match flat.get("type"):
        case "object" if is_free(flat):
            return noted(flat | {"type": "string"}, _KEPT, OBJECT_AS_TEXT)
        case "object":
            return _object(flat)
        case "array":
            return noted(flat, _KEPT) | {"items": _items(flat)}
        case None:
            return noted(flat, _KEPT) | {"type": list(ANYTHING)}
    return noted(flat, _KEPT)


def _object(flat: dict[str, Any]) -> dict[str, Any]:
    properties = flat.get("properties", {})
    required = flat.get("required", ())
    strict = {
        name: _part(part) if name in required else _nullable(_part(part))
        for name, part in properties.items()
    }
    return noted(flat, frozenset({"description"})) | {
        "type": "object",
        "properties": strict,
        "required": list(strict),
        "additionalProperties": False,
    }


def _items(flat: dict[str, Any]) -> dict[str, Any]:
    listed = flat.get("prefixItems")
    if listed is None:
        return _part(flat.get("items", {}))
    alternatives = _alternatives(listed)
    return alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}


def _alternatives(schemas: list[Any]) -> list[dict[str, Any]]:
    """Return each one's strict form, without those that stand inside another list and repeats."""
    found: list[dict[str, Any]] = []
    for schema in map(_part, schemas):
        for alternative in schema["anyOf"] if schema.keys() == {"anyOf"} else [schema]:
            if alternative not in found:
                found.append(alternative)
    return found


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    null = {"type": "null"}
    if "anyOf" in schema:
        alternatives = schema["anyOf"]
        return schema if null in alternatives else schema | {"anyOf": [*alternatives, null]}
    if "$ref" in schema:
        return {"anyOf": [schema, null]}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if "null" in types:
        return schema
    nullable = schema | {"type": [*types, "null"]}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable
