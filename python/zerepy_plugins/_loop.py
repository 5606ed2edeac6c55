"""Where coroutines of plugins run when synchronous code waits for them.

That is the event loop of whoever started the operation with an ``*_async`` method, else one
background loop on a thread of its own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from zerepy_plugins.errors import PluginStateError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

_home: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("zerepy_loop", default=None)
_lock = threading.Lock()
_background: tuple[int, asyncio.AbstractEventLoop] | None = None


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    """Run a lifecycle operation on a worker thread; its coroutines run on the caller's loop."""
    _home.set(asyncio.get_running_loop())
    return await asyncio.to_thread(function, *args)


async def call_in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Call a plugin's synchronous method from a coroutine without blocking the loop."""
    result = await asyncio.to_thread(function, *args)
    return await result if hasattr(result, "__await__") else result


def wait_for(awaitable: Awaitable[T], what: str) -> T:
    """Wait from synchronous code for a coroutine of a plugin.

    Args:
        awaitable: What the plugin returned.
        what: What it is, for the error message.

    Raises:
        PluginStateError: An event loop runs on this thread, so that waiting would stop it.

    """
    if _running_loop():
        if hasattr(awaitable, "close"):
            awaitable.close()
        raise PluginStateError(
            f"{what} is async and was called synchronously within a running event loop",
            hint="Await the method whose name ends in _async (for actions, execute) instead",
        )
    future = asyncio.run_coroutine_threadsafe(_result_of(awaitable), _home.get() or _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def _result_of(awaitable: Awaitable[T]) -> T:
    return await awaitable


def _running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _loop() -> asyncio.AbstractEventLoop:
    global _background  # noqa: PLW0603 - one background loop a process, made at first use
    with _lock:
        if _background is None or _background[0] != os.getpid():  # a fork has no loop thread
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="zerepy-loop", daemon=True).start()
            _background = (os.getpid(), loop)
        return _background[1]


def schedule(awaitable: Awaitable[Any]) -> asyncio.Future[Any]:
    """Run a coroutine of an event handler: as a task of the running loop, else in the background."""
    if _running_loop():
        return asyncio.ensure_future(_result_of(awaitable))
    return asyncio.wrap_future(
        asyncio.run_coroutine_threadsafe(_result_of(awaitable), _loop()), loop=_loop()
    )
