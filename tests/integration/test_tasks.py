"""Async actions of Rust plugins: tasks of their library's own runtime."""

from __future__ import annotations

import asyncio
import functools
import gc
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from zerepy_plugins import PluginManager, get_include
from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginExecutionError,
    PluginPanicError,
    PluginStateError,
)

LIBRARY = Path(__file__).parents[2] / "target/release/libzerepy_fixture_tasks.so"
LONG = {"seconds": 60}


@pytest.fixture
def manager(tmp_path):
    shutil.copy(LIBRARY, tmp_path)
    with PluginManager(tmp_path, entry_points=False) as manager:
        yield manager


async def counts_are(manager, **wanted):
    for _ in range(5000):
        counts = manager.perform_action("tasks", "counts")
        if wanted.items() <= counts.items():
            return
        await asyncio.sleep(0.001)
    raise AssertionError(counts)


def test_the_kind_is_described(manager):
    actions = manager.describe("tasks")["actions"]
    assert {name: action["exec"] for name, action in actions.items()} == {
        "nap": "async",
        "fail": "async",
        "panic": "async",
        "ready": "async",
        "spawned": "async",
        "panic_at_once": "async",
        "counts": "inline",
    }


def test_a_synchronous_call_waits(manager):
    assert manager.perform_action("tasks", "nap", {"seconds": 0, "value": [1]}) == [1]
    assert manager.execute_sync("later", {"message": "a"}) == "a"


def test_a_direct_call_waits(manager):
    assert manager["tasks"].perform_action("nap", {"seconds": 0, "value": 2}) == 2


async def test_calls_are_awaited_side_by_side(manager):
    before = threading.enumerate()
    naps = (
        manager.perform_action_async("tasks", "nap", {"seconds": 0.01, "value": number})
        for number in range(500)
    )
    assert await asyncio.gather(*naps) == list(range(500))
    new = [thread.name for thread in threading.enumerate() if thread not in before]
    assert not any(name.startswith("Dummy") for name in new)  # workers never enter Python


READY = {"seconds": 0, "value": 1}


def steps(call):
    """How often a coroutine is pending, and what it returns."""
    pending = 0
    while True:
        try:
            call.send(None)
        except StopIteration as returned:
            return pending, returned.value
        pending += 1


def threads():
    return set(Path("/proc/self/task").iterdir())


def test_what_is_ready_at_once_is_never_pending_and_needs_no_thread(manager):
    hosted = functools.partial(manager.perform_action_async, "tasks", "ready", READY)
    direct = functools.partial(manager["tasks"].perform_action, "ready", READY)
    assert steps(hosted()) == (0, 1)  # which makes the runtime
    before = threads()
    assert [steps(hosted()) for _ in range(100)] == [(0, 1)] * 100
    assert steps(hosted(timeout=30)) == (0, 1)
    assert direct() == 1
    assert threads() <= before
    stats = manager.monitor.stats("tasks")
    assert (stats.calls, stats.in_flight, stats.errors) == (102, 0, 0)


async def test_many_are_ready_at_once_side_by_side(manager):
    calls = (
        manager.perform_action_async("tasks", "ready" if number % 3 else "spawned", READY)
        for number in range(1000)
    )
    assert await asyncio.gather(*calls) == [1] * 1000


def test_a_synchronous_call_of_what_is_ready_at_once(manager):
    assert manager.perform_action("tasks", "ready", READY) == 1
    assert manager["tasks"].perform_action("spawned", READY) == 1


async def test_a_panic_at_once_is_like_a_later_one(manager):
    call = manager.perform_action_async("tasks", "panic_at_once", {"message": "boom"})
    with pytest.raises(PluginPanicError, match=r"lib\.rs.*: boom"):
        call.send(None)
    with pytest.raises(PluginStateError, match="has panicked before"):
        await manager.perform_action_async("tasks", "ready", READY)


