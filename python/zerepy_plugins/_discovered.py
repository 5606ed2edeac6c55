"""What `discover_plugins` returns; apart from the other records, which take longer to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from zerepy_plugins._native import UnloadedPlugin
from zerepy_plugins.base import ConnectionPlugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zerepy_plugins.base import PluginBase
    from zerepy_plugins.records import PluginFailure


class DiscoveredPlugins(dict[str, "type[PluginBase]"]):
    """Plugin classes by name, as ``discover_plugins`` found them."""

    def __init__(self, plugins: dict[str, type[PluginBase]], failures: list[PluginFailure]) -> None:
        super().__init__(plugins)
        self.failures = failures
        """What was broken, when it was asked to collect."""


class LazyPlugins(Mapping[str, "type[PluginBase]"]):
    """Plugin classes by name, each imported when it is first asked for.

    Names, and what :meth:`describe` says, are known without importing anything. Thread rule: may be
    used from any thread; a plugin is imported once.
    """

    def __init__(
        self, plugins: dict[str, type[PluginBase] | UnloadedPlugin], failures: list[PluginFailure]
    ) -> None:
        self._plugins = plugins
        self._loaded: dict[str, type[PluginBase]] = {}
        self.failures = failures
        """What was broken; also at first use."""

    def __getitem__(self, name: str) -> type[PluginBase]:
        """Return the class of that plugin.

        Raises:
            KeyError: There is none of that name.
            PluginLoadError: Its code could not be imported. It is tried again the next time.
        """
        plugin = self._plugins[name]
        if not isinstance(plugin, UnloadedPlugin):
            return plugin
        loaded = self._loaded.get(name)
        if loaded is None:  # of several threads, the class that the first has got is that of all
            loaded = self._loaded.setdefault(name, plugin.load(self.failures))
        return loaded

    def __iter__(self) -> Iterator[str]:
        return iter(self._plugins)

    def __len__(self) -> int:
        return len(self._plugins)

    def __contains__(self, name: object) -> bool:
        return name in self._plugins

    def __repr__(self) -> str:
        return f"<LazyPlugins: {', '.join(self._plugins)}>"

    def is_loaded(self, name: str) -> bool:
        """Say whether that plugin's code has been imported."""
        return name in self._loaded or not isinstance(self._plugins[name], UnloadedPlugin)

    def describe(self, name: str) -> tuple[str, str]:
        """Return category and version of that plugin, without importing it."""
        plugin = self._plugins[name]
        if isinstance(plugin, UnloadedPlugin):
            return plugin.category, plugin.version
        category = "connection" if issubclass(plugin, ConnectionPlugin) else "action"
        return category, str(plugin.version)
