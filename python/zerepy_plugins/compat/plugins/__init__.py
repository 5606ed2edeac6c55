"""ZerePy's ``src.plugins``."""

from zerepy_plugins import (
    ActionPlugin,
    ConnectionPlugin,
    PluginBase,
    PluginFactory,
    PluginHooks,
    PluginManager,
    PluginMonitor,
    discover_plugins,
)
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
    "PluginFactory",
    "PluginHooks",
    "PluginLoadError",
    "PluginManager",
    "PluginMonitor",
    "PluginNotFoundError",
    "PluginRegistry",
    "discover_plugins",
]
