"""Where a plugin's code runs that has a time limit: on worker threads.

Only Python frames stand below the plugin's code here: Python ends such a thread, when the
interpreter itself ends, without harm.
"""

from __future__ import annotations

import asyncio
import os
import threading
from contextvars import ContextVar, copy_context
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from zerepy_plugins import _loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Context, Token

    Done = Callable[[Any, BaseException | None], object]
    Job = tuple[Context, Callable[[], None]]

IDLE = 30.0  # seconds after which a worker without work ends, but for the last one

_owners: ContextVar[tuple[object, ...]] = ContextVar("zerepy_owners", default=())
_lock = threading.Lock()
_idle: list[SimpleQueue[Job]] = []
_spawned: WeakSet[threading.Thread] = WeakSet()


class Work:
    """A call of a plugin's method that was begun on a worker."""

    def __init__(self, what: str, done: Done, loop: asyncio.AbstractEventLoop | None) -> None:
        self._what = what
        self._done = done
        self._loop = loop
        self._refused = loop is None and _loop.is_loop_thread()
        self._task: asyncio.Task[Any] | None = None
        self._awaited = False
        self._cancelled = False

    def run(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Call the method; what it returns is awaited on a loop."""
        result: Any = None
        raised: BaseException | None = None
        try:
            result = function(*args)
            if hasattr(type(result), "__await__"):
                self._await(result)
                return
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            raised = error
        self._done(result, raised)

    def _await(self, awaitable: Awaitable[Any]) -> None:
        if self._refused:
            raise _loop.refused(awaitable, self._what)
        try:
            self._loop = self._loop or _loop.home()
        except RuntimeError:  # there is no loop, and no thread for one any more
            self._done(*asyncio.run(_loop.outcome_of(awaitable)))
            return
        self._awaited = True
        try:
            self._loop.call_soon_threadsafe(self._start, awaitable)
        except RuntimeError:  # the loop is closed
            _loop.close(awaitable)
            raise

    def _start(self, awaitable: Awaitable[Any]) -> None:
        if self._cancelled:
            _loop.close(awaitable)
            self._done(None, asyncio.CancelledError())
            return
        self._task = asyncio.ensure_future(_loop.outcome_of(awaitable))
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self._done(None, asyncio.CancelledError())
        else:
            self._done(*task.result())

    def cancel(self) -> bool:
        """Ask a coroutine to end, and say whether it is one: a thread cannot be stopped."""
        self._cancelled = True
        if self._loop is None or not self._awaited:
            return False
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:  # the loop is closed, and the coroutine will never end
            return False
        return True

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


def begin(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    done: Done,
    what: str,
    *,
    owner: object = None,
    loop: asyncio.AbstractEventLoop | None = None,
) -> Work:
    """Call a plugin's method on a worker, with the caller's context variables.

    Args:
        function: The method; what it returns is awaited.
        args: Its arguments.
        done: Gets result and error, once, on whatever thread it ends.
        what: What it is, for the error message.
        owner: Whose lifecycle operation it is a step of.
        loop: Where to await; by default the loop of whoever started the operation.
    """
    work, context = Work(what, done, loop), copy_context()
    if owner is not None:
        context.run(_owners.set, (*_owners.get(), owner))
    _submit((context, lambda: work.run(function, args)))
    return work


def enter(owner: object) -> Token[tuple[object, ...]]:
    """Let what runs here from now on, and what it begins, be a step of an operation of `owner`."""
    return _owners.set((*_owners.get(), owner))


def leave(token: Token[tuple[object, ...]]) -> None:
    """End what `enter` began."""
    _owners.reset(token)


def is_within(owner: object) -> bool:
    """Say whether this code runs as a step of a lifecycle operation of `owner`."""
    return any(other is owner for other in _owners.get())


def is_step() -> bool:
    """Say whether this code runs as a step of any lifecycle operation."""
    return bool(_owners.get())


def spawn(name: str, job: Callable[[], None]) -> None:
    """Run a job of the host on a thread of its own, with the caller's context variables."""
    context = copy_context()
    context.run(_owners.set, ())  # it goes on after the operation that wants it
    thread = threading.Thread(target=context.run, args=(job,), name=name, daemon=True)
    thread.start()
    _spawned.add(thread)


def join_spawned(timeout: float) -> None:
    """Wait for the host's own threads, which the interpreter must not end: Rust is below them."""
    for thread in list(_spawned):
        thread.join(timeout)


def _submit(job: Job) -> None:
    with _lock:
        worker = _idle.pop() if _idle else None
    if worker is None:
        worker = SimpleQueue()
        thread = threading.Thread(target=_serve, args=(worker,), name="zerepy-worker", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending, or the system has no more threads
            context, run = job
            context.run(run)
            return
    worker.put(job)


def _serve(jobs: SimpleQueue[Job]) -> None:
    while True:
        try:
            context, job = jobs.get(timeout=IDLE)
        except Empty:
            with _lock:
                # The last one stays: at the interpreter's end there may be no new threads.
                if len(_idle) > 1 and jobs in _idle:
                    _idle.remove(jobs)
                    return
            continue
        context.run(job)
        del context, job  # what they refer to must not live until the next one
        with _lock:
            _idle.append(jobs)


def _after_fork() -> None:
    """Forget the workers: they are threads of the parent."""
    global _lock
    _lock = threading.Lock()
    _idle.clear()
    _spawned.clear()


os.register_at_fork(after_in_child=_after_fork)
