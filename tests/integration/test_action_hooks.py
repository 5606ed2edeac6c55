"""Hooks around actions: what they see, what they may change, and what becomes of their errors."""

from __future__ import annotations

import asyncio
import functools
import shutil
import threading
from pathlib import Path

import pytest

from zerepy_plugins import PluginHooks, PluginManager
from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginExecutionError,
    PluginVetoError,
)

TASKS = Path(__file__).parents[2] / "target/release/libzerepy_fixture_tasks.so"


@pytest.fixture(params=["sync", "awaited"])
def call(request):
    """Call an action: waiting, or awaited on a loop of its own."""
    if request.param == "sync":
        return lambda manager, *args: manager.perform_action(*args)
    return lambda manager, *args: asyncio.run(_awaited(manager.perform_action_async(*args)))


@pytest.fixture(params=["sync", "awaited"])
def execute(request):
    """Execute an action plugin, likewise."""
    if request.param == "sync":
        return lambda manager, *args: manager.execute_sync(*args)
    return lambda manager, *args: asyncio.run(_awaited(manager.execute(*args)))


async def _awaited(coroutine):
    return await coroutine


class Recorder(PluginHooks):
    """Notes who saw what."""

    def __init__(self, log, label="", priority=0):
        self.log, self.label, self.priority = log, label, priority

    def pre_action(self, action):
        self.log.append(f"{self.label} before {action}")

    def post_action(self, action, error):
        self.log.append(f"{self.label} after {action}: {type(error).__name__}")


def test_they_see_call_and_result(running, call):
    seen = []

    class Watcher(PluginHooks):
        def pre_action(self, plugin, action, params, config):
            seen.append((plugin.name, action, params, config))

        def post_action(self, **everything):
            seen.append(everything)

    running.add_hooks(Watcher())
    assert call(running, "echo", "echo", {"value": 1}) == 1
    before, after = seen
    assert before == ("echo", "echo", {"value": 1}, running["echo"].context.config)
    assert after.pop("plugin") is running["echo"]
    assert 0 < after.pop("duration") < 60
    assert after.pop("config") == running["echo"].context.config
    assert after == {"action": "echo", "params": {"value": 1}, "result": 1, "error": None}


def test_new_params_reach_later_hooks_and_the_plugin(running, call):
    seen = []

    class Adds(PluginHooks):
        def pre_action(self, params):
            return {"value": params["value"] + 1}

    class Sees(PluginHooks):
        def pre_action(self, params):
            seen.append(params)

        def post_action(self, params, result):
            seen.append((params, result))
            return "not the result"

    running.add_hooks(Adds())
    running.add_hooks(Sees())
    given = {"value": 1}
    assert call(running, "echo", "echo", given) == 2
    assert seen == [{"value": 2}, ({"value": 2}, 2)]
    assert given == {"value": 1}


def by_name(hook):
    """Wrap a hook in a function that takes nothing but names."""

    @functools.wraps(hook)
    def wrapper(self, **named):
        return hook(self, **named)

    return wrapper


def test_arguments_come_whatever_the_form_of_the_hook(running, call):
    seen = []

    class InAnotherOrder(PluginHooks):
        def pre_action(self, params, action):
            seen.append((action, params))

    class AfterAnotherDefault(PluginHooks):
        def pre_action(self, mine=None, action="", params=None):
            seen.append((action, params, mine))

    class NamesOnly(PluginHooks):
        def pre_action(self, action, *, params):
            seen.append((action, params))

    class Wrapped(PluginHooks):
        @by_name
        def pre_action(self, action, params):
            seen.append((action, params))

    class NoMethod(PluginHooks):
        pre_action = staticmethod(lambda action, params: seen.append((action, params)))

    for hooks in (InAnotherOrder, AfterAnotherDefault, NamesOnly, Wrapped, NoMethod):
        running.add_hooks(hooks())
    call(running, "echo", "echo", {"value": 1})
    given = ("echo", {"value": 1})
    assert seen == [given, (*given, None), given, given, given]


def test_new_params_are_validated(running, execute):
    running.add_hooks(type("Bad", (), {"pre_action": lambda self: {"text": 3}})())
    with pytest.raises(InvalidParamsError):
        execute(running, "shout", {"text": "a"})


def test_params_left_out_are_an_empty_dict(running, call):
    seen = []
    running.add_hooks(type("Sees", (), {"pre_action": lambda self, params: seen.append(params)})())
    with pytest.raises(PluginExecutionError):
        call(running, "echo", "fail")
    assert seen == [{}]


