"""Changing the configuration of plugins while they run, Python and native."""

from __future__ import annotations

import json

import pytest

from zerepy_plugins.errors import (
    PluginConfigError,
    PluginError,
    PluginExecutionError,
    PluginStateError,
)

SCHEMA = {"properties": {"options": {"properties": {"depth": {"type": "integer"}}}}}


class Recorder:
    """What a plugin was told."""

    def __init__(self):
        self.told = []

    def members(self, **more):
        def initialize(plugin, config):
            self.told.append(("initialize", config))

        return {"initialize": initialize, "config_schema": SCHEMA, **more}


@pytest.fixture
def recorder():
    return Recorder()


CONFIG = {"a": {"config": {"options": {"depth": 1, "keep": "x"}}}}


@pytest.mark.parametrize("is_async", [False, True])
def test_reconfigure_is_called_once_with_the_difference(
    make_connection, manager_of, recorder, is_async
):
    def reconfigure(plugin, config, changes):
        recorder.told.append((config, changes, plugin.context.config))

    async def reconfigure_async(plugin, config, changes):
        reconfigure(plugin, config, changes)

    members = recorder.members(reconfigure=reconfigure_async if is_async else reconfigure)
    manager = manager_of(make_connection("a", **members), config=CONFIG)
    manager.start_plugins()
    plugin = manager["a"]
    recorder.told.clear()
    assert manager.update_config("a", {"options": {"depth": 2}}) == ["options.depth"]
    old, new = {"depth": 1, "keep": "x"}, {"depth": 2, "keep": "x"}
    changes = {"options.depth": (1, 2)}
    assert recorder.told == [({"options": new}, changes, {"options": old})]
    assert manager["a"] is plugin
    assert plugin.context.config == {"options": new}
    assert manager.describe("a")["config"] == {"options": new}
    assert manager.update_config("a", {"options": {"depth": 2}}) == []
    assert len(recorder.told) == 1


def test_reconfigure_need_not_take_the_difference(make_connection, manager_of):
    told = []
    made = make_connection("a", reconfigure=lambda plugin, config: told.append(config))
    manager = manager_of(made)
    manager.start_plugins()
    manager.update_config("a", {"options": {"x": 1}})
    assert told == [{"options": {"x": 1}}]


def test_without_reconfigure_another_instance_takes_over(make_connection, manager_of, recorder):
    manager = manager_of(make_connection("a", **recorder.members()), config=CONFIG)
    manager.start_plugins()
    before = manager["a"]
    assert manager.update_config("a", {"options": {"keep": "y"}}) == ["options.keep"]
    assert manager["a"] is not before
    assert [config["options"]["keep"] for _, config in recorder.told] == ["x", "y"]


def test_a_rejected_one_leaves_the_old_one_in_force(make_connection, manager_of, recorder):
    def reconfigure(plugin, config):
        raise OSError("no such depth")

    made = make_connection("a", **recorder.members(reconfigure=reconfigure))
    manager = manager_of(made, config=CONFIG)
    manager.start_plugins()
    with pytest.raises(PluginConfigError, match=r"options\.depth") as raised:
        manager.update_config("a", {"options": {"depth": "deep"}})
    assert raised.value.plugin == "a"
    with pytest.raises(PluginExecutionError, match="no such depth"):
        manager.update_config("a", {"options": {"depth": 7}})
    assert manager.describe("a")["config"] == CONFIG["a"]["config"]
    assert manager["a"].context.config == CONFIG["a"]["config"]
    assert manager.perform_action("a", "ask", 1) == ("ask", 1)


def test_enabled_switches_off_and_on(make_connection, manager_of):
    manager = manager_of(make_connection("a"))
    manager.start_plugins()
    assert manager.update_config("a", {"enabled": False}) == ["enabled"]
    assert [str(status.state) for status in manager.status()] == ["disabled"]
    manager.update_config("a", {"enabled": True})
    assert manager.start_plugins() == ["a"]


@pytest.mark.parametrize("config", [[], "x", {1: 2}, {"options": {"x": {1}}}])
def test_what_is_no_configuration_is_refused(make_connection, manager_of, config):
    manager = manager_of(make_connection("a"))
    manager.start_plugins()
    with pytest.raises(PluginConfigError):
        manager.update_config("a", config)


def test_twins_of_all_kinds_take_it_over_or_keep_what_they_have(running):
    before = running["fragile"]
    with pytest.raises(PluginError, match="initialize failed as told"):
        running.update_config("fragile", {"options": {"fail_initialize": True}})
    with pytest.raises(PluginConfigError, match=r"options\.fail_cleanup"):
        running.update_config("fragile", {"options": {"fail_cleanup": 3}})
    assert running["fragile"] is before
    changed = running.update_config("fragile", {"options": {"fail_cleanup": False}})
    assert changed in (["options"], ["options.fail_cleanup"])
    after = running["fragile"]
    assert after is not before
    assert running.update_config("fragile", {"options": {"fail_cleanup": False}}) == []
    assert running["fragile"] is after
    assert running.perform_action("fragile", "ping") == "pong"


async def test_awaited_it_runs_async_methods_on_this_loop(make_connection, manager_of):
    import asyncio

    loops = []

    async def reconfigure(plugin, config):
        loops.append(asyncio.get_running_loop())

    manager = manager_of(make_connection("a", reconfigure=reconfigure))
    await manager.start_plugins_async()
    assert await manager.update_config_async("a", {"options": {"x": 1}}) == ["options"]
    assert loops == [asyncio.get_running_loop()]
    with pytest.raises(PluginStateError, match="is async"):
        manager.update_config("a", {"options": {"x": 2}})
    await manager.stop_plugins_async()


class TestFile:
    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "zerepy.json"
        path.write_text(json.dumps(CONFIG))
        return path

    def test_it_is_read_again(self, file, make_connection, manager_of):
        classes = [make_connection(name) for name in "abc"]
        manager = manager_of(*classes, config=file)
        manager.start_plugins()
        config = {"a": {"config": {"options": {"depth": 5, "keep": "x"}}}}
        file.write_text(json.dumps({**config, "b": {"config": {"options": {"y": 1}}}}))
        assert manager.reload_config() == {"a": ["options.depth"], "b": ["options"]}
        assert manager.reload_config() == {}
        manager.update_config("c", {"options": {"z": 1}})
        assert manager.reload_config() == {"c": ["options"]}

    def test_a_wrong_file_changes_nothing(self, file, make_connection, manager_of):
        manager = manager_of(make_connection("a"), config=str(file))
        manager.start_plugins()
        file.write_text("{")
        with pytest.raises(PluginConfigError, match=r"zerepy\.json"):
            manager.reload_config()
        assert manager.describe("a")["config"] == CONFIG["a"]["config"]

    def test_there_must_be_one(self, make_connection, manager_of):
        with pytest.raises(PluginStateError, match="did not come from a file"):
            manager_of(make_connection("a")).reload_config()
