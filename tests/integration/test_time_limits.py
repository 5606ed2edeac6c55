"""Time limits: who stops waiting, what goes on, and what then becomes of the plugin."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import math
import threading

import pytest
from waiting import until

from zerepy_plugins import PluginManager
from zerepy_plugins.errors import (
    PluginStateError,
    PluginTimeoutError,
)

LIMIT = 0.02
LONG = {"seconds": 0.2}
BOUND = 5  # seconds; generous: whoever waits for what hangs waits for ever


@pytest.fixture
def hanging(manager_of, make_connection):
    """A running manager of connection "a", whose calls hang until the event is set."""
    released = threading.Event()

    def perform_action(self, action, params):
        released.wait(BOUND)
        return action

    manager = manager_of(make_connection("a", perform_action=perform_action))
    manager.start_plugins()
    yield manager, released
    released.set()


# Who says how long.


def test_a_call_has_the_limit_of_its_plugin(sleeper):
    manager = sleeper({"timeout": 0.2})  # of initialize too: not too short
    manager.start_plugins("sleeper")
    with pytest.raises(PluginTimeoutError) as caught:
        manager.perform_action("sleeper", "nap", {"seconds": 0.5})
    assert caught.value.plugin == "sleeper"
    assert caught.value.code == "timed_out"
    assert str(caught.value) == (
        'action "nap" of plugin "sleeper" did not end within 0.2 s; it is still running. '
        'Raise the limit, "timeout" under "options", if it needs longer'
    )
    assert isinstance(caught.value, TimeoutError)
    assert manager.perform_action("sleeper", "nap", {"seconds": 0}) == 0


def test_a_call_has_the_limit_of_the_manager(sleeper):
    manager = sleeper(action_timeout=LIMIT)
    manager.start_plugins("sleeper")
    with pytest.raises(PluginTimeoutError):
        manager.perform_action("sleeper", "nap", LONG)


def test_a_call_may_have_a_limit_of_its_own(sleeper):
    manager = sleeper({"timeout": 60})
    manager.start_plugins("sleeper")
    with pytest.raises(PluginTimeoutError, match=r"within 0\.02 s"):
        manager.perform_action("sleeper", "nap", LONG, timeout=LIMIT)


def test_infinity_is_no_limit(sleeper):
    manager = sleeper(action_timeout=LIMIT)
    manager.start_plugins("sleeper")
    assert manager.perform_action("sleeper", "nap", {"seconds": 0.05}, timeout=math.inf) == 0.05


@pytest.mark.parametrize("limit", [0, -1, math.nan])
def test_a_limit_is_more_than_nothing(manager_of, make_connection, limit):
    manager = manager_of(make_connection("a"))
    manager.start_plugins()
    for call in (manager.perform_action, manager.perform_action_async):
        with pytest.raises(ValueError, match="must be more than 0"):
            call("a", "x", timeout=limit)
    with pytest.raises(ValueError, match="must be more than 0"):
        manager_of(cleanup_timeout=limit)


# Who stops waiting, and what goes on.


def counts(manager, name="sleeper"):
    stats = manager.monitor.stats(name)
    return stats.timeouts, stats.still_running, stats.late


def test_blocking_work_goes_on_is_counted_and_its_result_dropped(sleeper):
    manager = sleeper()
    manager.start_plugins("sleeper")
    with pytest.raises(PluginTimeoutError):
        manager.perform_action("sleeper", "nap", LONG, timeout=LIMIT)
    assert counts(manager) == (1, 1, 0)
    assert manager.monitor.stats("sleeper").in_flight == 0
    until(lambda: counts(manager) == (1, 0, 1))


async def test_awaited_blocking_work_too(sleeper):
    manager = sleeper()
    await manager.start_plugins_async("sleeper")
    with pytest.raises(PluginTimeoutError, match="it is still running"):
        await manager.perform_action_async("sleeper", "nap", LONG, timeout=LIMIT)
    assert counts(manager) == (1, 1, 0)
    assert await manager.perform_action_async("sleeper", "nap", {"seconds": 0}, timeout=BOUND) == 0
    await asyncio.to_thread(until, lambda: counts(manager) == (1, 0, 1))


def test_the_outcome_is_seen_by_observers_and_events(hanging):
    manager, _ = hanging
    outcomes, events = [], []
    manager.monitor.add_observer(after=lambda *call: outcomes.append(call[2]))
    manager.events.subscribe("a.x.*", lambda event: events.append(event.name))
    with pytest.raises(PluginTimeoutError):
        manager.perform_action("a", "x", timeout=LIMIT)
    assert outcomes == ["timeout"]
    assert events == ["a.x.start", "a.x.failure"]


def test_a_rust_task_is_really_stopped(sleeper_dirs, twins_library):
    with PluginManager(sleeper_dirs["native"], entry_points=False) as manager:
        for seconds in (60, 60):
            with pytest.raises(PluginTimeoutError, match="it was cancelled"):
                manager.perform_action("tasks", "nap", {"seconds": seconds}, timeout=LIMIT)
        until(lambda: manager.perform_action("tasks", "counts") == {"running": 0, "dropped": 2})
        until(lambda: counts(manager, "tasks")[:2] == (2, 0))


async def test_an_awaited_rust_task_is_really_stopped(sleeper_dirs):
    async with PluginManager(sleeper_dirs["native"], entry_points=False) as manager:
        with pytest.raises(PluginTimeoutError, match="it was cancelled"):
            await manager.perform_action_async("sleeper", "doze", {"seconds": 60}, timeout=LIMIT)
        await asyncio.to_thread(until, lambda: counts(manager)[:2] == (1, 0))
        call = manager.perform_action_async("sleeper", "doze", {"seconds": 0}, timeout=BOUND)
        assert await call == 0


def test_inline_rust_work_is_measured(sleeper_dirs, caplog):
    with PluginManager(sleeper_dirs["native"], entry_points=False) as manager:
        call = manager.perform_action("sleeper", "nod", {"seconds": 0.03}, timeout=LIMIT)
        assert call == 0.03
    assert "took longer than its limit" in caplog.text


async def test_a_python_coroutine_is_cancelled(manager_of, make_action):
    ends = []

    async def execute(self, params):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    manager = manager_of(make_action("a", execute=execute))
    manager.start_plugins()
    with pytest.raises(PluginTimeoutError, match="it was cancelled"):
        await manager.execute("a", timeout=LIMIT)
    assert ends == ["cancelled"]
    with pytest.raises(PluginTimeoutError, match="it was cancelled"):
        await asyncio.to_thread(manager.execute_sync, "a", timeout=LIMIT)
    assert ends == ["cancelled"] * 2
    assert counts(manager, "a") == (2, 0, 0)


async def test_who_awaits_returns_even_if_the_cancellation_is_swallowed(manager_of, make_action):
    released = asyncio.Event()

    async def execute(self, params):
        while not released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await released.wait()

    manager = manager_of(make_action("a", execute=execute))
    manager.start_plugins()
    with pytest.raises(PluginTimeoutError, match="it is still running"):
        await manager.execute("a", timeout=LIMIT)
    assert counts(manager, "a") == (1, 1, 0)
    released.set()
    await asyncio.to_thread(until, lambda: counts(manager, "a") == (1, 0, 1))


async def test_cancelling_a_call_with_a_limit_cancels_the_coroutine(manager_of, make_action):
    begun, ends = asyncio.Event(), []

    async def execute(self, params):
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ends.append("ended")

    manager = manager_of(make_action("a", execute=execute))
    manager.start_plugins()
    task = asyncio.ensure_future(manager.execute("a", timeout=60))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ends == ["ended"]


# Results and errors are the same as without a limit.


def test_with_a_limit_a_call_runs_on_a_worker_with_the_callers_context(manager_of, make_connection):
    variable = contextvars.ContextVar("variable")

    def perform_action(self, action, params):
        return variable.get(), threading.current_thread()

    manager = manager_of(make_connection("a", perform_action=perform_action))
    manager.start_plugins()
    variable.set(7)
    assert manager.perform_action("a", "x") == (7, threading.current_thread())
    value, thread = manager.perform_action("a", "x", timeout=60)
    assert (value, thread.name, thread.daemon) == (7, "zerepy-worker", True)


def test_workers_are_used_again(manager_of, make_connection):
    threads = set()

    def perform_action(self, action, params):
        threads.add(threading.current_thread())

    manager = manager_of(make_connection("a", perform_action=perform_action))
    manager.start_plugins()
    for _ in range(50):
        manager.perform_action("a", "x", timeout=60)
    assert len(threads) < 10


@pytest.mark.parametrize("error", [KeyError("x"), StopIteration(1), SystemExit(3)])
async def test_what_a_worker_raises_arrives(manager_of, make_connection, error):
    def perform_action(self, action, params):
        raise error

    manager = manager_of(make_connection("a", perform_action=perform_action))
    await manager.start_plugins_async()
    with pytest.raises(Exception, match=type(error).__name__) as caught:
        manager.perform_action("a", "x", timeout=60)
    assert caught.value.__cause__ is error
    with pytest.raises(Exception, match=type(error).__name__):
        await manager.perform_action_async("a", "x", timeout=60)


async def test_an_async_action_within_a_loop_is_refused_with_a_limit_too(manager_of, make_action):
    manager = manager_of(make_action("a"))
    await manager.start_plugins_async()
    with pytest.raises(PluginStateError, match="within a running event loop"):
        manager.execute_sync("a", timeout=60)


# Wedged.


def test_a_pile_of_hanging_calls_wedges_the_plugin_until_they_end(hanging):
    manager, released = hanging
    events = []
    for name in ("plugin.wedged", "plugin.recovered"):
        manager.events.subscribe(name, lambda event: events.append((event.name, event.data)))
    for _ in range(4):
        with pytest.raises(PluginTimeoutError):
            manager.perform_action("a", "x", timeout=LIMIT)
    with pytest.raises(PluginStateError, match="is wedged: 4 calls still running") as caught:
        manager.perform_action("a", "x")
    assert 'stop_plugins("a", force=True)' in caught.value.hint
    assert not manager.status()[0].healthy
    assert events == [("plugin.wedged", {"plugin": "a", "still_running": 4})]
    released.set()
    until(lambda: manager.status()[0].healthy)
    assert manager.perform_action("a", "x") == "x"
    assert [name for name, _ in events] == ["plugin.wedged", "plugin.recovered"]


def test_a_wedged_plugin_can_be_started_anew(hanging):
    manager, _ = hanging
    for _ in range(4):
        with pytest.raises(PluginTimeoutError):
            manager.perform_action("a", "x", timeout=LIMIT)
    assert manager.stop_plugins("a", force=True) == ["a"]
    assert manager.start_plugins("a") == ["a"]
    assert manager.status()[0].healthy


def test_a_pile_wedges_a_plugin_of_any_kind(sleeper):
    manager, events = sleeper(), []
    manager.start_plugins("sleeper")
    for name in ("plugin.wedged", "plugin.recovered"):
        manager.events.subscribe(name, lambda event: events.append(event.name))
    for _ in range(4):
        with pytest.raises(PluginTimeoutError, match="it is still running"):
            manager.perform_action("sleeper", "nap", {"seconds": 0.5}, timeout=LIMIT)
    with pytest.raises(PluginStateError, match="is wedged: 4 calls still running"):
        manager.perform_action("sleeper", "nap", {"seconds": 0})
    assert counts(manager) == (4, 4, 0)
    until(lambda: manager["sleeper"] and counts(manager) == (4, 0, 4))
    assert manager.perform_action("sleeper", "nap", {"seconds": 0}) == 0
    assert events == ["plugin.wedged", "plugin.recovered"]
