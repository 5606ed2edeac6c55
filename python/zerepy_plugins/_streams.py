"""The items of Python plugins' actions, in whatever way a plugin yields them."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from zerepy_plugins._limit import on_worker
from zerepy_plugins._loop import call_in_thread
from zerepy_plugins._native import CallStream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from zerepy_plugins._limit import Attempt
    from zerepy_plugins._native import HookedCall

_END: Final = object()


async def items_of(
    otherwise: BaseException,
    attempt: Attempt | None,
    validate: Callable[..., Any] | None,
    method: Callable[..., Any],
    *args: Any,
) -> AsyncGenerator[Any, None]:
    """Call a plugin's method and yield the items it yields.

    Args:
        otherwise: Raised if the method yields none.
        attempt: The first item, if items have a limit.
        validate: With a limit: checks the arguments before.
        method: A generator function, async or not, or any function, async or not, that returns an
            async iterator or an iterator. What is not async runs on worker threads.
        args: Its arguments.
    """
    elsewhere = call_in_thread if attempt is None else partial(on_worker, attempt.what)
    if attempt is not None and validate is not None:
        attempt.begin_check()
        attempt.end_check(await elsewhere(validate, *args))
    if inspect.isasyncgenfunction(method) or inspect.isgeneratorfunction(method):
        result = method(*args)
    elif inspect.iscoroutinefunction(method):
        result = await method(*args)
    else:
        result = await elsewhere(method, *args)
    if isinstance(result, AsyncIterable):
        items = _closing(result)
    elif isinstance(result, Iterator):
        items = _on_threads(result, elsewhere)
    else:
        raise otherwise
    try:
        async for item in items:
            yield item
    finally:
        await items.aclose()


async def _closing(iterable: AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
    iterator = aiter(iterable)
    try:
        async for item in iterator:
            yield item
    finally:
        if hasattr(iterator, "aclose"):
            await iterator.aclose()


async def items_within(call: HookedCall) -> AsyncGenerator[Any, None]:
    """Await the hooks around a call that yields items, and yield them in between."""
    while (pending := call.advance()) is not None:
        value, is_left = None, False
        try:
            if isinstance(pending, CallStream):
                async for item in pending:
                    is_left = True  # if it never comes back from here
                    yield item
                    is_left = False
            else:
                value = await pending
        except GeneratorExit as error:
            if not is_left:  # the step was closed from outside: nothing can be awaited any more
                raise
            call.fail(await _closed(pending) or error)
        except BaseException as error:  # noqa: BLE001 - hooks after the action are told; then raised
            call.fail(error)
        else:
            call.take(value)
    call.finish()


async def _closed(stream: CallStream) -> BaseException | None:
    """Close a stream; return what the plugin raised instead of ending."""
    try:
        await stream.aclose()
    except GeneratorExit:  # closed from outside meanwhile: nothing can be awaited any more
        raise
    except BaseException as error:  # noqa: BLE001 - hooks after the action are told; then raised
        return error
    return None


class _Steps:
    """An iterator that is stepped on and closed on any thread, by one at a time."""

    def __init__(self, iterator: Iterator[Any]) -> None:
        self._iterator = iterator
        self._lock = threading.Lock()

    def step(self) -> Any:
        """Return the next item in a tuple, for nobody must await what is in it; or the end."""
        with self._lock:
            item = next(self._iterator, _END)
            return _END if item is _END else (item,)

    def close(self) -> None:
        with self._lock:
            if hasattr(self._iterator, "close"):
                self._iterator.close()


async def _on_threads(
    iterator: Iterator[Any], elsewhere: Callable[..., Awaitable[Any]]
) -> AsyncGenerator[Any, None]:
    steps = _Steps(iterator)
    try:
        while (found := await elsewhere(steps.step)) is not _END:
            yield found[0]
    except asyncio.CancelledError:
        # No thread can be stopped: it is closed after the step that runs, which nobody waits for.
        asyncio.get_running_loop().run_in_executor(None, steps.close)
        raise
    except GeneratorExit:
        await asyncio.to_thread(steps.close)
        raise
