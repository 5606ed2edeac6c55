"""Async Rust actions through the manager, against future_into_py of pyo3-async-runtimes."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bench_hand
import rows
import subjects
from harness import alternate, calibrated, on_loop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zerepy_plugins import PluginManager

PEER = "PyO3 function, future_into_py"
MANY = 10_000


def measure() -> Iterator[rows.Row]:
    with subjects.rust_plugin() as manager, asyncio.Runner() as runner:
        loop = runner.get_loop()
        yield threads(manager, loop)  # first: the peer starts hundreds of them
        yield ready(manager, loop)
        yield tasks(manager, loop)
        yield futures(manager, loop)
        yield blocking(manager, loop)


def ready(manager: PluginManager, loop: asyncio.AbstractEventLoop) -> rows.Row:
    perform, by_hand = manager.perform_action_async, bench_hand.ready

    async def ours(number: int) -> None:
        for _ in range(number):
            await perform("bench", "ready")

    async def theirs(number: int) -> None:
        for _ in range(number):
            await by_hand()

    samples = alternate({"ours": on_loop(loop, ours), "theirs": on_loop(loop, theirs)})
    return rows.faster("await of a Rust action that is ready at once", PEER, samples, 100)


def tasks(manager: PluginManager, loop: asyncio.AbstractEventLoop) -> rows.Row:
    perform, later = manager.perform_action_async, bench_hand.later

    async def by_hand() -> Any:
        return await later()

    async def ours(number: int) -> None:
        await asyncio.gather(*[loop.create_task(perform("bench", "later")) for _ in range(number)])

    async def theirs(number: int) -> None:
        await asyncio.gather(*[loop.create_task(by_hand()) for _ in range(number)])

    title = f"{MANY:,} pending awaits of a Rust action, as tasks; each"
    return many(title, on_loop(loop, ours), on_loop(loop, theirs), 7)


def futures(manager: PluginManager, loop: asyncio.AbstractEventLoop) -> rows.Row:
    """Without tasks: our coroutines are begun by hand, the peer's futures begin by themselves."""
    perform, later = manager.perform_action_async, bench_hand.later

    async def ours(number: int) -> None:
        calls = [perform("bench", "later") for _ in range(number)]
        futures = []
        for call in calls:
            with contextlib.suppress(StopIteration):  # it is complete already
                futures.append((call, call.send(None)))
        await asyncio.gather(*[future for _, future in futures])
        for call, _ in futures:
            with contextlib.suppress(StopIteration):
                call.send(None)

    async def theirs(number: int) -> None:
        await asyncio.gather(*[later() for _ in range(number)])

    title = f"{MANY:,} pending awaits of a Rust action, as futures; each"
    return many(title, on_loop(loop, ours), on_loop(loop, theirs), 15)


def blocking(manager: PluginManager, loop: asyncio.AbstractEventLoop) -> rows.Row:
    awaited, waited_for = manager.perform_action_async, manager.perform_action
    params = {"rounds": 1}

    async def ours(number: int) -> None:
        for _ in range(number):
            await awaited("bench", "turn", params)

    async def theirs(number: int) -> None:
        for _ in range(number):
            await asyncio.to_thread(waited_for, "bench", "turn", params)

    samples = alternate({"ours": on_loop(loop, ours), "theirs": on_loop(loop, theirs)})
    title = "await of a blocking Rust action"
    return rows.faster(title, "asyncio.to_thread, of its sync call", samples, 1)


def many(title: str, ours: Any, theirs: Any, at_least: float) -> rows.Row:
    calibrated(ours, 0.02)  # starts what starts only once
    calibrated(theirs, 0.02)
    samples = alternate({"ours": ours, "theirs": theirs}, rounds=9, number=MANY)
    return rows.faster(title, PEER, samples, at_least)


def threads(manager: PluginManager, loop: asyncio.AbstractEventLoop) -> rows.Row:
    async def count() -> int:
        params = {"seconds": 1.0}
        calls = [manager.perform_action_async("bench", "nap", params) for _ in range(MANY)]
        waiting = [loop.create_task(call) for call in calls]
        await asyncio.sleep(0.3)
        assert not any(task.done() for task in waiting)
        running = thread_count()
        await asyncio.gather(*waiting)
        return running

    running = loop.run_until_complete(count())
    title = f"threads of the process, {MANY:,} Rust actions pending (target: cores + 2)"
    return rows.value(title, [running], "threads", (os.cpu_count() or 1) + 2)


def thread_count() -> int:
    return len(list(Path("/proc/self/task").iterdir()))
