"""ZerePy's ``src.config.validation``: all that is wrong with a configuration, at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

__all__ = [
    "AgentConfigValidator",
    "ConfigValidator",
    "ConnectionConfigValidator",
    "PluginConfigValidator",
    "SchemaValidator",
    "ValidationError",
]


@dataclass
class ValidationError:
    """One problem; ``field`` is its path, such as ``tasks[0].name``."""

    field: str
    message: str


class ConfigValidator(ABC):
    """Finds what is wrong with a configuration."""

    @abstractmethod
    def validate(self, config: dict[str, Any]) -> list[ValidationError]:
        """Return all problems; an empty list means there are none."""


class SchemaValidator(ConfigValidator):
    """Checks fields by rules.

    Args:
        schema: For each field a ``dict`` of rules: ``required``, ``type`` (a type, or a tuple of
            them), ``enum``, ``schema`` (rules for the fields of an object), ``items`` (rules for
            the fields of the objects in a list).
    """

    def __init__(self, schema: dict[str, dict[str, Any]]) -> None:
        self.schema = schema

    def validate(self, config: dict[str, Any]) -> list[ValidationError]:
        """Return all problems, each with its path."""
        return list(_problems(self.schema, config, ""))


def _problems(schema: dict[str, dict[str, Any]], config: Any, path: str) -> Any:
    if not isinstance(config, dict):
        yield ValidationError(path, f"{path or 'it'} must be an object")
        return
    for field, rules in schema.items():
        place = f"{path}.{field}" if path else field
        if field in config:
            yield from _problems_of_value(rules, config[field], place)
        elif rules.get("required"):
            yield ValidationError(place, f"{place} is required")


def _problems_of_value(rules: dict[str, Any], value: Any, place: str) -> Any:
    wanted = rules.get("type")
    if wanted is not None and not _is_a(value, wanted):
        yield ValidationError(place, f"{place} must be of type {_shown(wanted)}")
        return
    allowed = rules.get("enum")
    if allowed and value not in allowed:
        yield ValidationError(place, f"{place} must be one of {allowed}")
    if rules.get("schema"):
        yield from _problems(rules["schema"], value, place)
    if rules.get("items") and isinstance(value, list):
        for at, item in enumerate(value):
            yield from _problems(rules["items"], item, f"{place}[{at}]")


def _is_a(value: Any, wanted: Any) -> bool:
    kinds = wanted if isinstance(wanted, tuple) else (wanted,)
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)


def _shown(wanted: Any) -> str:
    kinds = wanted if isinstance(wanted, tuple) else (wanted,)
    return " or ".join(kind.__name__ for kind in kinds)


class ConnectionConfigValidator(SchemaValidator):
    """Checks one connection's configuration, as ZerePy's guide has it."""

    def __init__(self) -> None:
        keys = ("api_key", "api_secret", "access_token")
        super().__init__(
            {
                "name": {"required": True, "type": str},
                "type": {"required": True, "type": str},
                "credentials": {"type": dict, "schema": {key: {"type": str} for key in keys}},
                "options": {"type": dict},
            }
        )


class PluginConfigValidator(SchemaValidator):
    """Checks a plugin's configuration in the manifest's shape."""

    def __init__(self) -> None:
        super().__init__(
            {
                "name": {"required": True, "type": str},
                "version": {"required": True, "type": str},
                "type": {"required": True, "type": str, "enum": ["connection", "action"]},
                "config": {
                    "type": dict,
                    "schema": {"enabled": {"type": bool}, "options": {"type": dict}},
                },
            }
        )


class AgentConfigValidator(SchemaValidator):
    """Checks a file of ``agents/``, as ZerePy's agents read it."""

    def __init__(self) -> None:
        named = {"name": {"required": True, "type": str}}
        super().__init__(
            {
                **named,
                "bio": {"required": True, "type": (str, list)},
                "traits": {"required": True, "type": list},
                "examples": {"required": True, "type": list},
                "loop_delay": {"required": True, "type": (int, float)},
                "config": {"required": True, "type": (list, dict), "items": named},
                "tasks": {
                    "required": True,
                    "type": list,
                    "items": {
                        **named,
                        "weight": {"type": (int, float)},
                        "description": {"type": str},
                        "enabled": {"type": bool},
                    },
                },
            }
        )
