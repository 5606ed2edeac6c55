"""Operations that act at once, for callers that await and for callers that do not."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from zerepy_plugins._loop import is_loop_thread, wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable

__all__ = ["Done", "off_loop", "settle"]

T = TypeVar("T")

_tasks: set[asyncio.Task[Any]] = set()  # a loop keeps weak references only


class Done:
    """What has been done; awaiting it waits for what an event loop still has to do of it."""

    def __init__(self, pending: Iterable[asyncio.Task[Any]] = ()) -> None:
        self.pending = list(pending)

    def __await__(self) -> Generator[Any, None, None]:
        for task in self.pending:
            yield from task.__await__()


def settle(awaitable: Awaitable[Any], what: str) -> Done:
    """Have a coroutine run: as a task if an event loop runs on this thread, else to its end.

    Args:
        awaitable: What to run.
        what: What it is, for messages.

    Without a loop, what it raises passes through. In a task that nobody awaits it is logged.
    """
    if not is_loop_thread():
        wait_for(awaitable, what)
        return Done()
    task = asyncio.get_running_loop().create_task(_awaited(awaitable))
    _tasks.add(task)

    def ended(task: asyncio.Task[Any]) -> None:
        _tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logging.getLogger("zerepy_plugins.compat").error("%s failed: %s", what, error)

    task.add_done_callback(ended)
    return Done([task])


def off_loop(call: Callable[[], T]) -> T:
    """Call what may have to wait for a coroutine; on another thread if an event loop runs here.

    The loop stands still meanwhile, as for all that a caller does not await.
    """
    if not is_loop_thread():
        return call()
    with ThreadPoolExecutor(1, "zerepy-compat") as thread:
        return thread.submit(copy_context().run, call).result()


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
