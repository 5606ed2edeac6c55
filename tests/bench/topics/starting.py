"""Importing the package, registering plugins, and plugins from entry points."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import places
import pluggy
import rows
import subjects
from children import timed
from harness import alternate, call

from zerepy_plugins import PluginRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness import Runner

REGISTERED = 1000
DISTRIBUTIONS = 50


def measure() -> Iterator[rows.Row]:
    yield from importing()
    yield registering()
    yield entry_points()


def importing() -> Iterator[rows.Row]:
    samples = alternate(
        {"ours": timed("import zerepy_plugins"), "theirs": timed("import pluggy")},
        rounds=25,
        number=1,
    )
    yield rows.faster("import", "import pluggy", samples, 1.0)
    names = "from zerepy_plugins import ConnectionPlugin, PluginManager"
    samples = alternate(
        {"ours": timed(names), "theirs": timed("import pluggy")}, rounds=25, number=1
    )
    yield rows.faster("import of a base class and the manager", "import pluggy", samples, 1.0)


def registering() -> rows.Row:
    classes = [subjects.python_plugin(f"plugin{number}") for number in range(REGISTERED)]

    class Specification:
        @pluggy.HookspecMarker("bench")
        def perform_action(self, action: str, params: object) -> None: ...

    class Plugin:
        @pluggy.HookimplMarker("bench")
        def perform_action(self, action: str, params: object) -> None: ...

    objects = [Plugin() for _ in range(REGISTERED)]
    ours = """
registry = PluginRegistry()
for each in classes:
    registry.register("connection", each.name, each)
"""
    theirs = """
manager = make("bench")
manager.add_hookspecs(Specification)
for each in objects:
    manager.register(each)
"""
    names = {"make": pluggy.PluginManager, "Specification": Specification, "objects": objects}
    mine: Runner = call(ours, PluginRegistry=PluginRegistry, classes=classes)
    samples = alternate({"ours": mine, "theirs": call(theirs, **names)}, rounds=15)
    return rows.faster(f"registering {REGISTERED:,} plugins", "pluggy", samples, 1.0)


def entry_points() -> rows.Row:
    site = distributions()
    ours = """
registry = PluginRegistry()
manager = PluginManager([], registry=registry)
assert len(manager.load_plugins()) == int(sys.argv[2]), manager.failures
"""
    theirs = """
found = ExtensionManager("zerepy.plugins")
assert len(found.names()) == int(sys.argv[2])
"""
    # What the plugins' modules import of the benchmarks is nobody's part.
    path = "import sys, subjects; sys.path.insert(0, sys.argv[1])\n"
    mine = f"{path}from zerepy_plugins import PluginManager, PluginRegistry"
    samples = alternate(
        {
            "ours": timed(ours, site, DISTRIBUTIONS, before=mine),
            "theirs": timed(
                theirs, site, DISTRIBUTIONS, before=f"{path}from stevedore import ExtensionManager"
            ),
        },
        rounds=11,
        number=1,
    )
    title = f"plugins of {DISTRIBUTIONS} installed packages, by entry points"
    return rows.faster(title, "stevedore", samples, 1.0)


def distributions() -> Path:
    """Write packages that look installed, with a plugin each."""
    site = places.BUILD / "site"
    shutil.rmtree(site, ignore_errors=True)
    for number in range(DISTRIBUTIONS):
        info = site / f"bench_dist{number}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: bench-dist{number}\nVersion: 1.0\n"
        )
        points = f"[zerepy.plugins]\ninstalled{number} = bench_dist{number}:Plugin\n"
        (info / "entry_points.txt").write_text(points)
        module = (
            f"from subjects import python_plugin\nPlugin = python_plugin('installed{number}')\n"
        )
        (site / f"bench_dist{number}.py").write_text(module)
    return site
