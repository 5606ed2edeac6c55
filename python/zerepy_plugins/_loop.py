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
from weakref import WeakKeyDictionary, ref

from zerepy_plugins._native import Mailbox
from zerepy_plugins.errors import PluginStateError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from zerepy_plugins._native import HookedCall

T = TypeVar("T")

_home: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("zerepy_loop", default=None)
_lock = threading.Lock()
_background: tuple[int, asyncio.AbstractEventLoop] | None = None
# Their loops hold them, until closed: a mailbox holds what awaits its results, and so its loop.
_mailboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, ref[Mailbox]] = WeakKeyDictionary()


def mailbox(loop: asyncio.AbstractEventLoop) -> Mailbox:
    """Return the mailbox of a loop, which worker threads send their results to."""
    known = _mailboxes.get(loop)
    box = known() if known is not None else None
    if box is None:
        box = Mailbox()
        loop.add_reader(box.fileno(), box.deliver_all)
        _mailboxes[loop] = ref(box)
    return box


def at(home: asyncio.AbstractEventLoop, function: Callable[..., T], *args: Any) -> T:
    """Call a function as if whoever runs that loop had started the operation."""
    token = _home.set(home)
    try:
        return function(*args)
    finally:
        _home.reset(token)


async def in_thread(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run a lifecycle operation on a worker thread; its coroutines run on the caller's loop."""
    token = _home.set(asyncio.get_running_loop())
    try:
        return await asyncio.to_thread(function, *args, **kwargs)
    finally:
        _home.reset(token)


async def call_in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Call a plugin's synchronous method from a coroutine without blocking the loop."""
    made: list[Any] = []
    is_given_up = False

    def call() -> Any:
        made.append(_without_stop_iteration(function, *args))
        if is_given_up:
            _drop(made[0])
        return made[0]

    try:
        result = await asyncio.to_thread(call)
    except BaseException:
        is_given_up = True
        for result in made:  # it came, but not here
            _drop(result)
        raise
    return await result if hasattr(result, "__await__") else result


def _drop(result: Any) -> None:
    """Close what nobody is going to await; other results need nothing."""
    if hasattr(result, "__await__"):
        close(result)


def _without_stop_iteration(function: Callable[..., Any], *args: Any) -> Any:
    try:
        return function(*args)
    except StopIteration as error:  # no future can hold it: whoever awaits would wait for ever
        raise RuntimeError("the plugin raised StopIteration") from error


async def drive(call: HookedCall) -> Any:
    """Await a call and the hooks around it, one after the other."""
    while (pending := call.advance()) is not None:
        try:
            value = await pending
        except GeneratorExit:  # closed from outside: nothing can be awaited any more
            raise
        except BaseException as error:  # noqa: BLE001 - hooks after the action are told; then raised
            call.fail(error)
        else:
            call.take(value)
    return call.finish()


def wait_for(awaitable: Awaitable[T], what: str) -> T:
    """Wait from synchronous code for a coroutine of a plugin.

    Args:
        awaitable: What the plugin returned.
        what: What it is, for the error message.

    Raises:
        PluginStateError: An event loop runs on this thread, so that waiting would stop it.
    """
    if is_loop_thread():
        raise refused(awaitable, what)
    coroutine = outcome_of(awaitable)
    try:
        future = asyncio.run_coroutine_threadsafe(coroutine, home())
    except BaseException:
        coroutine.close()
        close(awaitable)
        raise
    try:
        result, error = future.result()
    except BaseException:
        future.cancel()
        raise
    if error is not None:
        raise error
    return result


def refused(awaitable: Awaitable[Any], what: str) -> PluginStateError:
    """Drop a coroutine that cannot be waited for here; return the error that says so."""
    close(awaitable)
    return PluginStateError(
        f"{what} is async and was called synchronously within a running event loop",
        hint="Await the method whose name ends in _async (for actions, execute) instead",
    )


def home() -> asyncio.AbstractEventLoop:
    """Return the loop of whoever started the operation, else the one in the background."""
    loop = _home.get()
    return loop if loop is not None and loop.is_running() else background_loop()


def close(awaitable: Awaitable[Any]) -> None:
    """Drop a coroutine that will not run, without a warning that it was not awaited."""
    if hasattr(awaitable, "close"):
        awaitable.close()


async def outcome_of(awaitable: Awaitable[T]) -> tuple[T, None] | tuple[Any, BaseException]:
    """Await it; what it raises is a result, for a `SystemExit` would end the loop's thread."""
    try:
        return await awaitable, None
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
        return None, error


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def is_loop_thread() -> bool:
    """Say whether an event loop runs on this thread."""
    return _running_loop() is not None


def is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Say whether this thread runs that loop."""
    return _running_loop() is loop


def here() -> asyncio.AbstractEventLoop | None:
    """Return the loop of this thread, or of whoever started the operation; else ``None``."""
    return _running_loop() or _home.get()


def background_loop() -> asyncio.AbstractEventLoop:
    """Return the one loop that runs on a thread of its own; it is started when it is needed."""
    global _background
    with _lock:
        if _background is None or _background[0] != os.getpid():  # a fork has no loop thread
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name="zerepy-loop", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending
                loop.close()
                raise
            _background = (os.getpid(), loop)
        return _background[1]
