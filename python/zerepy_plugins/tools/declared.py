"""What a plugin declares of its actions, in every way there is to declare it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from zerepy_plugins.base import ActionPlugin, ConnectionPlugin
from zerepy_plugins.tools import docstrings, hints

_OWN_METHODS = frozenset(dir(ConnectionPlugin))


def actions_of(described: Mapping[str, Any], plugin_cls: type) -> dict[str, dict[str, Any]]:
    """Return a plugin's actions by name: ``description``, ``exec``, ``params``, ``result``.

    Where one has no schema, it is what the action's method says by its type hints and docstring.

    Args:
        described: What ``manager.describe`` says.
        plugin_cls: The plugin's class.
    """
    actions: dict[str, dict[str, Any]] = dict(described["actions"])
    if described["kind"] == "python":
        for name, action in actions.items():
            _complete(action, plugin_cls, name)
    return actions


def own_actions(own: object) -> dict[str, dict[str, Any]]:
    """Return what an instance says in ``self.actions``, without what cannot be understood."""
    if not isinstance(own, Mapping):
        return {}
    found = {str(name): normalised(value) for name, value in own.items()}
    return {name: action for name, action in found.items() if action is not None}


def normalised(value: object) -> dict[str, Any] | None:
    """Return what an entry of ``actions`` says; `None` if it is no such thing.

    An entry is a description, a ``dict``, or an object with ``description`` and ``parameters``, as
    ZerePy's ``Action`` is.
    """
    if isinstance(value, str):
        return {"description": value, "exec": "inline"}
    if not isinstance(value, Mapping):
        if not hasattr(value, "parameters"):
            return None
        value = {"description": getattr(value, "description", ""), "params": value.parameters}
    found: dict[str, Any] = {
        "description": str(value.get("description") or ""),
        "exec": str(value.get("exec") or "inline"),
    }
    for key in ("params", "result"):
        schema = value.get(key)
        if isinstance(schema, type) and hasattr(schema, "model_json_schema"):
            found[key] = schema.model_json_schema()
        elif isinstance(schema, Mapping):
            found[key] = dict(schema)
        elif isinstance(schema, Iterable) and not isinstance(schema, str):
            found[key] = _parameter_list(schema)
    return found


def _parameter_list(parameters: Iterable[Any]) -> dict[str, Any]:
    """Return the schema of a list of ZerePy's ``ActionParameter``."""
    listed = list(parameters)
    schema = hints.properties_of({parameter.name: parameter.type for parameter in listed})
    for parameter in listed:
        if parameter.description:
            schema["properties"][parameter.name]["description"] = parameter.description
    required = [parameter.name for parameter in listed if parameter.required]
    return schema | {"required": required}


def _complete(action: dict[str, Any], plugin_cls: type, name: str) -> None:
    """Add what the function behind an action says, as far as it can be told by its name."""
    is_whole = issubclass(plugin_cls, ActionPlugin)
    method_name = "execute" if is_whole else name.replace("-", "_")
    found = inspect.getattr_static(plugin_cls, method_name, None)
    if found is None or (method_name in _OWN_METHODS and not is_whole):
        return
    method = getattr(plugin_cls, method_name)
    if not callable(method):
        return
    has_self = not isinstance(found, staticmethod | classmethod)
    if not action.get("description"):
        action["description"] = method.__doc__ or ""
    action["description"], _ = docstrings.read(action["description"])
    if "params" not in action:
        schema = hints.parameters_schema(method, is_whole=is_whole, has_self=has_self)
        action |= {} if schema is None else {"params": schema}
