"""Remembering and reconfiguring, the same for plugins in Python, Rust and C."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from quiet import Quiet

from zerepy_plugins import PluginManager, PluginRegistry, get_include
from zerepy_plugins.errors import PluginConfigError, PluginExecutionError

ROOT = Path(__file__).parents[2]


class Tally(Quiet):
    """The twin of `tally` in Rust and C."""

    name = "tally"

    def initialize(self, config):
        self.count = 0
        self.reconfigure(config)

    def reconfigure(self, config):
        step = config.get("options", {}).get("step", 1)
        if step == 0:
            raise PluginConfigError("options.step: must not be 0")
        self.step = step

    def perform_action(self, action, params):
        self.count += self.step
        return self.count

    def save_state(self):
        return {"count": self.count}

    def load_state(self, state):
        if type(state.get("count")) is not int:
            raise PluginExecutionError("state.count: expected an integer")
        self.count = state["count"]


@pytest.fixture
def tally(kind, tmp_path):
    """Make managers of that kind's tally, with a place for its state."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    if kind == "native":
        shutil.copy(ROOT / "target/release/libzerepy_fixture_tasks.so", plugins / "tally.so")
    if kind == "c":
        source = ROOT / "tests/fixtures/c/tally.c"
        flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        output = ["-o", plugins / "tally.so", "-I", get_include()]
        subprocess.run(["cc", *flags, *output, source], check=True)
    made = []

    def make(config=None):
        registry = PluginRegistry()
        if kind == "python":
            registry.register("connection", "tally", Tally)
        state = tmp_path / "state"
        manager = PluginManager(
            plugins, config, registry=registry, entry_points=False, state_dir=state
        )
        made.append(manager)
        manager.load_plugins()
        manager.start_plugins("tally")
        return manager

    yield make
    for manager in made:
        manager.stop_plugins(force=True)


def count(manager):
    return manager.perform_action("tally", "count")


def test_it_goes_on_where_it_was(tally, tmp_path):
    for expected in (1, 2, 3):
        manager = tally()
        assert count(manager) == expected
        manager.stop_plugins()
    document = json.loads((tmp_path / "state/tally.json").read_text())
    assert document["state"] == {"count": 3}


def test_a_state_it_cannot_read_keeps_it_from_starting(tally, tmp_path):
    manager = tally()
    manager.stop_plugins()
    file = tmp_path / "state/tally.json"
    file.write_text(file.read_text().replace('"count": 0', '"count": "many"'))
    with pytest.raises(PluginExecutionError, match=r"state\.count: expected an integer"):
        manager.start_plugins("tally")
    assert '"many"' in file.read_text()


def test_it_takes_over_another_configuration_and_keeps_counting(tally):
    manager = tally()
    before = manager["tally"]
    assert count(manager) == 1
    assert manager.update_config("tally", {"options": {"step": 10}})
    assert manager["tally"] is before
    assert count(manager) == 11


def test_a_configuration_it_refuses_leaves_the_old_one_in_force(tally):
    manager = tally({"tally": {"config": {"options": {"step": 5}}}})
    with pytest.raises(PluginConfigError, match=r"options\.step: must not be 0"):
        manager.update_config("tally", {"options": {"step": 0}})
    assert manager.describe("tally")["config"]["options"]["step"] == 5
    assert count(manager) == 5


def test_a_reload_hands_the_state_over(tally):
    manager = tally()
    assert [count(manager), count(manager)] == [1, 2]
    before = manager["tally"]
    manager.reload("tally")
    assert manager["tally"] is not before
    assert count(manager) == 3


def test_the_methods_are_there_only_if_the_plugin_has_them(running, kind):
    for name in ("save_state", "load_state", "reconfigure"):
        assert not hasattr(running["echo"], name), kind
