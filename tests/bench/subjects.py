"""What is measured: managers with the plugins of the benchmarks, running, with all defaults on."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import places

from zerepy_plugins import ConnectionPlugin, PluginManager, PluginRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator


def python_plugin(name: str, **members: Any) -> type[ConnectionPlugin]:
    """Make a connection in Python that gives its parameters back."""
    body = {
        "name": name,
        "version": "1.0.0",
        "initialize": lambda self, config: None,
        "cleanup": lambda self: None,
        "is_configured": lambda self: True,
        "configure": lambda self: True,
        "perform_action": lambda self, action, params: params,
    }
    return type(name.title(), (ConnectionPlugin,), body | members)


def registry_of(classes: list[type[ConnectionPlugin]]) -> PluginRegistry:
    registry = PluginRegistry()
    for plugin_class in classes:
        registry.register("connection", plugin_class.name, plugin_class)
    return registry


@contextmanager
def python_plugins(*classes: type[ConnectionPlugin], **options: Any) -> Iterator[PluginManager]:
    """Run these classes."""
    registry = registry_of(list(classes))
    with PluginManager([], registry=registry, entry_points=False, **options) as manager:
        yield manager


@contextmanager
def rust_plugin() -> Iterator[PluginManager]:
    """Run the Rust plugin of the benchmarks; it is called `bench`."""
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(places.RUST_PLUGIN, Path(directory, "bench.so"))
        with PluginManager(directory, entry_points=False) as manager:
            if "bench" not in manager:
                raise RuntimeError(f"the Rust plugin does not run: {manager.failures}")
            yield manager
