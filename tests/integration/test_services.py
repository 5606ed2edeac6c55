"""What plugins may ask of their host: logs, events, metrics, calls of each other."""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from waiting import until

from zerepy_plugins import Event, PluginManager, get_include
from zerepy_plugins.errors import (
    PluginConfigError,
    PluginExecutionError,
    PluginStateError,
)

LIBRARY = Path(__file__).parents[2] / "target/release/libzerepy_fixture_services.so"
DEADLINE = 5  # seconds; generous: what needs them does not come


@pytest.fixture
def directory(tmp_path):
    shutil.copy(LIBRARY, tmp_path)
    return tmp_path


@pytest.fixture
def manager(directory, registry_of):
    config = {"talker": {"config": {"options": {"pattern": "talk.*"}}}}
    with PluginManager(directory, config, registry=registry_of(), entry_points=False) as manager:
        yield manager


@pytest.fixture
def add(manager):
    """Add running plugins to the manager."""

    def add(*classes):
        for plugin_class in classes:
            category = "action" if hasattr(plugin_class, "execute") else "connection"
            manager.registry.register(category, plugin_class.name, plugin_class)
        manager.load_plugins()
        manager.start_plugins()

    return add


def call(manager, action, plugin, action_there, params=None, caller="caller"):
    target = {"plugin": plugin, "action": action_there, "params": params}
    return manager.perform_action(caller, action, target)


def messages(caplog, logger):
    return [record.getMessage() for record in caplog.records if record.name == logger]


# Logs.


def test_records_have_typed_fields_and_those_of_spans(manager, caplog):
    manager.perform_action("talker", "log", {"text": "hello"})
    records = [it for it in caplog.records if it.name == "zerepy_plugins.plugin.talker"]
    plain, fields, traced = records
    assert (plain.getMessage(), plain.levelno, plain.fields) == ("plain hello", 30, {})
    assert fields.levelno == logging.ERROR
    assert fields.getMessage() == "fields text=hello length=5 share=0.5 short=False"
    assert fields.fields == {"text": "hello", "length": 5, "share": 0.5, "short": False}
    assert traced.getMessage().startswith("traced ")
    assert traced.fields == {
        "request": 7,
        "kept": "inner",
        "late": True,
        "text": "hello",
        "ratio": 0.25,
    }


def test_levels_are_pythons(manager, caplog):
    def details():
        manager.perform_action("talker", "log", {"text": "x"})
        return "a detail" in "".join(messages(caplog, "zerepy_plugins.plugin.talker"))

    assert not details()
    caplog.set_level(logging.DEBUG)
    until(details)


def test_records_of_background_work_arrive_by_themselves(manager, caplog):
    manager.perform_action("talker", "log_later", {"text": "later"})
    until(lambda: "later" in messages(caplog, "zerepy_plugins.plugin.talker"))
    until(lambda: "traced elsewhere" in "".join(message for message in caplog.messages))


# Events.


@pytest.mark.parametrize("action", ["say", "say_elsewhere"])
def test_what_a_plugin_publishes_is_heard(manager, action):
    heard = []
    manager.events.subscribe("said", heard.append)
    data = {"a": [1, None, 2.5, b"x", 2**70], "b": "ü"}
    manager.perform_action("talker", action, {"name": "said", "data": data})
    until(lambda: heard)
    assert heard == [Event("said", data, "talker")]


def test_async_handlers_hear_it_too(manager):
    heard = []

    async def handler(event):
        heard.append(event.name)

    manager.events.subscribe("*", handler)
    manager.perform_action("talker", "say", {"name": "said"})
    until(lambda: "said" in heard)


