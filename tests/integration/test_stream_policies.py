"""Streams are calls: hooks around them, repetitions, rates, concurrency and circuit breakers."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import shutil
from pathlib import Path

import pytest

from zerepy_plugins import PluginHooks, PluginManager
from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginBusyError,
    PluginExecutionError,
    PluginStateError,
    PluginVetoError,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["python", "native"])
def streams(request, tmp_path):
    """Make managers of that kind's streams with a configuration; stopped after the test."""
    if request.param == "python":
        source = ROOT / "tests/fixtures/plugins/streams_py"
        shutil.copytree(source, tmp_path / "streams_py", ignore=lambda *_: ["__pycache__"])
    else:
        shutil.copy(ROOT / "target/release/libzerepy_fixture_tasks.so", tmp_path)
    made = []

    def make(config=None, **kwargs):
        settings = {"streams": {"config": config or {}}}
        made.append(PluginManager(tmp_path, settings, entry_points=False, **kwargs))
        made[-1].load_plugins()
        made[-1].start_plugins()
        return made[-1]

    yield make
    for manager in made:
        manager.stop_plugins()


class Hooks(PluginHooks):
    """Notes what it sees; what is async is awaited."""

    def __init__(self, before=lambda params: None):
        self.before, self.seen = before, []

    async def pre_action(self, action, params):
        await asyncio.sleep(0)
        self.seen.append(f"before {action}")
        return self.before(params)

    async def post_action(self, action, result, error):
        await asyncio.sleep(0)
        assert result is None  # items are not kept
        self.seen.append(f"after {action}: {type(error).__name__}")


def stream(manager, action, **params):
    return manager.perform_action_stream("streams", action, params)


async def collect(items):
    return [item async for item in items]


def stats(manager, plugin="streams"):
    reading = manager.monitor.stats(plugin)
    return reading.calls, reading.errors, reading.in_flight


def producers(manager):
    return manager["streams"].perform_action("counts", {})["open"]


async def until(check):
    """Wait for what comes from another thread, or from the loop."""
    for _ in range(5000):
        if check():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not happen")


async def none_produces(manager):
    await until(lambda: not producers(manager))


async def test_hooks_run_before_the_first_item_and_after_the_last(streams):
    hooks = Hooks()
    manager = streams(hooks=[hooks])
    items = stream(manager, "count", end=2)
    assert hooks.seen == []
    assert await anext(items) == 0
    assert hooks.seen == ["before count"]
    assert await collect(items) == [1]
    assert hooks.seen == ["before count", "after count: NoneType"]
    assert await anext(items, "over") == "over"
    assert stats(manager) == (1, 0, 0)


async def test_they_rewrite_the_params_and_these_are_validated(streams):
    manager = streams()
    manager.add_hooks(Hooks(lambda params: {"start": params["start"] - 3}))
    assert await collect(manager.execute_stream("countdown", {"start": 5})) == [2, 1]
    with pytest.raises(InvalidParamsError, match="must not be zero"):
        await anext(manager.execute_stream("countdown", {"start": 3}))


async def test_a_veto_keeps_it_closed(streams):
    def veto(params):
        raise PluginVetoError("too dear")

    outer, hooks = Hooks(), Hooks(veto)
    manager = streams(hooks=[outer, hooks, inner := Hooks()])
    items = stream(manager, "count", end=2)
    with pytest.raises(PluginVetoError, match="too dear") as caught:
        await anext(items)
    assert caught.value.plugin == "streams"
    assert outer.seen == hooks.seen == ["before count", "after count: PluginVetoError"]
    assert inner.seen == []
    assert await anext(items, "over") == "over"
    assert manager["streams"].perform_action("counts", {}) == {"made": 0, "open": 0}
    assert stats(manager) == (1, 1, 0)


async def test_a_failure_is_told(streams):
    hooks = Hooks()
    manager = streams(hooks=[hooks])
    items = stream(manager, "fail", at=1)
    assert await anext(items) == 0
    with pytest.raises(PluginExecutionError, match="no luck"):
        await anext(items)
    assert hooks.seen == ["before fail", "after fail: PluginExecutionError"]
    assert stats(manager) == (1, 1, 0)
    with pytest.raises(PluginStateError, match="does not yield items"):
        await anext(stream(manager, "counts"))
    assert hooks.seen[2:] == ["before counts", "after counts: PluginStateError"]


@pytest.mark.parametrize("way", ["closed", "dropped", "cancelled"])
async def test_an_early_end_is_told(streams, way):
    hooks = Hooks()
    manager = streams(hooks=[hooks])
    if way == "cancelled":
        task = asyncio.ensure_future(anext(stream(manager, "hang")))
        await until(lambda: producers(manager))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        items = stream(manager, "count", end=100)
        assert await anext(items) == 0
        if way == "closed":
            await items.aclose()
        del items
        gc.collect()
    await until(lambda: len(hooks.seen) == 2)
    expected = "CancelledError" if way == "cancelled" else "GeneratorExit"
    assert hooks.seen[1].endswith(f": {expected}")
    await none_produces(manager)
    assert stats(manager) == (1, 0, 0)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # of such a generator
