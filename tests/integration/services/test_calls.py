"""What plugins may ask of their host: calls of each other."""

from __future__ import annotations

import asyncio

import pytest
from asking import call, heard_by, messages
from waiting import until

from zerepy_plugins.errors import PluginExecutionError, PluginStateError


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


async def until_it_works(manager, plugin):
    # It is counted as called before; given up then, it never begins.
    await asyncio.to_thread(until, lambda: manager.perform_action(plugin, "began"))


@pytest.mark.parametrize("action", ["work", "work_async"])
def test_a_cancelled_call_is_told(manager, action):
    async def main():
        task = asyncio.ensure_future(
            manager.perform_action_async("caller", action, {"seconds": 60})
        )
        await until_it_works(manager, "caller")
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
        await until_it_works(manager, "worker")
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