def test_a_plugin_hears_python_and_native_events_in_order(manager):
    for number in range(20):
        manager.events.publish(Event("talk.python", {"number": number}, "me"))
    manager.events.publish(Event("other", {}, "me"))
    manager.perform_action("talker", "say", {"name": "talk.native", "data": [1]})
    heard = until(lambda: [all_ for all_ in [heard_by(manager)] if len(all_) == 21])[0]
    assert [event["data"] for event in heard[:-1]] == [{"number": number} for number in range(20)]
    assert heard[0] == {"name": "talk.python", "source": "me", "data": {"number": 0}}
    assert heard[-1] == {"name": "talk.native", "source": "talker", "data": [1]}


def heard_by(manager):
    return manager.perform_action("talker", "heard")


def test_what_cannot_cross_is_reported_and_others_hear_it(manager, caplog):
    heard = []
    manager.events.subscribe("talk.odd", heard.append)
    event = Event("talk.odd", {"it": object()}, "me")
    manager.events.publish(event)
    assert heard == [event]
    manager.stop_plugins()  # hands records over
    assert "event.data.it" in caplog.text


def test_an_event_may_be_no_more_than_a_name(manager):
    manager.events.publish(SimpleNamespace(name="talk.bare"))
    until(lambda: heard_by(manager))
    assert heard_by(manager) == [{"name": "talk.bare", "source": "", "data": None}]


def test_a_dropped_subscription_hears_nothing(manager):
    manager.perform_action("talker", "stop_listening")
    manager.events.publish(Event("talk.a", {}, "me"))
    manager.perform_action("talker", "listen_forever", {"text": "late"})
    manager.events.publish(Event("late", {}, "me"))
    until(lambda: heard_by(manager))
    assert [event["name"] for event in heard_by(manager)] == ["late"]


def test_cleanup_ends_all_subscriptions(manager):
    manager.perform_action("talker", "listen_forever", {"text": "*"})
    manager.stop_plugins("talker")
    assert manager.events.publish(Event("talk.a", {}, "me")) is not None
    manager.start_plugins("talker")
    manager.events.publish(Event("talk.b", {}, "me"))
    until(lambda: heard_by(manager))
    assert [event["name"] for event in heard_by(manager)] == ["talk.b"]


def test_a_panicking_handler_is_logged_and_others_go_on(manager, caplog):
    manager.perform_action("talker", "panic_at", {"text": "talk.a"})
    manager.events.publish(Event("talk.a", {}, "me"))
    manager.events.publish(Event("talk.b", {}, "me"))
    until(lambda: len(heard_by(manager)) == 2)
    until(lambda: "at talk.a" in caplog.text)


def test_a_wrong_pattern_is_refused(manager):
    with pytest.raises(PluginExecutionError, match=r"cannot subscribe to \"a\*\""):
        manager.perform_action("talker", "listen_forever", {"text": "a*"})


# Metrics.


def test_metrics_of_native_plugins(manager):
    assert manager.monitor.metrics("caller") == {}
    for name in ("a", "abc"):
        manager.perform_action("talker", "say", {"name": name})
    assert manager.monitor.metrics("talker") == {
        "said": {"kind": "counter", "value": 2},
        "last": {"kind": "gauge", "value": 2.5},
        "sizes": {"kind": "histogram", "count": 2, "sum": 4.0, "min": 1.0, "max": 3.0},
    }


def test_metrics_of_python_plugins(manager, add, make_connection):
    def perform_action(self, action, params):
        self.context.counter("calls").add()
        self.context.counter("calls").add(2)
        self.context.gauge("level").set(-1)
        self.context.histogram("sizes").record(3)

    add(make_connection("py", perform_action=perform_action))
    manager.perform_action("py", "x")
    assert manager.monitor.metrics(manager["py"]) == {
        "calls": {"kind": "counter", "value": 3},
        "level": {"kind": "gauge", "value": -1.0},
        "sizes": {"kind": "histogram", "count": 1, "sum": 3.0, "min": 3.0, "max": 3.0},
    }
    with pytest.raises(PluginConfigError, match="is a counter, not a gauge"):
        manager["py"].context.gauge("calls")