async def test_one_that_does_not_end_when_closed_is_told_as_failed(manager_of, make_connection):
    def ignores(self, action, params):
        while True:
            with contextlib.suppress(GeneratorExit):
                yield 0

    hooks = Hooks()
    manager = manager_of(make_connection("a", perform_action=ignores), hooks=[hooks])
    manager.start_plugins()
    items = manager.perform_action_stream("a", "go")
    assert await anext(items) == 0
    with pytest.raises(PluginExecutionError, match="ignored GeneratorExit"):
        await items.aclose()
    assert hooks.seen == ["before go", "after go: PluginExecutionError"]
    assert manager.monitor.stats("a").in_flight == 0


@pytest.mark.parametrize("on_error", ["raise", "collect", "log"])
async def test_errors_of_hooks_are_treated_as_around_other_calls(streams, on_error, caplog):
    class Broken(PluginHooks):
        def pre_action(self):
            raise LookupError("before")

        def post_action(self, error):
            raise LookupError("after")

    manager = streams()
    manager.add_hooks(Broken(), on_error=on_error)
    items = stream(manager, "count", end=2)
    if on_error == "raise":
        with pytest.raises(PluginExecutionError, match="before"):
            await anext(items)
    else:
        assert [await anext(items), await anext(items)] == [0, 1]
        if on_error == "log":
            assert await collect(items) == []
            assert "before" in caplog.text
            assert "after" in caplog.text
        else:
            with pytest.raises(PluginExecutionError, match=r"(?s)before.*after"):
                await anext(items)
    assert stats(manager) == (1, int(on_error != "log"), 0)


async def test_a_step_that_is_closed_from_outside_says_nothing(streams):
    hooks = Hooks()
    manager = streams(hooks=[hooks])
    for closed in (True, False):
        step = anext(stream(manager, "hang"))
        for _ in range(2):  # past the hook
            step.send(None)
        if closed:
            step.close()
        del step
        gc.collect()
    await asyncio.sleep(0.01)
    await none_produces(manager)
    assert stats(manager) == (2, 0, 0)


async def test_a_stream_keeps_its_place_until_it_ends(streams):
    manager = streams({"actions": {"count": {"max_concurrent": 1}}})
    first = stream(manager, "count", end=2)
    assert await anext(first) == 0
    with pytest.raises(PluginBusyError, match="runs 1 time already"):
        await anext(stream(manager, "count", end=1))
    assert await collect(first) == [1]
    async with contextlib.aclosing(stream(manager, "count", end=9)) as second:
        assert await anext(second) == 0
    assert await collect(stream(manager, "count", end=1)) == [0]
    assert stats(manager) == (3, 0, 0)


async def test_rates_and_breakers_hold(streams):
    breaker = {"failures": 2, "pause": 60}
    actions = {"fail": {"breaker": breaker}, "count": {"max_rate": 0.01}}
    manager = streams({"actions": actions})
    for _ in range(2):
        with pytest.raises(PluginExecutionError, match="no luck"):
            await collect(stream(manager, "fail", at=1))
    with pytest.raises(PluginBusyError, match="failed 2 times in a row"):
        await anext(stream(manager, "fail", at=1))
    assert await collect(stream(manager, "count", end=1)) == [0]
    with pytest.raises(PluginBusyError, match=r"limited to 0\.01 calls a second"):
        await anext(stream(manager, "count", end=1))


@pytest.mark.parametrize("hooked", [False, True])
async def test_it_is_opened_again_until_the_first_item(manager_of, make_connection, hooked):
    attempts, hooks = [], Hooks()

    async def perform_action(self, action, params):
        attempts.append(action)
        for number in range(3):
            if number == params["at"] or len(attempts) < 3:
                raise PluginExecutionError("not yet", retryable=True)
            yield number

    policy = {"idempotent": True, "retries": 2}
    actions = {"count": {"exec": "stream", "policy": policy}}
    made = make_connection("streams", actions=actions, perform_action=perform_action)
    manager = manager_of(made, hooks=[hooks] if hooked else [])
    manager.start_plugins()
    assert await collect(stream(manager, "count", at=9)) == [0, 1, 2]
    assert len(attempts) == 3
    items = stream(manager, "count", at=1)
    assert await anext(items) == 0
    with pytest.raises(PluginExecutionError, match="not yet"):
        await anext(items)  # what came before would come twice
    assert (len(attempts), stats(manager)) == (4, (4, 3, 0))
    assert len(hooks.seen) == 8 * hooked
    items = stream(manager, "count", at=9)
    await anext(items)
    await items.aclose()
    assert stats(manager) == (5, 3, 0)


async def test_what_was_refused_is_opened_when_there_is_room(streams):
    actions = {"count": {"max_concurrent": 1, "retries": 5}}
    manager = streams({"actions": actions}, hooks=[Hooks()])
    collected = await asyncio.gather(*(collect(stream(manager, "count", end=2)) for _ in range(2)))
    assert collected == [[0, 1], [0, 1]]
    assert stats(manager) == (2, 0, 0)
    waiting = stream(manager, "count", end=2)
    kept = stream(manager, "count", end=2)
    assert await anext(kept) == 0
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(waiting), 0.02)
    assert await anext(waiting, "over") == "over"
    await kept.aclose()
