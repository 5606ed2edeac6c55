"""The Python classes of plugins from shared libraries, without a manager."""

from __future__ import annotations

import asyncio
import copy
import pickle
import shutil
import weakref

import pytest

from zerepy_plugins import ActionPlugin, ConnectionPlugin, discover_plugins
from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginError,
    PluginNotFoundError,
    PluginStateError,
)
from zerepy_plugins.native import NativePlugin


@pytest.fixture
def classes(twin_dirs):
    return discover_plugins(twin_dirs["native"])


@pytest.fixture
def echo(classes):
    plugin = classes["echo"]()
    plugin.initialize({})
    return plugin


def test_what_the_classes_say(classes):
    echo, dependent = classes["echo"], classes["dependent"]
    assert issubclass(echo, (ConnectionPlugin, NativePlugin))
    assert issubclass(classes["shout"], ActionPlugin)
    assert (echo.name, echo.version, echo.requires) == ("echo", "1.0.0", [])
    assert dependent.requires == ["echo>=1"]
    assert echo.__name__ == "Echo"
    assert echo.__doc__ == "Gives back what it gets, and fails in every way there is."
    assert list(echo.actions) == ["echo", "add", "fail", "panic", "sleep", "sum", "describe"]
    assert echo.actions["sleep"]["exec"] == "blocking"
    assert "fail_cleanup" in classes["fragile"].config_schema["properties"]["options"]["properties"]


def test_a_life_by_hand(classes):
    plugin = classes["echo"]()
    with pytest.raises(PluginStateError, match="not initialized"):
        plugin.perform_action("echo", {"value": 1})
    plugin.initialize({})
    with pytest.raises(PluginStateError, match="already"):
        plugin.initialize({})
    assert plugin.perform_action("echo", {"value": 1}) == 1
    plugin.cleanup()
    plugin.cleanup()
    plugin.initialize({})
    assert plugin.perform_action("echo", {"value": 2}) == 2


@pytest.mark.parametrize("method", ["initialize", "reconfigure", "load_state"])
def test_refused_values_name_the_plugin(tmp_path, pytestconfig, method):
    shutil.copy(pytestconfig.rootpath / "target/release/libzerepy_fixture_tasks.so", tmp_path)
    with pytest.raises(PluginError, match="the key 1 is not a str") as caught:
        getattr(discover_plugins(tmp_path)["tally"](), method)({1: 1})
    assert caught.value.plugin == "tally"


def test_instances_are_independent(classes):
    one, two = classes["echo"](), classes["echo"]()
    one.initialize({})
    with pytest.raises(PluginStateError):
        two.perform_action("echo", {"value": 1})


def test_params_may_be_left_out(echo, classes):
    with pytest.raises(InvalidParamsError, match=r"params\.value"):
        echo.perform_action("echo")
    dependent = classes["dependent"]()
    dependent.initialize({})
    assert dependent.perform_action("ping") == "pong"


def test_an_unknown_action_offers_the_nearest(echo):
    with pytest.raises(PluginNotFoundError, match='Did you mean "sleep"'):
        echo.perform_action("slep", {})


def test_arguments_of_the_constructor_do_not_matter(classes):
    assert classes["echo"]({"options": {}}, more=1).name == "echo"


def test_blocking_actions_work_without_a_manager(echo):
    assert echo.perform_action("sleep", {"seconds": 0}) is None


def test_execute_starts_when_it_is_awaited(classes):
    plugin = classes["shout"]()

    async def main():
        coroutine = plugin.execute({"text": "a"})
        plugin.initialize({})
        return await coroutine

    assert asyncio.run(main()) == "A"
    assert plugin.validate_params({"text": ""}) == ["text: must not be empty"]
    assert plugin.validate_params({"text": "a"}) == []


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_cannot_be_copied(echo, duplicate):
    with pytest.raises(TypeError, match="shared library"):
        duplicate(echo)


def test_it_can_be_referenced_weakly_and_is_freed(classes):
    plugin = classes["echo"]()
    plugin.initialize({})
    reference = weakref.ref(plugin)
    del plugin
    assert reference() is None


def test_a_subclass_may_add_to_it(classes):
    class Mine(classes["echo"]):
        name = "mine"

        def __init__(self, config):
            super().__init__()
            self.prefix = config["prefix"]

        def perform_action(self, action, params=None):
            return self.prefix, super().perform_action(action, params)

    plugin = Mine({"prefix": ">"})
    plugin.initialize({})
    assert plugin.perform_action("add", {"a": 1, "b": 2}) == (">", 3)
    assert Mine.name == "mine"
