"""What a method's signature and docstring say of its parameters, as JSON Schema."""

from __future__ import annotations

import inspect
import typing
from typing import Any

from zerepy_plugins.tools import docstrings
from zerepy_plugins.tools.typed import TypeSchemas, default_of, hints_of

_NAMES_OF_ALL_PARAMS = frozenset({"params", "arguments", "args", "kwargs"})


def schema_of(hint: Any) -> dict[str, Any]:
    """Return the schema of one type by itself, a new ``dict``; ``{}`` if it could be anything."""
    schemas = TypeSchemas()
    return _with_definitions(schemas.of(hint), schemas)


def properties_of(hints: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object with a property for each type, none of them required."""
    schemas = TypeSchemas()
    properties = {name: schemas.of(hint) for name, hint in hints.items()}
    return _with_definitions({"type": "object", "properties": properties}, schemas)


def parameters_schema(
    function: Any, *, is_whole: bool = False, has_self: bool = True
) -> dict[str, Any] | None:
    """Return the schema of what a method takes; `None` if it does not say.

    Args:
        function: The method, as its class has it.
        is_whole: Whether its one parameter stands for all of them, as that of ``execute``, and
            gives the schema of its type: a pydantic model, a ``TypedDict`` or a dataclass. So does
            one that is called ``params``, ``arguments``, ``args`` or ``kwargs``.
        has_self: Whether its first parameter is the instance.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())[int(has_self) :]
    except (TypeError, ValueError):
        return None
    hints = hints_of(function)
    if len(parameters) == 1 and parameters[0].kind is not parameters[0].VAR_KEYWORD:
        whole = schema_of(hints.get(parameters[0].name, Any))
        if is_whole or parameters[0].name in _NAMES_OF_ALL_PARAMS:
            return whole if "properties" in whole else None
        if whole == {"type": "object"}:
            return None
    _, texts = docstrings.read(getattr(function, "__doc__", None))
    return _keywords_schema(parameters, hints, texts)


def _keywords_schema(
    parameters: list[inspect.Parameter], hints: dict[str, Any], texts: dict[str, str]
) -> dict[str, Any]:
    schemas = TypeSchemas()
    result: dict[str, Any] = {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }
    for parameter in parameters:
        hint = hints.get(parameter.name, Any)
        if parameter.kind is parameter.VAR_KEYWORD:
            _take_others(hint, schemas, result)
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            schema = schemas.of(hint)
            if parameter.default is parameter.empty:
                result["required"].append(parameter.name)
            else:
                schema |= default_of(parameter.default)
            result["properties"][parameter.name] = schema
    for name in texts.keys() & result["properties"].keys():
        result["properties"][name].setdefault("description", texts[name])
    return _with_definitions(result, schemas)


def _take_others(hint: Any, schemas: TypeSchemas, result: dict[str, Any]) -> None:
    """Add what ``**kwargs`` takes: the keys of a ``TypedDict``, or any with values of a type."""
    if typing.get_origin(hint) is typing.Unpack:
        record = schemas.of(typing.get_args(hint)[0])
        result["properties"] |= record["properties"]
        result["required"] += record["required"]
    else:
        result["additionalProperties"] = schemas.of(hint) or True


def _with_definitions(schema: dict[str, Any], schemas: TypeSchemas) -> dict[str, Any]:
    return schema | ({"$defs": schemas.definitions} if schemas.definitions else {})
