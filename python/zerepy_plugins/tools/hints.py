"""From type hints to JSON Schema: what a method's parameters say of themselves."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import inspect
import types
import typing
from typing import Any

from zerepy_plugins.tools import docstrings
from zerepy_plugins.tools.references import inlined

_SCALARS = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
_LISTS = (list, set, frozenset, tuple, collections.abc.Sequence, collections.abc.Iterable)
_MAPS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_MARKS = (typing.Required, typing.NotRequired)
_NAMES_OF_ALL_PARAMS = frozenset({"params", "arguments", "args", "kwargs"})


def parameters_schema(function: Any) -> dict[str, Any] | None:
    """Return the schema of what a method takes beside ``self``; `None` if it does not say.

    One parameter that stands for all of them gives the schema of its own type: a pydantic model, a
    ``TypedDict`` or a dataclass.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())[1:]
    except (TypeError, ValueError):
        return None
    hints = _hints_of(function)
    if len(parameters) == 1 and parameters[0].kind is not parameters[0].VAR_KEYWORD:
        whole = schema_of(hints.get(parameters[0].name, Any))
        if "properties" in whole:
            return whole
        if parameters[0].name in _NAMES_OF_ALL_PARAMS or whole.get("type") == "object":
            return None
    _, texts = docstrings.read(getattr(function, "__doc__", None))
    return _keywords_schema(parameters, hints, texts)


def _keywords_schema(
    parameters: list[inspect.Parameter], hints: dict[str, Any], texts: dict[str, str]
) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    is_open = False
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            is_open = True
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            schema = schema_of(hints.get(parameter.name, Any))
            if parameter.name in texts:
                schema.setdefault("description", texts[parameter.name])
            if parameter.default is parameter.empty:
                required.append(parameter.name)
            elif parameter.default is None or type(parameter.default) in _SCALARS:
                schema["default"] = parameter.default
            properties[parameter.name] = schema
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": is_open,
    }


def _hints_of(function: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - a name may exist for type checkers only
        return {}


def schema_of(hint: Any, within: tuple[Any, ...] = ()) -> dict[str, Any]:
    """Return the schema of a type hint, a new ``dict``; ``{}`` if it could be anything."""
    if hint in within:
        return {"type": "object"}
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    within = (*within, hint)
    if isinstance(hint, type) and hint in _SCALARS:
        return {"type": _SCALARS[hint]}
    if hint is None:
        return {"type": "null"}
    if origin is typing.Annotated:
        return _annotated(arguments, within)
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin in (typing.Union, types.UnionType):
        return _union(arguments, within)
    if isinstance(hint, typing.NewType):
        return schema_of(hint.__supertype__, within)
    return _container(origin or hint, arguments, within) or _class(hint, within)


def _annotated(arguments: tuple[Any, ...], within: tuple[Any, ...]) -> dict[str, Any]:
    schema = schema_of(arguments[0], within)
    for extra in arguments[1:]:
        text = extra if isinstance(extra, str) else getattr(extra, "description", None)
        if isinstance(text, str):
            schema["description"] = text
    return schema


def _union(arguments: tuple[Any, ...], within: tuple[Any, ...]) -> dict[str, Any]:
    schemas = [schema_of(argument, within) for argument in arguments]
    if all(schema.keys() == {"type"} and isinstance(schema["type"], str) for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    return {"anyOf": schemas} if all(schemas) else {}


def _container(
    origin: Any, arguments: tuple[Any, ...], within: tuple[Any, ...]
) -> dict[str, Any] | None:
    if origin in _LISTS:
        schema: dict[str, Any] = {"type": "array"}
        if origin is tuple and arguments and arguments[-1] is not Ellipsis:
            schema["prefixItems"] = [schema_of(argument, within) for argument in arguments]
            schema |= {"minItems": len(arguments), "maxItems": len(arguments)}
        elif arguments and (items := schema_of(arguments[0], within)):
            schema["items"] = items
        return schema
    if origin in _MAPS:
        values = schema_of(arguments[1], within) if len(arguments) == 2 else {}
        return {"type": "object"} | ({"additionalProperties": values} if values else {})
    return None


def _class(hint: Any, within: tuple[Any, ...]) -> dict[str, Any]:
    if not isinstance(hint, type):
        return {}
    if hasattr(hint, "model_json_schema"):
        schema = inlined(hint.model_json_schema())
        return {"type": "object"} if "$defs" in schema else schema
    if issubclass(hint, enum.Enum):
        return {"enum": [member.value for member in hint]}
    if typing.is_typeddict(hint):
        return _record(hint, getattr(hint, "__required_keys__", ()), within)
    if dataclasses.is_dataclass(hint):
        missing = dataclasses.MISSING
        required = {
            field.name
            for field in dataclasses.fields(hint)
            if field.default is missing and field.default_factory is missing
        }
        return _record(hint, required, within)
    return {}


def _record(
    hint: type, required: collections.abc.Collection[str], within: tuple[Any, ...]
) -> dict[str, Any]:
    # Where annotations are texts, `__required_keys__` does not know what they say.
    hints = _hints_of(hint)
    origins = {name: typing.get_origin(part) for name, part in hints.items()}
    bare = {
        name: typing.get_args(part)[0] if origins[name] in _MARKS else part
        for name, part in hints.items()
    }
    return {
        "type": "object",
        "properties": {name: schema_of(part, within) for name, part in bare.items()},
        "required": [
            name
            for name, origin in origins.items()
            if origin is typing.Required or (name in required and origin is not typing.NotRequired)
        ],
        "additionalProperties": False,
    }
