"""ZerePy's ``src.plugins.discovery``."""

from zerepy_plugins import discover_plugins

__all__ = ["discover_plugins"]
