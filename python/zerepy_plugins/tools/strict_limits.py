"""How large a schema OpenAI's strict mode takes, as its documentation says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_MAX_PROPERTIES = 5_000
_MAX_NESTING = 10
_MAX_CHARS = 120_000
_MAX_ENUM_VALUES = 1_000
_MANY_ENUM_VALUES = 250  # of so many in one place, the texts may be only so long together:
_MAX_MANY_ENUM_CHARS = 15_000


def is_within_limits(schema: dict[str, Any]) -> bool:
    """Say whether strict mode takes a schema of that size.

    Args:
        schema: As :func:`~zerepy_plugins.tools.strict.strict_schema` returns it.
    """
    size = _Size()
    size.add(schema, 1)
    return (
        size.properties <= _MAX_PROPERTIES
        and size.nesting <= _MAX_NESTING
        and size.chars <= _MAX_CHARS
        and size.enum_values <= _MAX_ENUM_VALUES
        and not size.has_long_enum
    )


@dataclass
class _Size:
    properties: int = 0
    nesting: int = 0
    chars: int = 0  # of names and values together
    enum_values: int = 0
    has_long_enum: bool = False

    def add(self, schema: dict[str, Any], depth: int) -> None:
        """Count a schema that stands in so many objects, its own included."""
        values = schema.get("enum", ())
        properties = schema.get("properties", {})
        definitions = schema.get("$defs", {})
        value_chars = sum(len(str(value)) for value in values)
        self.enum_values += len(values)
        self.has_long_enum |= len(values) > _MANY_ENUM_VALUES and value_chars > _MAX_MANY_ENUM_CHARS
        self.properties += len(properties)
        self.chars += value_chars + sum(map(len, (*properties, *definitions)))
        if properties:
            self.nesting = max(self.nesting, depth)
        for part in properties.values():
            self.add(part, depth + 1)
        items = [schema["items"]] if "items" in schema else []
        for part in [*schema.get("anyOf", ()), *items, *definitions.values()]:
            self.add(part, depth)
