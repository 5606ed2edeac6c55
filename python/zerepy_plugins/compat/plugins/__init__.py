"""ZerePy's ``src.plugins``."""

from zerepy_plugins import ActionPlugin, ConnectionPlugin, PluginBase, discover_plugins
from zerepy_plugins.compat.plugins.registry import PluginRegistry
from zerepy_plugins.errors import (
    PluginCleanupError,
    PluginConfigError,
    PluginError,
    PluginExecutionError,
    PluginLoadError,
    PluginNotFoundError,
)

__all__ = [
    "ActionPlugin",
    "ConnectionPlugin",
    "PluginBase",
    "PluginCleanupError",
    "PluginConfigError",
    "PluginError",
    "PluginExecutionError",
    "PluginLoadError",
    "PluginNotFoundError",
    "PluginRegistry",
    "discover_plugins",
]
