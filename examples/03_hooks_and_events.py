"""Watching plugins: hooks around their lives and actions, events of their calls, statistics."""

from typing import Any

from zerepy_plugins import ActionPlugin, Event, PluginHooks, PluginManager, PluginRegistry
from zerepy_plugins.errors import PluginVetoError


class Double(ActionPlugin):
    """Doubles a number."""

    name = "double"
    version = "1.0.0"

    def initialize(self, config: dict[str, Any]) -> None:
        self.context.add_cleanup(lambda: print("released"))

    def cleanup(self) -> None:
        print("cleaned up")

    def validate_params(self, params: dict[str, Any]) -> list[str]:
        return [] if isinstance(params.get("number"), int) else ["number: must be an int"]

    def execute(self, params: dict[str, Any]) -> int:
        return 2 * int(params["number"])


class Watch(PluginHooks):
    """Given to the manager, it sees every plugin."""

    def post_initialize(self, plugin: Any, error: Exception | None) -> None:
        print(plugin.name, "failed" if error else "is ready")

    def pre_action(self, action: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """Refuse what is too large, and read numbers that came as text."""
        number = params["number"]
        if isinstance(number, str) and number.isdecimal():
            return {"number": int(number)}
        if number > 1000:
            raise PluginVetoError(f"{action} of {number} is too much")
        return None


def on_event(event: Event) -> None:
    """Show what happens."""
    print(event.name)


registry = PluginRegistry()
registry.register("action", "double", Double)
manager = PluginManager([], registry=registry, entry_points=False, hooks=[Watch()])
manager.events.subscribe("action.*", on_event)
with manager:
    print(manager.execute_sync("double", {"number": "21"}))
    try:
        manager.execute_sync("double", {"number": 4000})
    except PluginVetoError as error:
        print(error)
    stats = manager.monitor.stats("double")
    print(stats.calls, "calls,", stats.errors, "error")
