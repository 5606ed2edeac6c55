"""ZerePy's ``src.config.providers``: where configuration comes from."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from zerepy_plugins.compat.config.document import JsonDocument
from zerepy_plugins.errors import PluginConfigError

__all__ = ["ConfigProvider", "EnvConfigProvider", "FileConfigProvider"]


class ConfigProvider(ABC):
    """Something that configuration can be read from and written to."""

    @abstractmethod
    def get(self, key: str, default: Any = None) -> Any:
        """Return a value."""

    @abstractmethod
    def set(self, key: str, value: Any) -> None:
        """Change a value."""


class EnvConfigProvider(ConfigProvider):
    """The environment, after the variables of a ``.env`` file that it does not have yet.

    Raises:
        PluginConfigError: There is such a file, but not the package that reads it.
    """

    def __init__(self, env_file: str = ".env") -> None:
        self.env_file = env_file
        if Path(env_file).is_file():
            _load_dotenv(env_file)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a variable."""
        return os.environ.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Change a variable of this process; the file stays as it is."""
        os.environ[key] = str(value)


class FileConfigProvider(ConfigProvider):
    """A JSON file, written at each change."""

    def __init__(self, config_file: str) -> None:
        self.config_file = Path(config_file)
        self._document = JsonDocument(self.config_file)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value."""
        return self._document.content.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Change a value, and write it down."""
        self._document.write({**self._document.content, key: value})


def _load_dotenv(env_file: str) -> None:
    try:
        from dotenv import load_dotenv
    except ImportError as error:
        raise PluginConfigError(
            f"{env_file} cannot be read without python-dotenv",
            hint="pip install 'zerepy-plugins[zerepy]'",
        ) from error
    load_dotenv(env_file)
