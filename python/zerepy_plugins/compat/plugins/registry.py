"""ZerePy's ``src.plugins.registry``."""

from zerepy_plugins import PluginRegistry

__all__ = ["PluginRegistry"]
