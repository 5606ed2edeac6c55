"""ZerePy's ``src.config.settings``: what is to be remembered, in ``~/.zerepy/config.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zerepy_plugins.compat.config.document import JsonDocument

__all__ = ["Settings", "settings"]


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


class _AtFirstUse(Settings):
    """Reads the file when it is first asked: importing a module makes no directory."""

    def __init__(self) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name not in {"_config_dir", "_config_file", "_document"}:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        super().__init__()
        return getattr(self, name)


settings: Settings = _AtFirstUse()
"""The ones of the whole process."""