def test_a_veto_keeps_the_action_from_happening(running, call):
    log = []

    class Budget(Recorder):
        def pre_action(self, plugin, action):
            raise PluginVetoError(f"{action} costs too much today")

    for hooks in (Recorder(log, "outer"), Budget(log, "budget"), Recorder(log, "inner")):
        running.add_hooks(hooks)
    with pytest.raises(PluginVetoError, match="costs too much") as caught:
        call(running, "echo", "echo", {"value": 1})
    assert (caught.value.plugin, caught.value.code) == ("echo", "vetoed")
    assert log == [
        "outer before echo",
        "budget after echo: PluginVetoError",
        "outer after echo: PluginVetoError",
    ]
    stats = running.monitor.stats("echo")
    assert (stats.calls, stats.errors, stats.in_flight) == (1, 1, 0)


def test_priority_then_age_and_the_plugin_innermost(manager_of, make_connection, call):
    log = []
    own = {name: vars(Recorder)[name] for name in ("pre_action", "post_action")}
    plugin = make_connection("a", log=log, label="own", priority=99, **own)
    manager = manager_of(plugin, hooks=[Recorder(log, "low", -1), Recorder(log, "mid")])
    manager.add_hooks(Recorder(log, "high", 7))
    manager.add_hooks(Recorder(log, "mid too", 7), priority=0)
    manager.start_plugins()
    call(manager, "a", "x")
    order = ["high", "mid", "mid too", "low", "own"]
    expected = [f"{label} before x" for label in order]
    expected += [f"{label} after x: NoneType" for label in reversed(order)]
    assert log == expected


def test_a_plugins_own_hooks_see_that_plugin_only(manager_of, make_connection, call):
    log = []
    own = make_connection("a", pre_action=lambda self, action: log.append(action))
    manager = manager_of(own, make_connection("b"))
    manager.start_plugins()
    call(manager, "a", "x")
    call(manager, "b", "y")
    assert log == ["x"]


def test_after_a_failed_call_only_hooks_that_take_the_error_run(running, call):
    seen = []

    class WithoutError(PluginHooks):
        def post_action(self, result):
            seen.append("must not be called")

    class WithError(PluginHooks):
        def post_action(self, error, result):
            seen.append((type(error), result))

    running.add_hooks(WithoutError())
    running.add_hooks(WithError())
    with pytest.raises(PluginExecutionError, match="no luck"):
        call(running, "echo", "fail", {"message": "no luck"})
    assert seen == [(PluginExecutionError, None)]


class Broken(PluginHooks):
    """Raises where it is told to."""

    def __init__(self, *moments):
        self.moments = moments

    def pre_action(self):
        if "pre" in self.moments:
            raise LookupError("before")

    def post_action(self, error):
        if "post" in self.moments:
            raise LookupError("after")


def test_an_error_before_the_action_is_its_failure(running, call):
    log = []
    running.add_hooks(Broken("pre"))
    running.add_hooks(Recorder(log))
    with pytest.raises(PluginExecutionError, match="pre_action of plugin") as caught:
        call(running, "echo", "echo", {"value": 1})
    assert isinstance(caught.value.__cause__, LookupError)
    assert log == []


@pytest.mark.parametrize("on_error", ["raise", "collect"])
def test_an_error_after_the_action_is_reported_when_all_have_run(running, call, on_error):
    log = []
    running.add_hooks(Recorder(log))
    running.add_hooks(Broken("post"), on_error=on_error)
    with pytest.raises(PluginExecutionError, match="post_action of plugin"):
        call(running, "echo", "echo", {"value": 1})
    assert log == [" before echo", " after echo: NoneType"]


def test_collected_errors_are_told_together_with_the_calls_own(running, call):
    log = []
    running.add_hooks(Broken("pre", "post"), on_error="collect")
    running.add_hooks(Recorder(log))
    with pytest.raises(PluginExecutionError) as caught:
        call(running, "echo", "fail", {"message": "no luck"})
    text = str(caught.value)
    assert text.index("no luck") < text.index("before") < text.index("after")
    assert log == [" before fail", " after fail: PluginExecutionError"]


def test_the_kind_of_the_calls_own_error_is_kept(running, execute):
    running.add_hooks(Broken("post"))
    with pytest.raises(InvalidParamsError, match="LookupError"):
        execute(running, "shout", {"text": 3})


