"""From one Python type to JSON Schema, as type hints spell types."""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import enum
import json
import pathlib
import types
import typing
import uuid
from typing import Any

from zerepy_plugins.tools import docstrings
from zerepy_plugins.tools.references import inlined

_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    None: {"type": "null"},
    type(None): {"type": "null"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    pathlib.Path: {"type": "string"},
}
_LISTS = frozenset(
    {list, set, frozenset, tuple, collections.abc.Sequence, collections.abc.MutableSequence}
    | {collections.abc.Iterable, collections.abc.Collection, collections.abc.Set}
)
_MAPS = frozenset({dict, collections.abc.Mapping, collections.abc.MutableMapping})
_MARKS = (typing.Required, typing.NotRequired)
# What stands in `Annotated`, by its attribute, as pydantic and annotated-types name them.
_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}
_LENGTHS = {"min_length": ("minLength", "minItems"), "max_length": ("maxLength", "maxItems")}


class TypeSchemas:
    """The schemas of types that stand in one document.

    What contains itself is a reference to ``#/$defs/<name>``; see :attr:`definitions`.
    """

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        """What references in the schemas lead to; belongs to the root of the document."""
        self._within: list[Any] = []
        self._names: dict[int, str] = {}

    def of(self, hint: Any) -> dict[str, Any]:
        """Return the schema of a type, a new ``dict``; ``{}`` if it could be anything."""
        if isinstance(hint, type | None) and hint in _SCALARS:
            return dict(_SCALARS[hint])
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            return self._annotated(arguments)
        if origin is typing.Literal:
            return _enum(list(arguments))
        if origin in (typing.Union, types.UnionType):
            return self._union(arguments)
        if origin in _MARKS:
            return self.of(arguments[0])
        if isinstance(hint, typing.NewType):
            return self.of(hint.__supertype__)
        container = self._container(origin or hint, arguments)
        return self._named(hint) if container is None else container

    def _annotated(self, arguments: tuple[Any, ...]) -> dict[str, Any]:
        schema = self.of(arguments[0])
        for extra in arguments[1:]:
            text = extra if isinstance(extra, str) else getattr(extra, "description", None)
            if isinstance(text, str):
                schema["description"] = text
            for bound in (extra, *(getattr(extra, "metadata", None) or ())):
                schema |= _bounds(bound, is_list=schema.get("type") == "array")
        return schema

    def _union(self, arguments: tuple[Any, ...]) -> dict[str, Any]:
        schemas = [self.of(argument) for argument in arguments]
        if all(schema.keys() == {"type"} and isinstance(schema["type"], str) for schema in schemas):
            return {"type": [schema["type"] for schema in schemas]}
        return {"anyOf": schemas} if all(schemas) else {}

    def _container(self, origin: Any, arguments: tuple[Any, ...]) -> dict[str, Any] | None:
        if not isinstance(origin, collections.abc.Hashable):
            return None
        if origin in _LISTS:
            schema: dict[str, Any] = {"type": "array"}
            if origin is tuple and arguments and arguments[-1] is not Ellipsis:
                schema["prefixItems"] = [self.of(argument) for argument in arguments]
                schema |= {"minItems": len(arguments), "maxItems": len(arguments)}
            elif arguments and (items := self.of(arguments[0])):
                schema["items"] = items
            return schema
        if origin in _MAPS:
            values = self.of(arguments[1]) if len(arguments) == 2 else {}
            return {"type": "object"} | ({"additionalProperties": values} if values else {})
        return None

    def _named(self, hint: Any) -> dict[str, Any]:
        """Return the schema of a class or an alias: of one that is being read, a reference."""
        if any(hint is other for other in self._within):
            name = self._names.setdefault(id(hint), self._free_name(hint.__name__))
            return {"$ref": f"#/$defs/{name}"}
        self._within.append(hint)
        try:
            schema = self.of(hint.__value__) if hasattr(hint, "__value__") else self._class(hint)
        finally:
            self._within.pop()
        if (name := self._names.get(id(hint), "")) not in self.definitions and name:
            self.definitions[name] = schema
        return dict(schema)

    def _free_name(self, name: str) -> str:
        while name in self.definitions or name in self._names.values():
            name += "_"
        return name

    def _class(self, hint: Any) -> dict[str, Any]:
        if not isinstance(hint, type):
            return {}
        if hasattr(hint, "model_json_schema"):
            return self._model(hint.model_json_schema())
        if issubclass(hint, enum.Enum):
            return _enum([member.value for member in hint])
        if typing.is_typeddict(hint):
            return self._record(hint, getattr(hint, "__required_keys__", ()))
        if dataclasses.is_dataclass(hint):
            missing = dataclasses.MISSING
            required = {
                field.name
                for field in dataclasses.fields(hint)
                if field.default is missing and field.default_factory is missing
            }
            return self._record(hint, required)
        return {}

    def _model(self, schema: dict[str, Any]) -> dict[str, Any]:
        flat = inlined(schema)
        for name, part in flat.pop("$defs", {}).items():
            if self.definitions.setdefault(name, part) != part:  # two models of one name
                return {"type": "object"}
        return flat

    def _record(self, hint: type, required: collections.abc.Collection[str]) -> dict[str, Any]:
        # Where annotations are texts, `__required_keys__` does not know what they say.
        hints = hints_of(hint)
        marks = {name: typing.get_origin(part) for name, part in hints.items()}
        _, texts = docstrings.read(hint.__doc__)
        properties = {name: self.of(part) for name, part in hints.items()}
        for name in texts.keys() & properties.keys():
            properties[name].setdefault("description", texts[name])
        return {
            "type": "object",
            "properties": properties,
            "required": [
                name
                for name, mark in marks.items()
                if mark is typing.Required or (name in required and mark is not typing.NotRequired)
            ],
            "additionalProperties": False,
        }


def hints_of(function: Any) -> dict[str, Any]:
    """Return the type hints of a function or class; none where they cannot be resolved."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - a name may exist for type checkers only
        return {}


def default_of(value: Any) -> dict[str, Any]:
    """Return a default as a schema says it; nothing if JSON cannot hold it."""
    plain = value.value if isinstance(value, enum.Enum) else value
    try:
        return {"default": json.loads(json.dumps(plain, allow_nan=False))}
    except (TypeError, ValueError, RecursionError):
        return {}


def _enum(values: list[Any]) -> dict[str, Any]:
    plain = [value.value if isinstance(value, enum.Enum) else value for value in values]
    is_json = all(value is None or isinstance(value, str | int | float) for value in plain)
    return {"enum": plain} if is_json else {}


def _bounds(extra: Any, *, is_list: bool) -> dict[str, Any]:
    names = _BOUNDS | {name: keys[is_list] for name, keys in _LENGTHS.items()}
    found = {keyword: getattr(extra, name, None) for name, keyword in names.items()}
    return {key: value for key, value in found.items() if isinstance(value, str | int | float)}
