"""A plugin in the shape of a ZerePy connection, for code that expects one. Adds no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zerepy_plugins.compat.params import coerced, named
from zerepy_plugins.compat.settling import off_loop
from zerepy_plugins.errors import InvalidParamsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from zerepy_plugins import ConnectionPlugin, PluginManager

__all__ = ["ServedConnection"]

_TYPES = {
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
}


@dataclass
class ActionParameter:
    """A parameter, as ZerePy describes it."""

    name: str
    required: bool
    type: type
    description: str


@dataclass
class Action:
    """An action, as ZerePy describes it."""

    name: str
    parameters: list[ActionParameter]
    description: str


class ServedConnection:
    """A running plugin as a ZerePy connection; other attributes are the plugin's own.

    Args:
        manager: The manager that runs the plugin; calls through this object are its calls.
        name: The plugin's name.
        config: The item of the agent's ``config``.
    """

    def __init__(self, manager: PluginManager, name: str, config: Mapping[str, Any]) -> None:
        self._manager = manager
        self._name = name
        self.config = config

    @property
    def plugin(self) -> ConnectionPlugin:
        """The plugin itself."""
        return self._manager[self._name]  # type: ignore[return-value]

    @property
    def actions(self) -> dict[str, Action]:
        """The actions by name; parameters in the order of the schema's properties."""
        described = self._described()
        return {name: _action(name, details) for name, details in described.items()}

    @property
    def is_llm_provider(self) -> bool:
        """Whether it generates text: it says so, or has the action that ZerePy calls for it."""
        own = getattr(self.plugin, "is_llm_provider", None)
        if own is None:
            return "generate-text" in {name.replace("_", "-") for name in self.actions}
        return bool(own() if callable(own) else own)

    def is_configured(self, verbose: bool = False) -> bool:  # noqa: ARG002 - ZerePy's signature
        """Ask the plugin."""
        return self.plugin.is_configured()

    def configure(
        self,
        *,
        prompts: Callable[[str], str] | None = None,  # noqa: ARG002 - plugins ask nothing
        **answers: Any,  # noqa: ARG002
    ) -> bool:
        """Let the plugin configure itself."""
        return self.plugin.configure()

    def perform_action(self, action_name: str, kwargs: Any = None) -> Any:
        """Perform an action; ``kwargs`` by name, or a list in the order of ``actions``."""
        return self.perform(*self.call(action_name, kwargs))

    def perform(self, action_name: str, arguments: dict[str, Any]) -> Any:
        """Perform an action, given as :meth:`call` returns it."""
        return off_loop(lambda: self._manager.perform_action(self._name, action_name, arguments))

    def call(self, action_name: str, params: Any) -> tuple[str, dict[str, Any]]:
        """Return the plugin's own name of an action, and its parameters by name."""
        described = self._described()
        name = _own_name(action_name, described)
        properties = (described.get(name, {}).get("params") or {}).get("properties", {})
        if not described and params and not isinstance(params, Mapping):
            raise InvalidParamsError(
                f"plugin {self._name!r} does not declare its actions: give it a dict",
                plugin=self._name,
            )
        arguments = named(params, properties)
        return name, {
            key: coerced(value, properties.get(key, {})) for key, value in arguments.items()
        }

    def _described(self) -> dict[str, Any]:
        return self._manager.describe(self._name)["actions"]  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.plugin, name)


def _own_name(action: str, known: Mapping[str, Any]) -> str:
    """Return what the plugin calls an action: Rust's ``generate_text`` is ``generate-text``."""
    if action in known:
        return action
    alike = [name for name in known if name.replace("_", "-") == action.replace("_", "-")]
    return alike[0] if alike else action


def _action(name: str, details: Mapping[str, Any]) -> Action:
    schema = details.get("params") or {}
    required = schema.get("required", ())
    parameters = [
        ActionParameter(key, key in required, _TYPES.get(part.get("type"), str), _text(part))
        for key, part in schema.get("properties", {}).items()
    ]
    return Action(name, parameters, details.get("description", ""))


def _text(schema: Mapping[str, Any]) -> str:
    return str(schema.get("description", ""))
