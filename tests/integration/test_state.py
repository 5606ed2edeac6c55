"""What plugins remember from one run to the next."""

from __future__ import annotations

import json

import pytest

from zerepy_plugins.errors import PluginCleanupError, PluginExecutionError, PluginLoadError


def counter(make_connection, **members):
    """A plugin that counts its calls, and remembers how many there were."""

    def initialize(self, config):
        self.calls = 0

    def perform_action(self, action, params):
        self.calls += 1
        return self.calls

    def load_state(self, state):
        self.calls = state["calls"]

    body = {
        "initialize": initialize,
        "perform_action": perform_action,
        "save_state": lambda self: {"calls": self.calls},
        "load_state": load_state,
    }
    return make_connection("counter", **(body | members))


def test_it_goes_on_where_it_was(make_connection, manager_of, tmp_path):
    for expected in (1, 2, 3):
        manager = manager_of(counter(make_connection), state_dir=tmp_path / "state")
        manager.start_plugins()
        assert manager.perform_action("counter", "count") == expected
        manager.stop_plugins()
    document = json.loads((tmp_path / "state" / "counter.json").read_text())
    assert document == {"format": 1, "plugin": "counter", "version": "1.0.0", "state": {"calls": 3}}


def test_it_may_be_async_and_see_the_version(make_connection, manager_of, tmp_path):
    seen = []

    async def save_state(self):
        return {"calls": 7}

    async def load_state(self, state, version):
        seen.append((state, version))

    made = counter(make_connection, save_state=save_state, load_state=load_state)
    manager = manager_of(made, state_dir=str(tmp_path))
    manager.start_plugins()
    assert manager.save_state() == ["counter"]
    manager.stop_plugins()
    manager.start_plugins()
    assert seen == [({"calls": 7}, "1.0.0")]


def test_without_a_place_nothing_is_saved(make_connection, manager_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    manager = manager_of(counter(make_connection))
    manager.start_plugins()
    assert manager.save_state() == []
    manager.stop_plugins()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("state", [{1}, float("nan"), {"x": b"y"}, {2: 3}, [1, [2, object()]]])
def test_what_json_cannot_hold_is_an_error_and_the_last_one_stays(
    make_connection, manager_of, tmp_path, state
):
    made = counter(make_connection)
    manager = manager_of(made, state_dir=tmp_path)
    manager.start_plugins()
    manager.save_state()
    before = (tmp_path / "counter.json").read_text()
    made.save_state = lambda self: state
    with pytest.raises(PluginExecutionError, match="save_state"):
        manager.save_state("counter")
    with pytest.raises(PluginCleanupError, match="save_state"):
        manager.stop_plugins()
    assert (tmp_path / "counter.json").read_text() == before
    del made.save_state


def test_a_state_that_contains_itself_is_an_error(make_connection, manager_of, tmp_path):
    state = {}
    state["self"] = state
    made = counter(make_connection, save_state=lambda self: state)
    manager = manager_of(made, state_dir=tmp_path)
    manager.start_plugins()
    with pytest.raises(PluginExecutionError, match="contains itself"):
        manager.save_state()
    manager.stop_plugins(force=True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 9}', "\0"])
def test_a_damaged_file_keeps_the_plugin_from_starting_and_is_not_lost(
    make_connection, manager_of, tmp_path, text
):
    file = tmp_path / "counter.json"
    file.write_text(text)
    manager = manager_of(counter(make_connection), state_dir=tmp_path)
    with pytest.raises(PluginLoadError, match="remove it to let the plugin begin anew"):
        manager.start_plugins("counter")
    assert file.read_text() == text
    file.unlink()
    assert manager.start_plugins() == ["counter"]


KILLER = """
    import json, os, random, signal, sys, time
    from pathlib import Path
    from zerepy_plugins import ConnectionPlugin, PluginManager, PluginRegistry

    class Writer(ConnectionPlugin):
        name, version, number = "writer", "1.0.0", 0
        def initialize(self, config): pass
        def cleanup(self): pass
        def is_configured(self): return True
        def configure(self): return True
        def perform_action(self, action, params): pass
        def load_state(self, state): self.number = state["number"]
        def save_state(self):
            self.number += 1
            return {"number": self.number, "filler": [self.number] * 5_000}

    def write(begun):
        registry = PluginRegistry()
        registry.register("connection", "writer", Writer)
        manager = PluginManager([], entry_points=False, registry=registry, state_dir=sys.argv[1])
        manager.load_plugins()
        manager.start_plugins()
        while True:
            manager.save_state()
            os.write(begun, b".")

    generator, last = random.Random(5), 0
    for _ in range(200):
        read, begun = os.pipe()
        child = os.fork()
        if not child:
            write(begun)
        os.read(read, 1)
        time.sleep(generator.random() * 0.005)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read)
        os.close(begun)
        state = json.loads(Path(sys.argv[1], "writer.json").read_text())["state"]
        assert state["filler"] == [state["number"]] * 5_000
        assert state["number"] > last, "it went on where the one before was killed"
        last = state["number"]
    print(last)
"""


def test_killed_200_times_at_any_moment_it_leaves_a_whole_file(run_child, tmp_path):
    result = run_child(KILLER, tmp_path)
    assert result.stderr == ""
    assert int(result.stdout) >= 200
