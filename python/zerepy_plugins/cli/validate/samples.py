"""Values made from a JSON Schema: one that fits it, and many that do not. Calls nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zerepy_plugins._native import schema_problems
from zerepy_plugins.errors import PluginConfigError

HUGE_CHARS = 8 * 1024 * 1024
_DEPTH = 1_000  # deeper than any host lets through, and no trouble for Python's own recursion
_MAX_NESTING = 16  # of a schema that refers to itself

Schema = Mapping[str, Any]


class NoSampleError(Exception):
    """No value could be made that fits the schema."""


def sample(schema: Schema | None) -> Any:
    """Return a small value that fits; `{}` where nothing is asked for.

    Raises `NoSampleError` where that takes more than the schema says, such as a pattern.
    """
    if schema is None:
        return {}
    value = _make(schema, schema, 0)
    if not fits(schema, value):
        raise NoSampleError
    return value


def fits(schema: Schema, value: object) -> bool:
    """Say whether `value` is one that JSON has, and fits."""
    try:
        return not schema_problems(schema, value, "value")
    except PluginConfigError:
        return False


def huge_text() -> str:
    """Return a text larger than any that is meant."""
    return "x" * HUGE_CHARS


def deep_list() -> list[Any]:
    """Return lists within lists, deeper than values may be."""
    value: list[Any] = []
    for _ in range(_DEPTH):
        value = [value]
    return value


def misfits(schema: Schema) -> Iterator[tuple[str, Any]]:
    """Give values that do not fit, each with what it is: whole, and for each of its properties.

    There are none for a schema without properties: who takes no parameters misreads none.
    """
    if not schema.get("properties"):
        return
    for what, value, like in _WRONG:
        # As parameters, null is how nothing is given.
        if value is not None and not isinstance(value, dict) and not fits(schema, like):
            yield what, value
    if not fits(schema, {}):
        yield "an empty object", {}
    try:
        good = sample(schema)
    except NoSampleError:
        good = {}
    if not isinstance(good, dict):
        return
    large: tuple[tuple[str, Any, Any], ...] = (
        ("a text of 8 MiB", huge_text(), "text"),
        ("deep lists", deep_list(), [[]]),
    )
    for key in schema["properties"]:
        for what, value, like in (*_WRONG, *large):
            if not fits(schema, good | {key: like}):
                yield f"{what} for {key!r}", good | {key: value}


# What it is, the value, and one to check in its place, where JSON has no such value.
_WRONG: tuple[tuple[str, Any, Any], ...] = (
    ("null", None, None),
    ("a text", "text", "text"),
    ("an empty text", "", ""),
    ("a number", -1.5, -1.5),
    ("an integer beyond 64 bits", -(2**70), -(2**63)),
    ("a list", [1, "two", None], [1, "two", None]),
    ("an object", {"unexpected": True}, {"unexpected": True}),
)


def _make(schema: Any, root: Schema, nesting: int) -> Any:
    if not isinstance(schema, Mapping) or nesting > _MAX_NESTING:
        return None
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    if "$ref" in schema:
        return _make(_resolve(schema["$ref"], root), root, nesting + 1)
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return _make(schema[key][0], root, nesting + 1)
    if schema.get("allOf"):
        parts = [_make(part, root, nesting + 1) for part in schema["allOf"]]
        return {
            key: value for part in parts if isinstance(part, dict) for key, value in part.items()
        }
    return _of_type(schema, root, nesting)


def _of_type(schema: Schema, root: Schema, nesting: int) -> Any:
    name = schema.get("type", "object" if "properties" in schema else "string")
    match name[0] if isinstance(name, list) else name:
        case "object":
            known = schema.get("properties", {})
            required = schema.get("required", ())
            return {key: _make(known.get(key, {}), root, nesting + 1) for key in required}
        case "array":
            items = schema.get("items", {})
            return [_make(items, root, nesting + 1) for _ in range(schema.get("minItems", 0))]
        case "string":
            return "a" * max(1, schema.get("minLength", 0))
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return False
    return None


def _number(schema: Schema) -> Any:
    step = schema.get("multipleOf", 1)
    if "minimum" in schema:
        return -(-schema["minimum"] // step) * step
    if "exclusiveMinimum" in schema:
        return (schema["exclusiveMinimum"] // step + 1) * step
    most = schema.get("maximum", schema.get("exclusiveMaximum", step + 1) - step)
    return min(step, most // step * step)


def _resolve(reference: Any, root: Schema) -> Any:
    found: Any = root
    for step in str(reference).removeprefix("#").strip("/").split("/"):
        if step:
            found = found.get(step) if isinstance(found, Mapping) else None
    return found
