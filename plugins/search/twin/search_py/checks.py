"""Parameters, checked one by one: what is wrong is an `InvalidParamsError` that names its path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zerepy_plugins.errors import InvalidParamsError

if TYPE_CHECKING:
    from collections.abc import Mapping


def text(params: Mapping[str, Any], key: str, at: str = "params") -> str:
    """Return the text `params[key]`."""
    value = _required(params, key, at)
    if not isinstance(value, str):
        raise InvalidParamsError(f"{at}.{key}: must be a string, not {_type(value)}")
    return value


def optional_text(params: Mapping[str, Any], key: str, at: str = "params") -> str | None:
    """Return the text `params[key]`, or `None` where it is `None` or missing."""
    return None if params.get(key) is None else text(params, key, at)


def items(params: Mapping[str, Any], key: str) -> list[Any]:
    """Return the list `params[key]`, its items unchecked."""
    value = _required(params, key, "params")
    if not isinstance(value, list | tuple):
        raise InvalidParamsError(f"params.{key}: must be a list, not {_type(value)}")
    return list(value)


def texts(params: Mapping[str, Any], key: str) -> list[str]:
    """Return the list of texts `params[key]`."""
    values = items(params, key)
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise InvalidParamsError(f"params.{key}[{index}]: must be a string, not {_type(value)}")
    return values


def limit(params: Mapping[str, Any], default: int) -> int:
    """Return `params["limit"]`, an integer of at least 0."""
    value = params.get("limit", default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidParamsError(f"params.limit: must be an integer of at least 0, not {value!r}")
    return value


def _required(params: Mapping[str, Any], key: str, at: str) -> Any:
    if key not in params:
        raise InvalidParamsError(f"{at}.{key}: is required")
    return params[key]


def _type(value: object) -> str:
    return type(value).__name__
