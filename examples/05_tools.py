"""Actions as tools of a language model: the list it is given, and the calls it asks for."""

import json
from typing import Any

from zerepy_plugins import ConnectionPlugin, PluginManager, PluginRegistry


class Weather(ConnectionPlugin):
    """Knows the weather."""

    name = "weather"
    version = "1.0.0"
    actions = {"forecast": ""}  # noqa: RUF012 - the method describes it

    def initialize(self, config: dict[str, Any]) -> None: ...

    def cleanup(self) -> None: ...

    def is_configured(self) -> bool:
        return True

    def configure(self) -> bool:
        return True

    def forecast(self, city: str, days: int = 1) -> list[str]:
        """Forecast the weather of a city.

        Args:
            city: Its name.
            days: For how many days.
        """
        return [f"{city}: sun"] * days

    def perform_action(self, action: str, params: dict[str, Any]) -> Any:
        return getattr(self, action)(**params)


registry = PluginRegistry()
registry.register("connection", "weather", Weather)
with PluginManager([], registry=registry, entry_points=False) as manager:
    print(json.dumps(manager.tools("anthropic"), indent=2))
    # What models write: a text for a number, and arguments that do not fit.
    print(manager.call_tool("weather__forecast", '{"city": "Oslo", "days": "2"}'))
    error = manager.call_tool("weather__forecast", {"days": "many"})
    for problem in error["problems"]:
        print(f"{problem['path']}: expected {problem['expected']}, got {problem['got']}")
