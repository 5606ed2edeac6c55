"""ZerePy's ``src.config.composite``: several providers as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zerepy_plugins.compat.config.providers import ConfigProvider

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CompositeConfigProvider"]


class CompositeConfigProvider(ConfigProvider):
    """Reads from the first provider that has a value, and writes to all."""

    def __init__(self, providers: Sequence[ConfigProvider]) -> None:
        self._providers = list(providers)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the first provider's value that is not ``None``."""
        values = (provider.get(key) for provider in self._providers)
        return next((value for value in values if value is not None), default)

    def set(self, key: str, value: Any) -> None:
        """Change the value in all providers."""
        for provider in self._providers:
            provider.set(key, value)
