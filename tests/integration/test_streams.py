"""Actions that yield items, of Python plugins and of their Rust twins."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import shutil
import time
from pathlib import Path

import pytest

from zerepy_plugins import PluginManager
from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginExecutionError,
    PluginNotFoundError,
    PluginPanicError,
    PluginStateError,
    PluginTimeoutError,
)

ROOT = Path(__file__).parents[2]
SOURCES = {
    "python": ROOT / "tests/fixtures/plugins/streams_py",
    "native": ROOT / "target/release/libzerepy_fixture_tasks.so",
}
AHEAD = {"python": 0, "native": 1}  # items that a producer may be ahead of its consumer
PROMPT = 5  # seconds; generous: what should take milliseconds hangs


def install(directory: Path, kind: str) -> None:
    if kind == "python":
        shutil.copytree(SOURCES[kind], directory / "streams_py", ignore=lambda *_: ["__pycache__"])
    else:
        shutil.copy(SOURCES[kind], directory)


@pytest.fixture(params=SOURCES)
def kind(request):
    return request.param


@pytest.fixture
def manager(tmp_path, kind):
    install(tmp_path, kind)
    with PluginManager(tmp_path, entry_points=False) as manager:
        yield manager


def count(manager, end, seconds=0):
    return manager.perform_action_stream("streams", "count", {"end": end, "seconds": seconds})


def hang(manager):
    return manager.perform_action_stream("streams", "hang")


async def counts_are(manager, **wanted):
    deadline = time.monotonic() + PROMPT
    while time.monotonic() < deadline:
        counts = manager.perform_action("streams", "counts")
        if wanted.items() <= counts.items():
            return
        await asyncio.sleep(0.001)
    raise AssertionError(counts)


def stats(manager, plugin="streams"):
    return manager.monitor.stats(plugin)


async def test_items_come_in_order_and_then_the_end(manager):
    stream = count(manager, 10_000)
    assert [item async for item in stream] == list(range(10_000))
    await counts_are(manager, made=10_000, open=0)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert await anext(stream, "over") == "over"
    assert [item async for item in count(manager, 0)] == []
    assert [item async for item in count(manager, 3, 0.001)] == [0, 1, 2]


async def test_an_action_plugin_checks_its_parameters(manager):
    assert [item async for item in manager.execute_stream("countdown", {"start": 3})] == [3, 2, 1]
    with pytest.raises(InvalidParamsError, match="must not be zero"):
        await anext(manager.execute_stream("countdown", {"start": 0}))
    with pytest.raises(InvalidParamsError, match="start: required"):
        await anext(manager.execute_stream("countdown", {}))
    assert (stats(manager, "countdown").calls, stats(manager, "countdown").errors) == (3, 2)


async def test_a_plugin_is_iterated_directly(manager, kind):
    items = manager["streams"].perform_action("count", {"end": 3})
    assert [item async for item in items] == [0, 1, 2]
    assert stats(manager).calls == 0
    countdown = manager["countdown"].execute({"start": 2})
    items = [item async for item in countdown] if kind == "native" else list(countdown)
    assert items == [2, 1]


async def test_the_producer_waits_for_its_consumer(manager, kind):
    taken = 0
    async with contextlib.aclosing(count(manager, 1000)) as items:
        async for _ in items:
            taken += 1
            await asyncio.sleep(0.001)
            made = manager.perform_action("streams", "counts")["made"]
            assert taken <= made <= taken + AHEAD[kind]
            if taken == 50:
                break
    await counts_are(manager, open=0)


async def test_nothing_begins_before_the_first_item(manager):
    stream = count(manager, 3)
    await asyncio.sleep(0.01)
    assert manager.perform_action("streams", "counts") == {"made": 0, "open": 0}
    assert stats(manager).in_flight == 0
    await stream.aclose()
    assert [item async for item in stream] == []


async def test_a_loop_that_is_left_ends_the_producer(manager):
    async for item in count(manager, 100):
        assert item == 0
        break
    gc.collect()
    await counts_are(manager, open=0)
    assert stats(manager).in_flight == 0


async def test_closing_ends_the_producer(manager):
    stream = count(manager, 100)
    assert await anext(stream) == 0
    await stream.aclose()
    await counts_are(manager, open=0)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    await stream.aclose()
    assert (stats(manager).in_flight, stats(manager).errors) == (0, 0)


@pytest.mark.parametrize("limited", [False, True])
async def test_giving_up_ends_the_producer(manager, limited):
    stream = hang(manager)
    if limited:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.02)
    else:
        task = asyncio.ensure_future(anext(stream))
        await counts_are(manager, open=1)
        assert stats(manager).in_flight == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await counts_are(manager, made=1, open=0)
    assert await anext(stream, "over") == "over"
    assert (stats(manager).in_flight, stats(manager).errors) == (0, 0)


async def test_the_limit_is_of_each_item_and_not_of_the_whole(manager):
    params = {"end": 8, "seconds": 0.05}
    stream = manager.perform_action_stream("streams", "count", params, timeout=0.3)
    items = []
    async for item in stream:  # 0.4 seconds, and more by the consumer
        items.append(item)
        await asyncio.sleep(0.01)
    assert items == list(range(8))
    assert (stats(manager).timeouts, stats(manager).still_running) == (0, 0)


@pytest.mark.parametrize("before", [0, 1])
async def test_a_late_item_ends_the_stream_and_its_producer(manager, before):
    told = []
    manager.events.subscribe("plugin.slow", lambda event: told.append(event.data["action"]))
    params = {"after": before}
    stream = manager.perform_action_stream("streams", "hang", params, timeout=0.1)
    for number in range(before):
        assert await anext(stream) == number
    with pytest.raises(
        PluginTimeoutError, match=r"did not end within 0\.1 s; it was can"
    ) as caught:
        await anext(stream)
    assert caught.value.plugin == "streams"
    assert await anext(stream, "over") == "over"
    await counts_are(manager, made=before + 1, open=0)
    assert told == ["hang"]
    assert (stats(manager).errors, stats(manager).timeouts, stats(manager).in_flight) == (1, 1, 0)
    deadline = time.monotonic() + PROMPT
    while stats(manager).still_running:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


async def test_hooks_around_a_stream_have_no_limit_and_its_items_do(manager):
    seen = []

    class Hooks:
        def pre_action(self):
            time.sleep(0.3)

        def post_action(self, error):
            seen.append(type(error))

    manager.add_hooks(Hooks())
    params = {"after": 1}
    stream = manager.perform_action_stream("streams", "hang", params, timeout=0.2)
    assert await anext(stream) == 0
    with pytest.raises(PluginTimeoutError, match=r"did not end within 0\.2 s"):
        await anext(stream)
    assert (seen, stats(manager).timeouts) == ([PluginTimeoutError], 1)
    await counts_are(manager, open=0)


async def test_streams_have_the_limit_of_actions(tmp_path, kind):
    install(tmp_path, kind)
    async with PluginManager(tmp_path, entry_points=False, action_timeout=0.1) as manager:
        with pytest.raises(PluginTimeoutError):
            await anext(hang(manager))
        stream = manager.perform_action_stream("streams", "hang", timeout=60)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.15)
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await counts_are(manager, open=0)
        for limit in (0, -1):
            with pytest.raises(ValueError, match="must be more than 0"):
                manager.execute_stream("countdown", {"start": 2}, timeout=limit)


async def test_with_a_limit_items_errors_and_checks_are_the_same(manager):
    def countdown(params):
        return manager.execute_stream("countdown", params, timeout=PROMPT)

    assert [item async for item in countdown({"start": 3})] == [3, 2, 1]
    for params in ({"start": 0}, {}):
        with pytest.raises(InvalidParamsError):
            await anext(countdown(params))
    stream = manager.perform_action_stream("streams", "fail", {"at": 1}, timeout=PROMPT)
    assert await anext(stream) == 0
    with pytest.raises(PluginExecutionError, match="no luck"):
        await anext(stream)
    stream = manager.perform_action_stream("streams", "count", {"end": 9}, timeout=PROMPT)
    assert await anext(stream) == 0
    await stream.aclose()
    await counts_are(manager, open=0)
    with pytest.raises(PluginStateError, match="does not yield items"):
        await anext(manager.perform_action_stream("streams", "counts", timeout=PROMPT))


async def test_an_error_ends_the_stream(manager, kind):
    stream = manager.perform_action_stream("streams", "fail", {"at": 2})
    assert [await anext(stream), await anext(stream)] == [0, 1]
    with pytest.raises(PluginExecutionError, match="no luck") as failed:
        await anext(stream)
    assert failed.value.plugin == "streams"
    assert isinstance(failed.value.__cause__, ValueError if kind == "python" else type(None))
    assert await anext(stream, "over") == "over"
    await counts_are(manager, made=3, open=0)
    assert stats(manager).errors == 1
    assert "no luck" in stats(manager).last_error


async def test_parameters_that_do_not_fit_are_an_error(manager):
    with pytest.raises(PluginExecutionError):
        await anext(manager.perform_action_stream("streams", "count", {"start": 1}))
    assert stats(manager).errors == 1


@pytest.mark.parametrize("kind", ["native"], indirect=True)
async def test_a_panic_ends_the_stream_and_poisons(manager):
    stream = manager.perform_action_stream("streams", "panic", {"at": 1})
    assert await anext(stream) == 0
    with pytest.raises(PluginPanicError, match=r"streams\.rs.*: boom"):
        await anext(stream)
    assert await anext(stream, "over") == "over"
    with pytest.raises(PluginStateError, match="has panicked before"):
        await anext(count(manager, 1))
    await manager.stop_plugins_async("streams")
    await manager.start_plugins_async("streams")
    assert [item async for item in count(manager, 1)] == [0]


async def test_a_stream_is_one_call(manager):
    words = []
    manager.events.subscribe("streams.*", lambda event: words.append(event.name.split(".")[-1]))
    stream = count(manager, 3, 0.01)
    assert (await anext(stream), stats(manager).in_flight, stats(manager).calls) == (0, 1, 0)
    assert [item async for item in stream] == [1, 2]
    assert (stats(manager).in_flight, stats(manager).calls, stats(manager).errors) == (0, 1, 0)
    assert stats(manager).max >= 0.03
    with contextlib.suppress(PluginExecutionError):
        await anext(manager.perform_action_stream("streams", "fail", {"at": 0}))
    assert words == ["start", "success", "start", "failure"]


async def test_one_item_is_awaited_at_a_time(manager):
    stream = hang(manager)
    first = asyncio.ensure_future(anext(stream))
    await counts_are(manager, open=1)
    for second in (anext(stream), stream.aclose()):
        with pytest.raises(PluginStateError, match="still being awaited"):
            await second
    assert not first.done()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await counts_are(manager, open=0)


async def test_streams_run_side_by_side(manager):
    async def collect(end):
        return [item async for item in count(manager, end, 0.001)]

    collected = await asyncio.gather(*(collect(number % 10) for number in range(100)))
    assert collected == [list(range(number % 10)) for number in range(100)]
    assert (stats(manager).calls, stats(manager).in_flight) == (100, 0)


async def test_the_wrong_way_to_call_is_refused_with_the_right_one(manager):
    with pytest.raises(PluginStateError, match=r"perform_action_stream.*asyncio\.run"):
        manager.perform_action("streams", "count", {"end": 1})
    with pytest.raises(PluginStateError, match="perform_action_stream"):
        await manager.perform_action_async("streams", "count", {"end": 1})
    with pytest.raises(PluginStateError, match="execute_stream"):
        await manager.execute("countdown", {"start": 1})
    with pytest.raises(PluginStateError, match="execute_stream"):
        manager.execute_sync("countdown", {"start": 1})
    with pytest.raises(PluginStateError, match=r"perform_action\(\) or perform_action_async"):
        await anext(manager.perform_action_stream("streams", "counts"))
    with pytest.raises(PluginStateError, match="has no method execute"):
        await anext(manager.execute_stream("streams"))
    with pytest.raises(PluginNotFoundError):
        await anext(manager.perform_action_stream("stream", "count"))
    assert stats(manager).in_flight == stats(manager, "countdown").in_flight == 0


def test_streams_are_described(manager):
    actions = manager.describe("streams")["actions"]
    kinds = {name: action["exec"] for name, action in actions.items() if name != "panic"}
    expected = {"count": "stream", "fail": "stream", "hang": "stream", "counts": "inline"}
    assert kinds == expected
    assert manager.describe("countdown")["actions"]["execute"]["exec"] == "stream"


async def test_stopping_waits_for_a_stream_that_goes_on(manager):
    stream = count(manager, 20, 0.002)
    assert await anext(stream) == 0
    stopping = asyncio.ensure_future(manager.stop_plugins_async("streams"))
    assert [item async for item in stream] == list(range(1, 20))
    assert await stopping == ["streams"]


async def test_stopping_closes_streams_that_nobody_reads(tmp_path):
    """Both kinds at once, for it waits for five seconds."""
    managers = []
    for kind in SOURCES:
        (tmp_path / kind).mkdir()
        install(tmp_path / kind, kind)
        managers.append(PluginManager(tmp_path / kind, entry_points=False))
        managers[-1].load_plugins()
        managers[-1].start_plugins("streams")
    streams = [(count(manager, 100), hang(manager)) for manager in managers]
    waiting = [asyncio.ensure_future(anext(hung)) for _, hung in streams]
    assert [await anext(counted) for counted, _ in streams] == [0, 0]
    stopping = (manager.stop_plugins_async("streams") for manager in managers)
    assert await asyncio.gather(*stopping) == [["streams"], ["streams"]]
    (of_python, _), (of_rust, _) = streams
    assert await anext(of_python) == 1  # Python has no way to end it but the consumer's
    for item in (waiting[1], anext(of_rust)):
        with pytest.raises(PluginStateError, match="its plugin was stopped"):
            await item
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await of_python.aclose()
    assert [manager.monitor.stats("streams").in_flight for manager in managers] == [0, 0]


@pytest.mark.parametrize("kind", ["native"], indirect=True)
async def test_an_item_that_is_there_needs_no_event_loop(manager):
    stream = count(manager, 10)
    assert await anext(stream) == 0
    await counts_are(manager, made=2)
    await asyncio.sleep(0.01)  # what is made is handed over
    with pytest.raises(StopIteration) as returned:
        anext(stream).send(None)
    assert returned.value.value == 1
    await stream.aclose()


@pytest.mark.parametrize("kind", ["native"], indirect=True)
async def test_nothing_is_cleaned_up_while_a_stream_is_open(manager):
    plugin = manager["streams"]
    stream = count(manager, 10)
    await anext(stream)
    with pytest.raises(PluginStateError, match="still running"):
        plugin.cleanup()
    await stream.aclose()
    await counts_are(manager, open=0)
