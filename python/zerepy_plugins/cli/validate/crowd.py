"""Checks of many calls at once: from threads, and given up while they run."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

from zerepy_plugins.cli.validate.outcome import CheckFailed, CheckSkipped
from zerepy_plugins.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zerepy_plugins import PluginManager
    from zerepy_plugins.cli.validate.subject import Subject

_THREADS = 8
_SECONDS = 1.0
_CANCELLED_CALLS = 20
_CANCEL_SHARE = 1 / 6  # of the time that the check may take


def concurrency(subject: Subject) -> list[str]:
    """Eight threads call it for a second; every call comes back, and none is lost."""
    calls = _calls(subject)
    with subject.started() as manager:
        before = manager.monitor.stats(subject.name).calls
        subject.note(f"calling it from {_THREADS} threads")
        crowd = _Crowd(subject, manager, calls)
        made = crowd.run()
        stats = manager.monitor.stats(subject.name)
    if crowd.failed:
        raise crowd.failed[0]
    if stats.in_flight or stats.calls - before != made:
        raise CheckFailed(
            f"of {made} calls from {_THREADS} threads {stats.calls - before} are accounted for,"
            f" and {stats.in_flight} still run"
        )
    return []


def _calls(subject: Subject) -> Sequence[tuple[str, Any]]:
    try:
        return list(subject.calls().items())
    except CheckSkipped:
        refused = itertools.islice(subject.refused_calls(), 5)
        calls = [(action, params) for action, _, params in refused]
    if not calls:
        raise CheckSkipped("there is nothing that may be called: allow an action with --call")
    return calls


class _Crowd:
    """Threads that call until the time is up."""

    def __init__(
        self, subject: Subject, manager: PluginManager, calls: Sequence[tuple[str, Any]]
    ) -> None:
        self.subject = subject
        self.manager = manager
        self.calls = calls
        self.failed: list[CheckFailed] = []
        self.barrier = threading.Barrier(_THREADS)

    def run(self) -> int:
        """Return how many calls came back."""
        made = [0] * _THREADS
        threads = [
            threading.Thread(target=self._call, args=(made, number)) for number in range(_THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(made)

    def _call(self, made: list[int], number: int) -> None:
        self.barrier.wait()
        end = time.monotonic() + _SECONDS
        for action, params in itertools.cycle(self.calls):
            if time.monotonic() > end or self.failed:
                return
            try:
                self.subject.outcome(self.manager, action, params)
            except CheckFailed as failed:
                self.failed.append(failed)
            made[number] += 1


def cancellation(subject: Subject) -> list[str]:
    """A call that is given up ends soon, with one outcome, and leaves nothing running."""
    calls = subject.calls()
    with subject.started() as manager:
        plugin: Any = manager[subject.name]
        method = getattr(plugin, "execute", None) or plugin.perform_action
        is_async = inspect.iscoroutinefunction(method)
        names = [
            action for action in calls if is_async or subject.actions[action].get("exec") == "async"
        ]
        if not names:
            raise CheckSkipped("none of the actions that may be called is async")
        for action in names:
            subject.note(f"cancelling calls of {action!r}")
            asyncio.run(_cancel(subject, manager, action, calls[action]))
    return []


async def _cancel(subject: Subject, manager: PluginManager, action: str, params: Any) -> None:
    async def call() -> Any:
        if subject.described["category"] == "action":
            return await manager.execute(subject.name, params)
        return await manager.perform_action_async(subject.name, action, params)

    tasks = [asyncio.ensure_future(call()) for _ in range(_CANCELLED_CALLS)]
    for task in tasks:
        await asyncio.sleep(0.001)
        task.cancel()
    patience = subject.seconds * _CANCEL_SHARE
    _, pending = await asyncio.wait(tasks, timeout=patience)
    if pending:
        # What cannot be cancelled may also keep the process from ending.
        subject.note(f"waiting for calls of {action!r} that go on after they were cancelled")
        raise CheckFailed(
            f"{len(pending)} calls of {action!r} go on {patience:g} s after they were cancelled",
            "Let CancelledError pass, and await in what takes long",
        )
    for task in tasks:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, PluginError):
            raise CheckFailed(f"a cancelled call of {action!r} raised {error!r}")
    end = time.monotonic() + patience
    while running := manager.monitor.stats(subject.name).in_flight:
        if time.monotonic() > end:
            raise CheckFailed(f"{running} cancelled calls of {action!r} are still running")
        await asyncio.sleep(0.01)
