"""What plugins may ask of a host that is gone, shared, busy, or spoken to from C."""

from __future__ import annotations

import gc
import subprocess
import threading
from pathlib import Path

import pytest
from asking import call
from waiting import until

from zerepy_plugins import Event, PluginManager, get_include
from zerepy_plugins.errors import PluginExecutionError

DEADLINE = 5  # seconds; generous: what needs them does not come


# Without a manager, and after it.


def test_outside_of_a_manager_there_is_nobody_to_ask(manager):
    caller = type(manager["caller"])()
    caller.initialize({})
    with pytest.raises(PluginExecutionError, match="is not run by a manager"):
        call_direct(caller, "call", "talker", "heard")
    caller.cleanup()


def call_direct(plugin, action, *target):
    return plugin.perform_action(action, dict(zip(("plugin", "action"), target, strict=True)))


def test_after_the_manager_is_gone(directory):
    manager = PluginManager(directory, entry_points=False)
    manager.load_plugins()
    manager.start_plugins()
    caller = manager["caller"]
    del manager
    gc.collect()
    with pytest.raises(PluginExecutionError, match="does not exist any more"):
        call_direct(caller, "call", "talker", "heard")


def test_two_managers_are_apart(directory):
    heard = []
    with (
        PluginManager(directory, entry_points=False) as one,
        PluginManager(directory, entry_points=False) as two,
    ):
        two.events.subscribe("said", heard.append)
        one.perform_action("talker", "say", {"name": "said", "data": 1})
        two.perform_action("talker", "say", {"name": "said", "data": 2})
        until(lambda: heard)
        assert [event.data for event in heard] == [2]
        assert one.monitor.metrics("talker")["said"]["value"] == 1


def test_many_threads_publish_and_call(manager):
    heard = []
    manager.events.subscribe("said", heard.append)

    def work():
        for number in range(50):
            manager.perform_action("talker", "say", {"name": "said", "data": number})
            call(manager, "call", "talker", "heard")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE * 4)
    until(lambda: len(heard) == 200)
    assert manager.monitor.metrics("talker")["said"]["value"] == 200


# In C.


def test_a_plugin_in_c_asks_for_everything_once(tmp_path, caplog):
    source = Path(__file__).parents[2] / "fixtures/c/services.c"
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-pedantic", "-Werror", "-shared", "-fPIC"]
    library = tmp_path / "in_c.so"
    subprocess.run(["cc", *flags, "-I", get_include(), "-o", library, source], check=True)
    heard = []
    with PluginManager(tmp_path, entry_points=False) as manager:
        manager.events.subscribe("c.said", heard.append)
        assert manager.perform_action("in_c", "ask") == 1
        until(lambda: heard)
        assert manager.monitor.metrics("in_c") == {"asked": {"kind": "counter", "value": 2}}
    assert heard == [Event("c.said", None, "in_c")]
    [record] = [it for it in caplog.records if it.name == "zerepy_plugins.plugin.in_c"]
    assert (record.getMessage(), record.fields) == ("from C count=3", {"count": 3})
