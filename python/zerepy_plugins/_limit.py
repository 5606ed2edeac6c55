"""Waiting for a plugin's work no longer than its limit says, and giving it up then."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from zerepy_plugins import _loop
from zerepy_plugins._work import Work, begin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Context

GRACE = 0.5  # seconds that a cancelled coroutine has to end

_given_up: set[asyncio.Future[Any]] = set()  # a loop keeps weak references only


class Attempt(Protocol):
    """One piece of work with a limit, as the host counts it."""

    @property
    def limit(self) -> float: ...
    @property
    def slow_after(self) -> float: ...
    @property
    def what(self) -> str: ...
    def tell_slow(self) -> None: ...
    def begin_check(self) -> None: ...
    def end_check(self, problems: Any, /) -> None: ...
    def give_up(self) -> bool: ...
    def end(self) -> bool: ...
    def timed_out(self, still_running: bool, /) -> BaseException: ...


class _Outcome:
    """What a worker leaves for the thread that waits."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self.ready = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def put(self, result: Any, error: BaseException | None) -> None:
        if self._attempt.end():
            self.result, self.error = result, error
            self.ready.set()


def call(attempt: Attempt, function: Callable[..., Any], *args: Any) -> Any:
    """Call a plugin's method, and wait for it as long as the limit says."""
    outcome = _Outcome(attempt)
    work = begin(function, args, outcome.put, attempt.what)
    try:
        in_time = outcome.ready.wait(attempt.slow_after)
        if not in_time:
            in_time = outcome.ready.wait(_left_when_told(attempt))
    except BaseException:
        work.cancel()
        raise
    if not in_time:
        _stop(attempt, work, outcome)
    if outcome.error is not None:
        raise outcome.error
    return outcome.result


def _left_when_told(attempt: Attempt) -> float:
    """Have work told of as slow, and say how long it may still take: handlers take their time."""
    deadline = time.monotonic() + attempt.limit - attempt.slow_after
    attempt.tell_slow()
    return max(0.0, deadline - time.monotonic())


def _stop(attempt: Attempt, work: Work, outcome: _Outcome) -> None:
    """Raise that the time is up, unless the work ended just now."""
    cancelled = work.cancel()
    if not (cancelled and outcome.ready.wait(GRACE)):
        if attempt.give_up():
            raise attempt.timed_out(True)
        outcome.ready.wait()
    if cancelled and isinstance(outcome.error, asyncio.CancelledError):
        raise attempt.timed_out(False)


async def call_async(attempt: Attempt, function: Callable[..., Any], *args: Any) -> Any:
    """Like `call`, without blocking the loop; a coroutine that comes of it runs on this loop."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def put(result: Any, error: BaseException | None) -> None:
        if attempt.end():
            with suppress(RuntimeError):  # the loop was closed: nobody waits
                loop.call_soon_threadsafe(_hand_over, future, result, error)

    work = begin(function, args, put, attempt.what, loop=loop)
    try:
        result, error = await limit_future(attempt, future, work.cancel)
    except asyncio.CancelledError:
        work.cancel()
        raise
    if error is not None:
        raise error
    return result


def _hand_over(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if not future.done():
        future.set_result((result, error))  # no future can hold a StopIteration as exception


def checked(
    attempt: Attempt, validate: Callable[..., Any], method: Callable[..., Any], params: Any
) -> Any:
    """Call an action plugin's method, if its `validate_params` finds nothing wrong."""
    attempt.begin_check()
    attempt.end_check(validate(params))
    return method(params)


async def checked_async(
    attempt: Attempt, validate: Callable[..., Any], method: Callable[..., Any], params: Any
) -> Any:
    """Like `checked`, with an async method; what checks is called on a worker."""
    attempt.begin_check()
    attempt.end_check(await on_worker(attempt.what, validate, params))
    result = method(params)
    return await result if hasattr(type(result), "__await__") else result


async def on_worker(what: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function on a worker; even a cancelled call goes on until the function has ended.

    It is for whoever has a limit: that ends the wait, and counts what goes on.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def put(result: Any, error: BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits
            loop.call_soon_threadsafe(_hand_over, future, result, error)

    begin(function, args, put, what, loop=loop)
    try:
        await asyncio.wait({future})
    except asyncio.CancelledError:
        await asyncio.wait({future})
        raise
    result, error = future.result()
    if error is not None:
        raise error
    return result


async def _ends_in_time(attempt: Attempt, future: asyncio.Future[Any]) -> bool:
    done, _ = await asyncio.wait({future}, timeout=attempt.slow_after)
    if not done:
        done, _ = await asyncio.wait({future}, timeout=_left_when_told(attempt))
    return bool(done)


async def limit_future(
    attempt: Attempt, future: asyncio.Future[Any], stop: Callable[[], bool]
) -> Any:
    """Wait for work that goes on elsewhere; `stop` asks it to end and says whether it can.

    That it ends must be told to the attempt before the future is done.
    """
    try:
        in_time = await _ends_in_time(attempt, future)
    except BaseException:
        future.cancel()
        raise
    if in_time or not attempt.give_up():
        return await future
    future.cancel()
    raise attempt.timed_out(not stop())


async def limit_task(
    attempt: Attempt, awaitable: Awaitable[Any], context: Context | None = None
) -> Any:
    """Await a coroutine; cancel it at its limit, and give it up if it does not end then."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(_loop.outcome_of(awaitable), context=context)
    task.add_done_callback(lambda _: attempt.end())
    try:
        in_time = await _ends_in_time(attempt, task)
    except asyncio.CancelledError:
        await _cancel(task)
        raise
    except BaseException:  # the coroutine is closed: it must not await any more
        task.cancel()
        raise
    if not in_time:
        still_running = not await _cancel(task) and attempt.give_up()
        raise attempt.timed_out(still_running)
    result, error = task.result()
    if error is not None:
        raise error
    return result


async def _cancel(task: asyncio.Task[Any]) -> bool:
    """Cancel a task and give it a little time; say whether it ended."""
    task.cancel()
    _given_up.add(task)
    task.add_done_callback(_given_up.discard)
    done, _ = await asyncio.wait({task}, timeout=GRACE)
    return bool(done)
