"""The tasks that a plugin starts through its context: on its loop, and ended together."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from zerepy_plugins._loop import background_loop, close, is_running_here, outcome_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

_logger = logging.getLogger("zerepy_plugins.lifecycle")


class Tasks:
    """The tasks of one plugin. May be used from any thread.

    Args:
        plugin: The plugin's name, for log records.
        home: The loop that they run on; ``None`` is the background loop, as a closed one is.
    """

    def __init__(self, plugin: str, home: asyncio.AbstractEventLoop | None) -> None:
        self._plugin = plugin
        self._home = home
        self._lock = threading.Lock()
        self._running: list[_Task] = []
        self._closed = False

    def start(self, coroutine: Coroutine[Any, Any, Any], name: str) -> Future[Any] | None:
        """Start a task, and return a future of its result, which cancels it when cancelled.

        Nothing is started, and returned, after `cancel_all`.
        """
        home = self._home
        loop = background_loop() if home is None or home.is_closed() else home
        task = _Task(self, coroutine, name, loop)
        with self._lock:
            if self._closed:
                return None
            self._running.append(task)
        task.on_loop(task.begin)
        return task.future

    def names(self) -> list[str]:
        """Return the names of those that have not ended, oldest first."""
        with self._lock:
            return [task.name for task in self._running]

    def cancel_all(self, patience: float) -> None:
        """Cancel all of them for good, and wait until they have ended, so many seconds at most."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for task in running:
            task.future.cancel()
        deadline = time.monotonic() + patience
        for task in running:
            if task.may_be_waited_for() and not task.ended.wait(deadline - time.monotonic()):
                _logger.warning(
                    "task %r of plugin %r did not end within %g s of being cancelled",
                    *(task.name, self._plugin, patience),
                )

    def forget(self, task: _Task, error: BaseException | None) -> None:
        """Take one out that has ended, and log what it raised."""
        with self._lock, suppress(ValueError):  # two threads may find its loop closed
            self._running.remove(task)
        if error is not None:
            _logger.error("task %r of plugin %r failed", task.name, self._plugin, exc_info=error)


class _Task:
    """One task, seen from other threads as a future. Its methods but one run on its loop."""

    def __init__(
        self,
        owner: Tasks,
        coroutine: Coroutine[Any, Any, Any],
        name: str,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.name = name
        self.future: Future[Any] = Future()
        self.ended = threading.Event()
        self._owner, self._coroutine, self._loop = owner, coroutine, loop

    def on_loop(self, function: Any, *arguments: Any) -> None:
        """Call a function on the loop; on a closed one everything is over."""
        if is_running_here(self._loop):
            function(*arguments)
            return
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            self._finish(None)

    def may_be_waited_for(self) -> bool:
        """Say whether waiting on this thread makes sense: the loop runs, and not here."""
        return self._loop.is_running() and not is_running_here(self._loop)

    def begin(self) -> None:
        if self.future.cancelled():
            self._finish(None)
            return
        task = self._loop.create_task(outcome_of(self._coroutine), name=self.name)
        task.add_done_callback(self._settle)
        self.future.add_done_callback(lambda _: self.on_loop(task.cancel))

    def _settle(self, task: asyncio.Task[tuple[Any, BaseException | None]]) -> None:
        result, error = (None, None) if task.cancelled() else task.result()
        with suppress(InvalidStateError):  # cancelled from outside meanwhile
            if task.cancelled():
                self.future.cancel()
            elif error is None:
                self.future.set_result(result)
            else:
                self.future.set_exception(error)
        self._finish(error)

    def _finish(self, error: BaseException | None) -> None:
        if not self.ended.is_set():
            close(self._coroutine)  # one that never began
            self._owner.forget(self, error)
            self.ended.set()
