"""ZerePy's ``src.config``."""

from typing import Any

from zerepy_plugins.compat.config.composite import CompositeConfigProvider
from zerepy_plugins.compat.config.providers import (
    ConfigProvider,
    EnvConfigProvider,
    FileConfigProvider,
)
from zerepy_plugins.compat.config.settings import Settings
from zerepy_plugins.compat.config.validation import (
    AgentConfigValidator,
    ConfigValidator,
    ConnectionConfigValidator,
    PluginConfigValidator,
    SchemaValidator,
    ValidationError,
)

__all__ = [
    "AgentConfigValidator",
    "CompositeConfigProvider",
    "ConfigProvider",
    "ConfigValidator",
    "ConnectionConfigValidator",
    "EnvConfigProvider",
    "FileConfigProvider",
    "PluginConfigValidator",
    "SchemaValidator",
    "Settings",
    "ValidationError",
    "settings",
]


def __getattr__(name: str) -> Any:
    from zerepy_plugins.compat.config import settings as module

    if name == "settings":
        return module.settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
