"""ZerePy's ``src.config.settings``: what is to be remembered, in ``~/.zerepy/config.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zerepy_plugins.compat.config.document import JsonDocument

__all__ = ["Settings", "settings"]  # noqa: F822 - made when it is asked for


class Settings:
    """Settings by name, written to the file at each change."""

    def __init__(self) -> None:
        self._config_dir = Path.home() / ".zerepy"
        self._config_dir.mkdir(parents=True, exist_ok=True)
        self._config_file = self._config_dir / "config.json"
        self._document = JsonDocument(self._config_file)

    @property
    def _settings(self) -> dict[str, Any]:
        return self._document.content

    def get(self, key: str, default: Any = None) -> Any:
        """Return a setting."""
        return self._settings.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Change a setting, and write it down."""
        self._document.write({**self._settings, key: value})

    def delete(self, key: str) -> None:
        """Remove a setting, if it is there."""
        if key in self._settings:
            self._document.write({name: v for name, v in self._settings.items() if name != key})

    @property
    def all(self) -> dict[str, Any]:
        """All settings; a copy."""
        return dict(self._settings)


_made: list[Settings] = []


def __getattr__(name: str) -> Any:
    if name != "settings":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not _made:
        _made.append(Settings())  # not at import: it makes a directory
    return _made[0]
