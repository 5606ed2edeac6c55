"""ZerePy's ``src.plugins.exceptions``."""

from zerepy_plugins.errors import (
    PluginCleanupError,
    PluginConfigError,
    PluginError,
    PluginExecutionError,
    PluginLoadError,
    PluginNotFoundError,
)

__all__ = [
    "PluginCleanupError",
    "PluginConfigError",
    "PluginError",
    "PluginExecutionError",
    "PluginLoadError",
    "PluginNotFoundError",
]
