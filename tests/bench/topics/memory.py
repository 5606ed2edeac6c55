"""What an idle plugin holds: resident memory of a process before and after it runs a thousand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peer_libraries
import rows
from children import child

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = 1000
MEASURE = """
import gc, resource, sys
from pathlib import Path
from zerepy_plugins import PluginManager, PluginRegistry
import subjects

def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

def running(manager, count):
    manager.load_plugins()
    assert len(manager.start_plugins()) == count, manager.failures
    return manager

first = running(PluginManager([], registry=subjects.registry_of([subjects.python_plugin("first")]),
                              entry_points=False), 1)
"""
PYTHON = """
classes = [subjects.python_plugin(f"plugin{n}") for n in range(int(sys.argv[1]))]
before = resident()
registry = subjects.registry_of(classes)
manager = running(PluginManager([], registry=registry, entry_points=False), int(sys.argv[1]))
print((resident() - before) / int(sys.argv[1]))
"""
NATIVE = """
before = resident()
manager = running(PluginManager(sys.argv[2], entry_points=False), int(sys.argv[1]))
print((resident() - before) / int(sys.argv[1]))
"""


def measure() -> Iterator[rows.Row]:
    python = [child(MEASURE + PYTHON, COUNT) for _ in range(5)]
    title = f"memory of an idle Python plugin besides its class, of {COUNT:,}"
    yield rows.value(title, python, "bytes", 4096)
    crowd = peer_libraries.crowded_library(COUNT)
    native = [child(MEASURE + NATIVE, COUNT, crowd) for _ in range(5)]
    title = f"memory of an idle native plugin with its Python class, of {COUNT:,} in one library"
    yield rows.value(title, native, "bytes", 16384)