def test_logged_errors_are_warnings(running, call, caplog):
    running.add_hooks(Broken("pre", "post"), on_error="log")
    assert call(running, "echo", "echo", {"value": 1}) == 1
    warnings = [it for it in caplog.records if it.name == "zerepy_plugins.hooks"]
    assert [it.levelname for it in warnings] == ["WARNING"] * 2
    assert "before" in warnings[0].getMessage()
    assert "post_action" in warnings[1].getMessage()


def test_a_veto_holds_under_every_policy(running, call):
    class Veto(PluginHooks):
        def pre_action(self):
            raise PluginVetoError("no")

    running.add_hooks(Veto(), on_error="log")
    with pytest.raises(PluginVetoError):
        call(running, "echo", "echo", {"value": 1})


def test_what_is_no_dict_is_an_error(running, call):
    running.add_hooks(type("Bad", (), {"pre_action": lambda self: [1]})())
    with pytest.raises(PluginExecutionError, match="dict of new params or None"):
        call(running, "echo", "echo", {"value": 1})


def test_async_hooks_are_awaited(running, call):
    log = []

    class Hooks(PluginHooks):
        async def pre_action(self, params):
            await asyncio.sleep(0)
            return {"value": params["value"] * 2}

        async def post_action(self, result):
            await asyncio.sleep(0)
            log.append((result, threading.current_thread()))

    running.add_hooks(Hooks())
    assert call(running, "echo", "echo", {"value": 4}) == 8
    assert log[0][0] == 8


async def test_in_awaited_calls_they_run_on_the_callers_loop(running):
    loops = []

    class Hooks(PluginHooks):
        async def pre_action(self):
            loops.append(asyncio.get_running_loop())

    running.add_hooks(Hooks())
    await asyncio.create_task(running.perform_action_async("echo", "echo", {"value": 1}))
    assert loops == [asyncio.get_running_loop()]


async def test_a_cancelled_call_is_seen_as_cancelled(manager_of, make_connection):
    log, begun = [], asyncio.Event()

    async def perform_action(self, action, params):
        begun.set()
        await asyncio.Event().wait()

    manager = manager_of(make_connection("a", perform_action=perform_action))
    manager.add_hooks(Recorder(log))
    manager.start_plugins()
    task = asyncio.create_task(manager.perform_action_async("a", "x"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == [" before x", " after x: CancelledError"]
    stats = manager.monitor.stats("a")
    assert (stats.calls, stats.errors, stats.in_flight) == (1, 0, 0)


@pytest.fixture
def tasks(tmp_path):
    """The Rust plugin with async actions, running."""
    shutil.copy(TASKS, tmp_path)
    with PluginManager(tmp_path, entry_points=False) as manager:
        yield manager


async def test_async_native_actions_are_seen_and_can_be_cancelled(tasks):
    log = []
    tasks.add_hooks(Recorder(log))
    nap = {"seconds": 0, "value": 7}
    assert await tasks.perform_action_async("tasks", "nap", nap) == 7
    task = asyncio.create_task(tasks.perform_action_async("tasks", "nap", {"seconds": 60}))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    after = [" after nap: NoneType", " after nap: CancelledError"]
    assert [entry for entry in log if "after" in entry] == after
    for _ in range(5000):  # its future is dropped in the library, too
        if tasks.perform_action("tasks", "counts")["dropped"]:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it still runs")


def test_an_interruption_passes_whatever_the_policy(running):
    def interrupt(self):
        raise KeyboardInterrupt

    running.add_hooks(type("Stops", (), {"pre_action": interrupt})(), on_error="log")
    with pytest.raises(KeyboardInterrupt):
        running.perform_action("echo", "echo", {"value": 1})


def test_hooks_may_call_plugins(running, call):
    class Hooks(PluginHooks):
        def __init__(self):
            self.depth = 0

        def pre_action(self):
            self.depth += 1
            if self.depth == 1:
                return {"value": running.perform_action("echo", "echo", {"value": "nested"})}
            return None

    running.add_hooks(Hooks())
    assert call(running, "echo", "echo", {"value": 1}) == "nested"


def test_removed_hooks_see_nothing_more(running, call):
    log = []
    undo = running.add_hooks(Recorder(log))
    undo()
    call(running, "echo", "echo", {"value": 1})
    assert log == []
