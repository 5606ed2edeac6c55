"""Where the coroutines of ``async`` event handlers run: one after the other for each subscriber."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from zerepy_plugins._loop import background_loop, close, is_running_here

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from zerepy_plugins._native import Backlog

_logger = logging.getLogger("zerepy_plugins.events")
_workers: set[asyncio.Task[None]] = set()  # a loop keeps weak references only


def new_future() -> Future[None]:
    """Return a future of a handler's end; whoever awaits it cannot cancel it for the others."""
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()
    return future


def start_worker(backlog: Backlog, home: asyncio.AbstractEventLoop | None) -> None:
    """Have the backlog worked off on its loop, or on the background loop if it has none."""
    loop = home or background_loop()
    if is_running_here(loop):
        _begin(backlog, loop)
        return
    try:
        loop.call_soon_threadsafe(_begin, backlog, loop)
    except RuntimeError:  # closed just now
        backlog.abandon()


def _begin(backlog: Backlog, loop: asyncio.AbstractEventLoop) -> None:
    task = loop.create_task(_work(backlog), name="zerepy-events")
    _workers.add(task)
    task.add_done_callback(lambda task: _end(backlog, task))


def _end(backlog: Backlog, task: asyncio.Task[None]) -> None:
    _workers.discard(task)
    if task.cancelled():  # its loop is ending
        backlog.abandon()


async def _work(backlog: Backlog) -> None:
    while (item := backlog.pop()) is not None:
        awaitable, event, done = item
        try:
            error = await _outcome_of(awaitable)
        except asyncio.CancelledError:
            backlog.count(failed=True)
            done.set_result(None)
            raise
        backlog.count(failed=error is not None)
        if error is not None:
            log_handler_error(event, error)
        done.set_result(None)
        await asyncio.sleep(0)  # a flood of events does not keep others from the loop


async def _outcome_of(awaitable: Awaitable[Any]) -> BaseException | None:
    try:
        await awaitable
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return error
    except BaseException as error:  # noqa: BLE001 - logged; it must not end the loop's thread
        return error
    return None


async def gather(*pending: Future[None]) -> None:
    """Wait for handlers; within a handler not at all, for it would wait for itself."""
    if asyncio.current_task() in _workers:
        return
    for future in pending:
        await asyncio.wrap_future(future)


def drop(awaitable: Awaitable[Any], done: Future[None]) -> None:
    """Forget a handler's coroutine, and let go those who wait for it."""
    close(awaitable)
    done.set_result(None)


def warn_of_drops(pattern: str, max_pending: int) -> None:
    """Say that a subscriber is too slow; the bus counts how much it misses."""
    _logger.warning(
        "an async handler of %r is too slow: %d events wait for it, and the oldest are dropped",
        pattern,
        max_pending,
    )


def log_handler_error(event: str, error: BaseException) -> None:
    """Report what an event handler raised."""
    _logger.error("a handler of event %r failed", event, exc_info=error)