def test_metrics_are_bounded(manager):
    for number in range(256 - len(manager.monitor.metrics("talker"))):
        manager.perform_action("talker", "count", {"text": str(number)})
    with pytest.raises(PluginExecutionError, match="one too many"):
        manager.perform_action("talker", "count", {"text": "more"})


# Calls.


@pytest.fixture
def others(manager, add, make_connection, make_action):
    def perform_action(self, action, params):
        if action == "raise":
            raise ValueError("no luck")
        return [action, params]

    async def execute(self, params):
        await asyncio.sleep(0)
        return params

    caller2 = type("Caller2", (type(manager["caller"]),), {"name": "caller2"})
    add(
        make_connection("py", perform_action=perform_action),
        make_action("later", execute=execute),
        caller2,
    )


WAYS = ["call", "call_async", "call_elsewhere"]


@pytest.mark.parametrize("way", WAYS)
def test_plugins_call_each_other(manager, others, way):
    assert call(manager, way, "talker", "heard") == []
    assert call(manager, way, "py", "do", {"a": (1, 2**80)}) == ["do", {"a": (1, 2**80)}]
    assert call(manager, way, "later", "execute", {"b": None}) == {"b": None}
    stats = [manager.monitor.stats(name) for name in ("talker", "py", "later")]
    assert [(it.calls, it.errors, it.in_flight) for it in stats] == [(1, 0, 0)] * 3


@pytest.mark.parametrize("way", WAYS)
def test_the_callees_error_arrives(manager, others, way):
    with pytest.raises(PluginExecutionError, match="no luck") as caught:
        call(manager, way, "py", "raise")
    assert caught.value.plugin == "caller"
    assert manager.monitor.stats("py").errors == 1


@pytest.mark.parametrize(
    ("plugin", "action", "kind", "text"),
    [
        ("py", "raise", "execution_failed", "no luck"),
        ("talker", "say", "invalid_params", "params.name: required"),
        ("talker", "sya", "not_found", "no action"),
        ("later", "other", "not_found", "no action"),
        ("nobody", "x", "not_found", "no plugin is called"),
        ("stopped", "x", "wrong_state", "must be running"),
        ("caller", "name", "wrong_state", "caller -> caller"),
    ],
)
def test_a_plugin_learns_what_failed_where(
    manager, others, add, make_connection, plugin, action, kind, text
):
    add(make_connection("stopped"))
    manager.stop_plugins("stopped")
    failure = call(manager, "fail", plugin, action)
    assert (failure["kind"], failure["plugin"]) == (kind, plugin)
    assert text in failure["message"]


def test_an_inline_action_must_not_wait(manager):
    with pytest.raises(PluginExecutionError, match=r"inline action cannot call") as caught:
        call(manager, "call_inline", "talker", "heard")
    assert "blocking" in caught.value.hint


@pytest.mark.parametrize("way", ["call", "call_async"])
@pytest.mark.parametrize("is_async", [False, True])
def test_no_call_comes_back_to_whoever_waits_for_it(manager, add, make_connection, way, is_async):
    def again(self, action, params):
        return call(manager, way, "py", "again")

    async def again_async(self, action, params):
        target = {"plugin": "py", "action": "again"}
        return await manager.perform_action_async("caller", way, target)

    add(make_connection("py", perform_action=again_async if is_async else again))
    with pytest.raises(PluginExecutionError, match="caller -> py -> caller -> py"):
        call(manager, way, "py", "again")


# On the thread that begins an async action, where the interpreter is held.


def awaited(manager, action, plugin, action_there):
    target = {"plugin": plugin, "action": action_there, "params": None}
    return asyncio.run(manager.perform_action_async("caller", action, target))


@pytest.fixture(params=["awaited", "synchronous"])
def ask(request, manager):
    function = awaited if request.param == "awaited" else call
    return lambda *target: function(manager, *target)


