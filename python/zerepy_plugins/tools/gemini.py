"""JSON Schema in the words of Gemini's ``Schema``: a part of OpenAPI 3.0, without references."""

from __future__ import annotations

from typing import Any

from zerepy_plugins.tools.shapes import ANYTHING, OBJECT_AS_TEXT, noted, simple

_KEPT = frozenset(
    {"type", "description", "title", "nullable", "minimum", "maximum", "pattern"}
    | {"minItems", "maxItems", "minLength", "maxLength"}
)
_FORMATS = {
    "string": {"date-time"},
    "number": {"float", "double"},
    "integer": {"int32", "int64"},
}


def gemini_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of a tool's parameters for Gemini; `None` if there are none.

    Args:
        schema: That of an object; references only to ``$defs``, where it contains itself.
    """
    flat = simple(schema)
    return _object(flat) if flat.get("properties") else None  # it refuses an empty object


def _part(schema: Any) -> dict[str, Any]:
    flat = simple(schema)
    is_empty = flat.get("type") == "object" and not flat.get("properties")  # which it refuses
    if "$ref" in flat or is_empty:
        return noted(flat | {"type": "string"}, _KEPT, OBJECT_AS_TEXT)
    if "anyOf" in flat:
        return _union(flat, [_part(part) for part in flat["anyOf"] if not _is_null(part)])
    types = flat.get("type", list(ANYTHING))
    if isinstance(types, list):
        parts = [_part(flat | {"type": name}) for name in types if name != "null"]
        bare = [{key: part[key] for key in part if key != "description"} for part in parts]
        return _union(flat | {"anyOf": types}, bare)
    match types:
        case "null":
            return {"type": "string", "nullable": True}
        case "object":
            return _object(flat)
        case "array":
            return noted(flat, _KEPT) | {"items": _items(flat)}
    return _scalar(flat)


def _is_null(schema: Any) -> bool:
    return schema in ("null", {"type": "null"})


def _union(flat: dict[str, Any], parts: list[dict[str, Any]]) -> dict[str, Any]:
    nullable = {"nullable": True} if any(map(_is_null, flat["anyOf"])) else {}
    about = noted(flat, frozenset({"title"}))
    if len(parts) == 1:
        return parts[0] | about | nullable
    return about | nullable | {"anyOf": parts}


def _object(flat: dict[str, Any]) -> dict[str, Any]:
    properties = {name: _part(part) for name, part in flat.get("properties", {}).items()}
    required = [name for name in flat.get("required", ()) if name in properties]
    result = noted(flat, _KEPT) | {"properties": properties}
    return result | ({"required": required} if required else {})


def _items(flat: dict[str, Any]) -> dict[str, Any]:
    listed = flat.get("prefixItems")
    if listed is None:
        return _part(flat.get("items", {}))
    parts = [_part(part) for part in listed]
    distinct = [part for at, part in enumerate(parts) if part not in parts[:at]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _scalar(flat: dict[str, Any]) -> dict[str, Any]:
    name = flat["type"]
    kept = _KEPT
    if flat.get("format") in _FORMATS.get(name, ()):
        kept |= {"format"}
    values = flat.get("enum")
    if values is None or name != "string" or "" in values:  # only texts that are not empty
        return noted(flat, kept)
    texts = [value for value in values if isinstance(value, str)]
    return noted(flat, kept | {"enum"}) | {"format": "enum", "enum": texts}
