"""A plugin in Python, and the manager that runs it."""

from typing import Any

from zerepy_plugins import ConnectionPlugin, PluginManager, PluginRegistry


class Greeter(ConnectionPlugin):
    """Greets people."""

    name = "greeter"
    version = "1.0.0"
    actions = {"greet": "Greet one person by `name`."}  # noqa: RUF012

    def initialize(self, config: dict[str, Any]) -> None:
        self.greeting = config.get("options", {}).get("greeting", "Hello")

    def cleanup(self) -> None: ...

    def is_configured(self) -> bool:
        return True

    def configure(self) -> bool:
        return True

    def perform_action(self, action: str, params: dict[str, Any]) -> str:
        return f"{self.greeting}, {params['name']}!"


registry = PluginRegistry()
registry.register("connection", "greeter", Greeter)
config = {"greeter": {"config": {"options": {"greeting": "Good day"}}}}
with PluginManager([], config, registry=registry, entry_points=False) as manager:
    print(manager.perform_action("greeter", "greet", {"name": "Ada"}))