def test_an_async_action_must_not_wait_at_once(manager, others, ask):
    for plugin, action in (("talker", "heard"), ("py", "do"), ("later", "execute")):
        with pytest.raises(PluginExecutionError, match="on its caller's thread") as caught:
            ask("call_at_once", plugin, action)
        assert "call_async" in caught.value.hint
        assert manager.monitor.stats(plugin).calls == 0


def test_an_async_action_may_ask_for_all_else_at_once(manager, others, ask, caplog):
    heard = []
    manager.events.subscribe("caller.at_once", heard.append)
    assert ask("ask_at_once", "talker", "heard") == []  # an inline action
    assert ask("ask_at_once", "py", "do") == ["do", {}]
    assert ask("ask_at_once", "later", "execute") == {}
    assert ask("ask_at_once", "caller2", "name") == "caller"
    until(lambda: len(heard) == 4)
    assert {(event.source, event.data) for event in heard} == {("caller", False)}
    assert manager.monitor.metrics("caller")["at_once"]["value"] == 4
    until(lambda: messages(caplog, "zerepy_plugins.plugin.caller") == ["at once"] * 4)


def test_an_async_action_at_once_must_not_call_itself(ask):
    with pytest.raises(PluginExecutionError, match="caller -> caller"):
        ask("ask_at_once", "caller", "name")


def test_a_call_of_the_same_library_at_once_is_a_call_of_its_own(manager, others):
    heard = []
    manager.events.subscribe("caller.at_once", heard.append)
    params = {"plugin": "talker", "action": "heard"}
    target = {"plugin": "caller2", "action": "ask_at_once", "params": params}
    assert manager.perform_action("caller", "ask_at_once", target) == []
    asyncio.run(manager.perform_action_async("caller", "ask_at_once", target))
    until(lambda: len(heard) == 4)
    assert [event.source for event in heard] == ["caller", "caller2"] * 2
    assert manager.monitor.metrics("caller2")["at_once"]["value"] == 2


def test_a_panic_of_another_plugin_poisons_only_that_one(manager):
    with pytest.raises(PluginExecutionError, match="panicked at"):
        call(manager, "call", "talker", "panic")
    assert manager.perform_action("caller", "name") == "caller"
    with pytest.raises(PluginStateError, match="panicked before"):
        heard_by(manager)


# Calls that nobody waits for any more.


async def until_called(manager, plugin):
    await asyncio.to_thread(until, lambda: manager.monitor.stats(plugin).in_flight)


@pytest.mark.parametrize("action", ["work", "work_async"])
def test_a_cancelled_call_is_told(manager, action):
    async def main():
        task = asyncio.ensure_future(
            manager.perform_action_async("caller", action, {"seconds": 60})
        )
        await until_called(manager, "caller")
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    until(lambda: manager.perform_action("caller", "gave_up") == 1)


@pytest.fixture
def worker(manager, add):
    """Another one of the kind of `caller`."""
    add(type("Worker", (type(manager["caller"]),), {"name": "worker"}))


@pytest.mark.parametrize("way", ["call", "call_async"])
def test_the_callee_is_told_as_well(manager, worker, way):
    async def main():
        target = {"plugin": "worker", "action": "work", "params": {"seconds": 60}}
        task = asyncio.ensure_future(manager.perform_action_async("caller", way, target))
        await until_called(manager, "worker")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    until(lambda: manager.perform_action("worker", "gave_up") == 1)


def test_a_dropped_call_is_told(manager, worker):
    call(manager, "call_and_drop", "worker", "work", {"seconds": 60})
    # It was told, or the call was dropped before it had a thread.
    until(lambda: not manager.monitor.stats("worker").in_flight)
    assert manager.perform_action("worker", "gave_up") in (0, 1)


def test_a_finished_call_was_wanted_to_the_end(manager):
    assert manager.perform_action("caller", "work", {"seconds": 0.001}) is True
    assert manager.perform_action("caller", "gave_up") == 0


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
    source = Path(__file__).parents[1] / "fixtures/c/services.c"
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
