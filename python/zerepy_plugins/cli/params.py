"""From `--param key=value` and `--json` to an action's parameters, guided by its schema."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import typer

_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def parse_params(
    pairs: Iterable[str], document: str | None, schema: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the parameters of `document` (JSON, `-`: standard input), then those of `pairs`.

    A `--param` goes before the same key of the document. Raises `typer.BadParameter` where
    something is not of the form asked for.
    """
    params = _parse_document(document) if document is not None else {}
    seen: set[str] = set()
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{pair!r} is not of the form key=value", param_hint="--param")
        if key in seen:
            raise typer.BadParameter(
                f"{key!r} is given twice; give a list as JSON: {key}='[…]'", param_hint="--param"
            )
        seen.add(key)
        params[key] = parse_value(key, text, frozenset(type_names(schema, key)))
    return params


def _parse_document(document: str) -> dict[str, Any]:
    text = sys.stdin.read() if document == "-" else document
    try:
        params = json.loads(text)
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--json") from error
    if not isinstance(params, dict):
        raise typer.BadParameter(
            f"the parameters must be an object, not {_json_type(params)}", param_hint="--json"
        )
    return params


def parse_value(key: str, text: str, accepted: frozenset[str]) -> Any:
    """Return `text` as one of the `accepted` JSON types.

    Where a string is accepted it stays a string, so that `"5"` is never changed by surprise; where
    nothing is known (an empty set), it is JSON if it parses as JSON, else a string.
    """
    if "string" in accepted:
        return text
    try:
        value = json.loads(text.lower() if accepted == {"boolean"} else text)
    except json.JSONDecodeError:
        if not accepted:
            return text
    else:
        if not accepted or any(_is_a(value, name) for name in accepted):
            return value
    expected = " or ".join(sorted(accepted))
    raise typer.BadParameter(f"{key} must be {expected}, not {text!r}", param_hint="--param")


def _is_a(value: object, type_name: str) -> bool:
    if isinstance(value, bool):
        return type_name == "boolean"
    return isinstance(value, _TYPES.get(type_name, ()))


def _json_type(value: object) -> str:
    return next((name for name in _TYPES if _is_a(value, name)), "string")


def type_names(schema: Mapping[str, Any] | None, key: str) -> list[str]:
    """Return the JSON types that the schema allows for `key`; empty where it does not say."""
    properties = (schema or {}).get("properties")
    if schema is None or not isinstance(properties, Mapping):
        return []
    return sorted(_types_of(properties.get(key), schema, frozenset()))


def _types_of(part: Any, root: Mapping[str, Any], followed: frozenset[str]) -> frozenset[str]:
    if not isinstance(part, Mapping):
        return frozenset()
    if "type" in part:
        names = part["type"]
        return frozenset([names] if isinstance(names, str) else names)
    if isinstance(part.get("enum"), list):
        return frozenset(map(_json_type, part["enum"]))
    reference = part.get("$ref")
    if isinstance(reference, str) and reference not in followed:
        return _types_of(_resolve(reference, root), root, followed | {reference})
    alternatives = part.get("anyOf") or part.get("oneOf") or ()
    types = [_types_of(alternative, root, followed) for alternative in alternatives]
    return frozenset().union(*types) if all(types) else frozenset()


def _resolve(reference: str, root: Mapping[str, Any]) -> Any:
    """Return what a reference within the document (`#/$defs/Name`) points to, or `None`."""
    found: Any = root if reference.startswith("#/") else None
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
