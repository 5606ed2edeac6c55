"""What `discover_plugins` returns; apart from the other records, which take longer to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zerepy_plugins.base import PluginBase
    from zerepy_plugins.records import PluginFailure


class DiscoveredPlugins(dict[str, "type[PluginBase]"]):
    """Plugin classes by name, as ``discover_plugins`` found them."""

    def __init__(self, plugins: dict[str, type[PluginBase]], failures: list[PluginFailure]) -> None:
        super().__init__(plugins)
        self.failures = failures
        """What was broken, when it was asked to collect."""
