"""The plugin host for Python agents: Python and Rust plugins under one lifecycle.

Write plugins by subclassing :class:`ConnectionPlugin` or :class:`ActionPlugin`, and run them with a
:class:`PluginManager`. Errors stand in :mod:`zerepy_plugins.errors`.
"""

import os

from zerepy_plugins._native import (
    EventBus,
    PluginFactory,
    PluginManager,
    PluginMonitor,
    PluginRegistry,
    discover_plugins,
)
from zerepy_plugins.base import ActionPlugin, ConnectionPlugin, PluginBase
from zerepy_plugins.context import PluginContext
from zerepy_plugins.hooks import PluginHooks
from zerepy_plugins.records import Event, PluginFailure, PluginState, PluginStats, PluginStatus

__all__ = [
    "ActionPlugin",
    "ConnectionPlugin",
    "Event",
    "EventBus",
    "PluginBase",
    "PluginContext",
    "PluginFactory",
    "PluginFailure",
    "PluginHooks",
    "PluginManager",
    "PluginMonitor",
    "PluginRegistry",
    "PluginState",
    "PluginStats",
    "PluginStatus",
    "default_registry",
    "discover_plugins",
    "get_include",
]

default_registry = PluginRegistry()
"""Where :meth:`PluginFactory.create` looks if it is not given a registry."""


def get_include() -> str:
    """Say which directory holds `zerepy_plugin.h`, for compilers of plugins in C and C++."""
    return os.path.join(os.path.dirname(__file__), "include")
