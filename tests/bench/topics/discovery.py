"""Finding and importing 500 plugins of one file each, against a loop of imports and yapsy."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import places
import rows
from children import timed
from harness import alternate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness import Runner, Samples

COUNT = 500
MODULE = '''"""Plugin {number}."""
from zerepy_plugins import ConnectionPlugin

class Plugin{number}(ConnectionPlugin):
    name = "plugin{number}"
    version = "1.0.0"

    def initialize(self, config):
        self.config = config

    def cleanup(self):
        self.config = None

    def is_configured(self):
        return True

    def configure(self):
        return True

    def perform_action(self, action, params):
        """Do it."""
        return {{"action": action, "params": params, "plugin": self.name}}
'''
THEIR_MODULE = MODULE.replace(
    "zerepy_plugins import ConnectionPlugin", "yapsy.IPlugin import IPlugin"
)
THEIR_MODULE = THEIR_MODULE.replace("(ConnectionPlugin)", "(IPlugin)")
LOOP = """
import sys, importlib.util, inspect, pathlib
from zerepy_plugins import ConnectionPlugin
found = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, ConnectionPlugin):
            if not inspect.isabstract(value):
                found[value.name] = value
assert len(found) == 500
"""
OURS = "assert len(discover_plugins(sys.argv[1])) == 500"
LAZY = "assert len(discover_plugins(sys.argv[1], lazy=True)) == 500"
WITHOUT_INDEX = "import os; os.environ['XDG_CACHE_HOME'] = '/dev/null'"
WITH_INDEX = f"import os; os.environ['XDG_CACHE_HOME'] = {str(places.BUILD / 'cache')!r}"
YAPSY = """
manager = PluginManager(directories_list=[sys.argv[1]])
manager.collectPlugins()
assert len(manager.getAllPlugins()) == 500
"""


def measure() -> Iterator[rows.Row]:
    ours = write("ours", MODULE)
    theirs = write("theirs", THEIR_MODULE, info=True)
    names = "import sys; from zerepy_plugins import ConnectionPlugin, discover_plugins"
    discover = timed(OURS, ours, before=names)
    loop = timed(LOOP, ours, before=f"{names}; import inspect, importlib.util, pathlib")
    yapsy = timed(YAPSY, theirs, before="import sys; from yapsy.PluginManager import PluginManager")
    title = f"discovery of {COUNT} Python plugins"
    peer = "a loop of imports"
    samples = alternate({"ours": discover, "theirs": loop, "yapsy": yapsy}, rounds=9, number=1)
    yield rows.faster(f"{title}, compiled", peer, samples, 1.2)
    pair = {"ours": samples["ours"], "theirs": samples["yapsy"]}
    yield rows.faster(f"{title}, compiled", "yapsy", pair, 1.0)
    cold = alternate(
        {"ours": cleared(discover, ours), "theirs": cleared(loop, ours)}, rounds=5, number=1
    )
    yield rows.faster(f"{title}, not compiled", peer, cold, 1.2)
    glance = timed(LAZY, ours, before=f"{names}; {WITHOUT_INDEX}")
    indexed = timed(LAZY, ours, before=f"{names}; {WITH_INDEX}")
    runners = {"glance": glance, "indexed": indexed, "theirs": loop}
    warm = alternate(runners, rounds=9, number=1)
    seen, kept = f"{title}, imported at first use", f"{title}, from the index"
    yield rows.faster(f"{seen}", f"{peer}, compiled", picked(warm, "glance"), 8.0)
    yield rows.faster(f"{kept}", f"{peer}, compiled", picked(warm, "indexed"), 18.0)
    runners = {"glance": glance, "theirs": cleared(loop, ours)}
    cold = alternate(runners, rounds=5, number=1)
    yield rows.faster(f"{seen}", f"{peer}, not compiled", picked(cold, "glance"), 30.0)


def picked(samples: Samples, name: str) -> Samples:
    return {"ours": samples[name], "theirs": samples["theirs"]}


def cleared(run: Runner, directory: Path) -> Runner:
    def without_cache(number: int) -> float:
        shutil.rmtree(directory / "__pycache__", ignore_errors=True)
        return run(number)

    return without_cache


def write(name: str, module: str, *, info: bool = False) -> Path:
    directory = places.BUILD / "discovery" / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for number in range(COUNT):
        path = directory / f"bench_plugin{number}.py"
        path.write_text(module.format(number=number))
        if info:
            text = f"[Core]\nName = plugin{number}\nModule = {path.stem}\n"
            path.with_suffix(".yapsy-plugin").write_text(text)
    return directory
