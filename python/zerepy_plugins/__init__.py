"""The plugin host for Python agents: Python and Rust plugins under one lifecycle.

Write plugins by subclassing :class:`ConnectionPlugin` or :class:`ActionPlugin`, and run them with a
:class:`PluginManager`. Errors stand in :mod:`zerepy_plugins.errors`.
"""

TYPE_CHECKING = False  # as in `typing`, which is not imported for it: it takes longer than all here
if TYPE_CHECKING:
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

    default_registry: PluginRegistry
    """Where :meth:`PluginFactory.create` looks if it is not given a registry."""

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

_HOMES = {
    "_native": (
        "EventBus",
        "PluginFactory",
        "PluginManager",
        "PluginMonitor",
        "PluginRegistry",
        "discover_plugins",
    ),
    "base": ("ActionPlugin", "ConnectionPlugin", "PluginBase"),
    "context": ("PluginContext",),
    "hooks": ("PluginHooks",),
    "records": ("Event", "PluginFailure", "PluginState", "PluginStats", "PluginStatus"),
}
"""The module of each name. It is imported when somebody asks for the name, and not before."""


def __getattr__(name: str) -> object:
    if name == "default_registry":
        from zerepy_plugins._native import PluginRegistry

        return globals().setdefault(name, PluginRegistry())  # one, whichever thread is first
    for module, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            found = getattr(import_module(f"zerepy_plugins.{module}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def get_include() -> str:
    """Say which directory holds `zerepy_plugin.h`, for compilers of plugins in C and C++."""
    from os import path

    return path.join(path.dirname(__file__), "include")
