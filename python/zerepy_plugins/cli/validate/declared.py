"""Checks of what a plugin declares: name, version, schemas, descriptions. Nothing is started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from zerepy_plugins._native import is_version, schema_problems
from zerepy_plugins.cli.validate.outcome import CheckFailed
from zerepy_plugins.errors import PluginConfigError

if TYPE_CHECKING:
    from zerepy_plugins.cli.validate.subject import Subject


def declaration(subject: Subject) -> list[str]:
    """It says what it is, in the forms that others can read."""
    described = subject.described
    if not is_version(described["version"]):
        raise CheckFailed(
            f"its version {described['version']!r} does not follow PEP 440",
            "Write a version such as 1.0.0",
        )
    for what, schema in _schemas(described):
        try:
            schema_problems(schema, None, what)
        except PluginConfigError as error:
            raise CheckFailed(f"{what}: {error.message}", error.hint) from None
    return list(_lacking(described))


def _schemas(described: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if described["config_schema"] is not None:
        yield "config_schema", described["config_schema"]
    for action, details in described["actions"].items():
        for key in ("params", "result"):
            if details.get(key) is not None:
                yield f"the {key} schema of {action!r}", details[key]


def _lacking(described: Mapping[str, Any]) -> Iterator[str]:
    """Give what a model or a person who reads the declaration will miss."""
    if not described["description"]:
        yield "it has no description"
    if not described["actions"]:
        yield "it declares no actions"
    for action, details in described["actions"].items():
        if not details.get("description"):
            yield f"{action!r} has no description"
        if not details.get("params"):
            yield f"{action!r} has no schema of its parameters"
        for key, part in (details.get("params") or {}).get("properties", {}).items():
            if not isinstance(part, Mapping) or not (part.get("description") or part.get("$ref")):
                yield f"the parameter {key!r} of {action!r} has no description"