async def test_an_action_plugin_is_awaited_and_checks_its_parameters(manager):
    assert await manager.execute("later", {"message": "a"}) == "a"
    assert await manager["later"].execute({"message": "b"}) == "b"
    with pytest.raises(InvalidParamsError, match="must not be empty"):
        await manager.execute("later", {"message": ""})
    with pytest.raises(InvalidParamsError, match=r"params\.message: required"):
        await manager.execute("later", {})


async def test_errors_arrive(manager):
    with pytest.raises(PluginExecutionError, match="failed: no luck"):
        await manager.perform_action_async("tasks", "fail", {"message": "no luck"})
    with pytest.raises(PluginExecutionError, match="failed: no luck"):
        await asyncio.to_thread(manager.perform_action, "tasks", "fail", {"message": "no luck"})
    assert manager.monitor.stats("tasks").errors == 2


async def test_a_panic_poisons_until_the_next_start(manager):
    with pytest.raises(PluginPanicError, match=r"lib\.rs.*: boom"):
        await manager.perform_action_async("tasks", "panic", {"message": "boom"})
    with pytest.raises(PluginStateError, match="has panicked before"):
        await manager.perform_action_async("tasks", "nap", {"seconds": 0})
    await manager.stop_plugins_async("tasks")
    await manager.start_plugins_async("tasks")
    assert await manager.perform_action_async("tasks", "nap", {"seconds": 0}) is None


async def test_cancelling_the_task_drops_the_future(manager):
    task = asyncio.create_task(manager.perform_action_async("tasks", "nap", LONG))
    await counts_are(manager, running=1, dropped=0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await counts_are(manager, running=0, dropped=1)
    assert manager.monitor.stats("tasks").in_flight == 0


async def test_a_time_limit_drops_the_future(manager):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(manager.perform_action_async("tasks", "nap", LONG), 0.01)
    await counts_are(manager, running=0, dropped=1)


@pytest.mark.parametrize("close", [True, False])
async def test_a_coroutine_that_is_given_up_drops_the_future(manager, close):
    call = manager.perform_action_async("tasks", "nap", LONG)
    call.send(None)
    await counts_are(manager, running=1, dropped=0)
    if close:
        call.close()
    del call
    gc.collect()
    await counts_are(manager, running=0, dropped=1)


async def test_a_cancel_that_comes_as_the_action_ends(manager):
    for _ in range(50):
        task = asyncio.create_task(
            manager.perform_action_async("tasks", "nap", {"seconds": 0.001, "value": 1})
        )
        await asyncio.sleep(0.001)
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert outcome == 1 or isinstance(outcome, asyncio.CancelledError)
    await counts_are(manager, running=0)
    await manager.stop_plugins_async()


async def test_stopping_waits_for_what_runs(manager):
    call = manager.perform_action_async("tasks", "nap", {"seconds": 0.05, "value": 1})
    task = asyncio.create_task(call)
    await counts_are(manager, running=1, dropped=0)
    stopped = await manager.stop_plugins_async()
    everything = [
        "chaotic",
        "sleeper",
        "careful",
        "tally",
        "countdown",
        "streams",
        "later",
        "tasks",
    ]
    assert (await task, stopped) == (1, everything)


@pytest.fixture
def later(plugin_dir):
    """A plugin in C whose async actions end in ways of their own."""
    library, source = plugin_dir.path / "later.so", LIBRARY.parents[2] / "tests/fixtures/c/later.c"
    flags = ["-std=c11", "-shared", "-fPIC", "-pthread", "-I", get_include()]
    subprocess.run(["cc", *flags, "-o", library, source], check=True)


async def test_what_is_complete_at_once_never_goes_through_the_loop(later, manager_at):
    async with manager_at() as manager:
        for timeout in (None, 30):
            call = manager.perform_action_async("later", "now", timeout=timeout)
            with pytest.raises(StopIteration):  # a step of the loop's would be yielded instead
                call.send(None)
        assert isinstance(await manager.perform_action_async("later", "thread"), int)
        stats = manager.monitor.stats("later")
        assert (stats.calls, stats.in_flight, stats.errors) == (3, 0, 0)
