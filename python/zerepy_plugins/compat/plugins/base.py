"""ZerePy's ``src.plugins.base``."""

from zerepy_plugins.base import ActionPlugin, ConnectionPlugin, PluginBase

__all__ = ["ActionPlugin", "ConnectionPlugin", "PluginBase"]
