"""Where plugin classes stand, and how instances are made of them."""

from collections.abc import Iterator, Mapping
from typing import Any, Self, final, overload

from zerepy_plugins.base import PluginBase as _Plugin
from zerepy_plugins.records import PluginFailure

@final
class PluginRegistry:
    """Plugin classes by category (``"connection"`` or ``"action"``) and name.

    Iterating gives pairs of category and name, in the order they were registered; ``in`` takes such
    a pair, or a name. An unknown category is a :class:`PluginConfigError` (a ``ValueError``).
    """

    def __new__(cls) -> Self: ...
    def register(
        self,
        category: str,
        name: str,
        plugin_cls: type[_Plugin],
        *,
        replace: bool = False,
        origin: str | None = None,
    ) -> None:
        """Add a class under a name, which need not be the class's own.

        Args:
            category: ``"connection"`` or ``"action"``.
            name: The name to register it under.
            plugin_cls: A concrete subclass of that category's base class, or of ``PluginBase``.
            replace: Put it in the place of another class of that name.
            origin: Where it comes from, for whoever reads ``status()`` or an error.

        Raises:
            PluginConfigError: The class does not fit the category or is abstract, or the name is
                taken (both origins are named). Nothing has changed then.
        """

    def get_plugin(self, category: str, name: str) -> type[_Plugin]:
        """Return a class.

        Raises:
            PluginNotFoundError: There is none of that name; the hint offers the nearest.
        """

    @overload
    def list_plugins(self, category: None = None) -> dict[str, dict[str, type[_Plugin]]]: ...
    @overload
    def list_plugins(self, category: str) -> dict[str, type[_Plugin]]:
        """Return names and classes of one category, or of each that has any; a copy."""

    def unregister(self, category: str, name: str) -> None:
        """Take a class away; its instances live on.

        Raises:
            PluginNotFoundError: There is none of that name.
        """

    @property
    def _plugins(self) -> dict[str, dict[str, type[_Plugin]]]: ...
    @property
    def _categories(self) -> set[str]: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[tuple[str, str]]: ...

@final
class PluginFactory:
    """Creates plugins from their configuration, without a manager."""

    @classmethod
    def create(
        cls,
        plugin_type: str,
        config: Mapping[str, Any],
        *,
        registry: PluginRegistry | None = None,
    ) -> _Plugin:
        """Create the plugin that ``config`` names; it is not initialized yet.

        Args:
            plugin_type: The category, ``"connection"`` or ``"action"``.
            config: ``{"name": …, "config": {"enabled": …, "options": {…}}}``, the manifest's shape.
            registry: Where to look the class up; by default ``zerepy_plugins.default_registry``.

        Raises:
            PluginConfigError: The document has mistakes (all are listed), or does not fit the
            plugin. PluginNotFoundError: The registry has no such plugin.
            PluginExecutionError: The class could not be instantiated.
        """

@final
class UnloadedPlugin:
    """A plugin of a directory that has not been imported."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def origin(self) -> str: ...
    def load(self, failures: list[PluginFailure]) -> type[_Plugin]:
        """Import its code and return its class; a failure is also appended to `failures`.

        Raises:
            PluginLoadError: It cannot be imported, or is not the plugin any more that it was.
        """
