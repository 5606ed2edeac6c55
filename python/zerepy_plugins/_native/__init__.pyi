"""The extension module: the plugin system itself, written in Rust.

Import its public names from :mod:`zerepy_plugins`. All classes are safe to use from several
threads; none holds a lock while it runs code of a plugin, a hook or a handler.
"""

from os import PathLike
from typing import Any, Literal, overload

from zerepy_plugins._native.calls import (
    CallCoroutine,
    CallStream,
    HookedCall,
    Mailbox,
    NativeClass,
    NativeInstance,
    PluginFinder,
    StreamStep,
)
from zerepy_plugins._native.events import Backlog, EventBus, Published, Undo
from zerepy_plugins._native.manager import PluginManager
from zerepy_plugins._native.metrics import Counter, Gauge, Histogram, PluginMetrics
from zerepy_plugins._native.monitor import PluginMonitor, UsageTimer
from zerepy_plugins._native.registry import PluginFactory, PluginRegistry, UnloadedPlugin
from zerepy_plugins._native.schema import JsonSchema
from zerepy_plugins.records import DiscoveredPlugins, LazyPlugins

__all__ = [
    "ABI_VERSION",
    "OPTIMIZED",
    "Backlog",
    "CallCoroutine",
    "CallStream",
    "Counter",
    "EventBus",
    "Gauge",
    "Histogram",
    "HookedCall",
    "JsonSchema",
    "Mailbox",
    "NativeClass",
    "NativeInstance",
    "PluginFactory",
    "PluginFinder",
    "PluginManager",
    "PluginMetrics",
    "PluginMonitor",
    "PluginRegistry",
    "Published",
    "StreamStep",
    "Undo",
    "UnloadedPlugin",
    "UsageTimer",
    "discover_plugins",
    "inspect_library",
    "is_version",
    "schema_problems",
]

ABI_VERSION: tuple[int, int]
"""The version of the plugin ABI that this host speaks: major, minor."""

OPTIMIZED: bool
"""Whether it is as fast as it can be: a build for development takes more instructions."""

@overload
def discover_plugins(
    plugin_dir: str | PathLike[str],
    *,
    on_error: Literal["raise", "collect"] = "raise",
    lazy: Literal[False] = False,
) -> DiscoveredPlugins: ...
@overload
def discover_plugins(
    plugin_dir: str | PathLike[str],
    *,
    on_error: Literal["raise", "collect"] = "raise",
    lazy: Literal[True],
) -> LazyPlugins:
    """Find the plugins in a directory, written in Python and in Rust alike.

    Args:
        plugin_dir: Where to look: ``x.py``, packages ``x/``, shared libraries, and all of these
            again in ``connections/`` and ``actions/``. A missing directory is an empty result and
            a warning in the log.
        on_error: ``"raise"`` raises for the first plugin that is broken; ``"collect"`` returns the
            good ones, and the broken ones as ``.failures``.
        lazy: Import a plugin when its class is first asked for. Names and versions are read from
            the source, as far as it says them as constants (and from libraries); what that cannot
            tell, is imported at once. A file that defines no plugin is not run, and an error in
            one that does shows at its first use. What was read is kept in the user's cache
            directory (``$XDG_CACHE_HOME/zerepy-plugins``) for as long as the files do not change.

    Returns:
        A ``dict`` from name to class; nothing has been instantiated. With ``lazy`` a ``Mapping``.

    Raises:
        PluginLoadError: A plugin is broken, and ``on_error`` is ``"raise"``.
        PluginConfigError: ``on_error`` is neither of the two.
    """

def inspect_library(path: str | PathLike[str]) -> dict[str, Any]:
    """Read what a shared library declares, without running any of its code.

    Args:
        path: The library's file.

    Returns:
        ``path``, ``sdk`` (what it was built with, or ``None``), ``abi`` (major and minor),
        ``panic`` (``"unwind"``), ``encoding`` of values (``"tape"`` or ``"msgpack"``), ``digest``
        (``"sha256:…"``), and ``plugins``: for each ``name``, ``version``, ``type``,
        ``description``, ``requires``, ``config_schema`` where it has one, and ``actions``: for each
        ``name``, ``description``, ``exec``, and ``params`` and ``result`` where it has schemas.

    Raises:
        PluginLoadError: It is not a plugin library for this machine, or is damaged.
        PluginAbiError: It is built for another version of the plugin ABI.
    """

def schema_problems(schema: object, value: object, root: str) -> list[str]:
    """List what is wrong with a value by a JSON Schema; secrets are not quoted.

    Args:
        schema: A JSON Schema of the drafts 4 to 2020-12, without references to other documents.
        value: What is checked; of the types that JSON has.
        root: What the value is called in front of each path.

    Returns:
        One line for each problem, ``root.path: what``; empty if the value fits.

    Raises:
        PluginConfigError: It is no JSON Schema, or the value is nothing that JSON has.
    """

def is_version(version: str) -> bool:
    """Say whether a text is a version as PEP 440 defines it."""
