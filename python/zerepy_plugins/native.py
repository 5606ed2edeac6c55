"""The Python classes of plugins that come from a shared library.

To their user they are ordinary plugin classes: they can be instantiated, subclassed and called
directly. Every method passes on to a handle of the library's instance.
"""

from __future__ import annotations

import re
import types
from typing import TYPE_CHECKING, Any, ClassVar

from zerepy_plugins.base import ActionPlugin, ConnectionPlugin, PluginBase

if TYPE_CHECKING:
    from zerepy_plugins._native import CallCoroutine, CallStream, NativeClass, NativeInstance

__all__ = ["NativeActionPlugin", "NativeConnectionPlugin", "NativePlugin"]


class NativePlugin(PluginBase):
    """What all plugins from shared libraries share.

    Thread rule: calls may come from several threads at once; ``initialize`` and ``cleanup`` raise
    :class:`~zerepy_plugins.errors.PluginStateError` while calls are running.
    """

    native_class: ClassVar[NativeClass]

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        self._native: NativeInstance = self.native_class.create()

    def initialize(self, config: dict[str, Any]) -> None:
        """Make the plugin ready for calls."""
        self._native.initialize(config)

    def cleanup(self) -> None:
        """Undo ``initialize``; it can be initialized again."""
        self._native.cleanup()

    def health(self) -> bool:
        """Say whether the plugin is well; plugins that do not tell are."""
        return self._native.health()

    def _save_state(self) -> Any:
        return self._native.save_state()

    def _load_state(self, state: Any) -> None:
        self._native.load_state(state)

    def _reconfigure(self, config: dict[str, Any]) -> None:
        self._native.reconfigure(config)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"plugin {self.name!r} lives in a shared library: it cannot be pickled")


class NativeConnectionPlugin(NativePlugin, ConnectionPlugin):
    """A connection from a shared library."""

    def is_configured(self) -> bool:
        """Say whether the plugin has what it needs to work; plugins that do not tell have."""
        return self._native.is_configured()

    def configure(self) -> bool:
        """Set the plugin up, and say whether it is configured now."""
        return self._native.configure()

    def perform_action(self, action: str, params: dict[str, Any] | None = None) -> Any:
        """Perform one of the plugin's actions; one that yields items gives an async iterator."""
        return self._native.call(action, params)


class NativeActionPlugin(NativePlugin, ActionPlugin):
    """An action from a shared library."""

    def validate_params(self, params: dict[str, Any]) -> list[str]:
        """List the problems with ``params``; empty if they will do."""
        return self._native.validate("execute", params)

    def execute(self, params: dict[str, Any] | None = None) -> CallCoroutine | CallStream:
        """Do it. The work starts when the result is awaited, or iterated over if it is a stream."""
        return self._native.call_async("execute", params)


def make_class(native_class: NativeClass) -> type[NativePlugin]:
    """Make the Python class of one plugin of a loaded library."""
    info = native_class.info
    base = NativeConnectionPlugin if info["type"] == "connection" else NativeActionPlugin
    body = {
        "__doc__": info["description"] or None,
        "__module__": __name__,
        "native_class": native_class,
        "config_schema": info.get("config_schema"),
        **{name: getattr(NativePlugin, f"_{name}") for name in native_class.offers},
        **{key: info[key] for key in ("name", "version", "requires", "actions")},
    }
    title = "".join(part.capitalize() for part in re.split(r"[-_.]", info["name"]))
    return types.new_class(title, (base,), exec_body=lambda namespace: namespace.update(body))
