"""ZerePy's ``src.config``."""

from zerepy_plugins.compat.config.composite import CompositeConfigProvider
from zerepy_plugins.compat.config.providers import (
    ConfigProvider,
    EnvConfigProvider,
    FileConfigProvider,
)
from zerepy_plugins.compat.config.settings import Settings, settings
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
