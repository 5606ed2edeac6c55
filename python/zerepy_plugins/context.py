"""What a plugin is given by the manager that runs it."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

from zerepy_plugins._native import PluginMetrics
from zerepy_plugins.errors import PluginStateError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from concurrent.futures import Future

    from zerepy_plugins._native import Counter, EventBus, Gauge, Histogram, PluginFinder
    from zerepy_plugins._tasks import Tasks
    from zerepy_plugins.base import PluginBase

__all__ = ["PluginContext"]

_MAX_TASK_END = 5.0  # seconds that cancelled tasks are given to end
_logger = logging.getLogger("zerepy_plugins.lifecycle")


class PluginContext:
    """A plugin's way to its surroundings; set as ``plugin.context`` before ``initialize``.

    May be used from any thread. What is acquired through it is released after ``cleanup``, even if
    ``cleanup`` raised, and after a failed ``initialize``: first subscriptions end, then tasks, then
    the functions of :meth:`add_cleanup` are called. Subscriptions and tasks that the plugin's
    ``cleanup`` left are named in a warning.
    """

    __slots__ = (
        "_cleanups",
        "_find",
        "_home",
        "_lock",
        "_logger",
        "_metrics",
        "_name",
        "_released",
        "_tasks",
        "config",
        "events",
    )

    config: dict[str, Any]
    """What ``initialize`` is given."""
    events: EventBus
    """The manager's event bus, as this plugin has it: what it subscribes to ends at the release."""

    def __init__(
        self,
        name: str,
        config: dict[str, Any],
        events: EventBus,
        find: PluginFinder,
        metrics: PluginMetrics | None = None,
    ) -> None:
        self.config = config
        self.events = events._view_of(name)
        self._logger: logging.Logger | None = None
        self._name = name
        self._find = find
        self._metrics = PluginMetrics() if metrics is None else metrics
        self._cleanups: list[Callable[[], object]] | None = []
        self._tasks: Tasks | None = None
        self._released = False
        self._lock = threading.Lock()
        # None, or still being imported by another thread: nobody started it from a loop.
        here = getattr(sys.modules.get("zerepy_plugins._loop"), "here", None)
        self._home = here() if here else None

    @property
    def logger(self) -> logging.Logger:
        """The plugin's own logger, ``zerepy_plugins.plugin.<name>``."""
        if self._logger is None:  # not made before: loggers stay for good
            self._logger = logging.getLogger(f"zerepy_plugins.plugin.{self._name}")
        return self._logger

    def plugin(self, name: str) -> PluginBase:
        """Return the running plugin of that name: the object itself.

        What is called on it directly goes past hooks, limits and statistics; :meth:`call` does not.

        Raises:
            PluginNotFoundError: There is none of that name.
            PluginStateError: It is not running. Name it in ``requires`` to have it started first.
        """
        found: PluginBase = self._find(name)
        return found

    def call(
        self,
        plugin: str,
        action: str,
        params: dict[str, Any] | None = None,
        *,
        timeout: float | None = None,
    ) -> Any:
        """Call another plugin as the manager does, with hooks, limits, repetitions and statistics.

        Args:
            plugin: Its name. Name it in ``requires`` to have it started first.
            action: The action; that of an action plugin is ``"execute"``.
            params: Its parameters.
            timeout: Seconds; by default what is configured.

        Raises:
            PluginNotFoundError: There is no such plugin or action.
            PluginStateError: It is not running; or it is async, and an event loop runs here.
            PluginExecutionError: The call failed.
        """
        return self._find.call(plugin, action, params, timeout)

    def call_async(
        self,
        plugin: str,
        action: str,
        params: dict[str, Any] | None = None,
        *,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, Any]:
        """Like :meth:`call`, awaitable; the call begins when it is awaited."""
        return self._find.call_async(plugin, action, params, timeout)

    def counter(self, name: str) -> Counter:
        """Return a number that only grows, shown by ``manager.monitor.metrics(plugin)``; keep it.

        Raises:
            PluginConfigError: The name is impossible, or is that of a metric of another kind.
            PluginStateError: The plugin has too many metrics.
        """
        return self._metrics.counter(name)

    def gauge(self, name: str) -> Gauge:
        """Return a number that is set; as :meth:`counter`."""
        return self._metrics.gauge(name)

    def histogram(self, name: str) -> Histogram:
        """Return a distribution of numbers; as :meth:`counter`."""
        return self._metrics.histogram(name)

    def add_cleanup(self, function: Callable[[], object]) -> None:
        """Have ``function`` called after ``cleanup``, newest first, even if ``cleanup`` raised.

        Raises:
            PluginStateError: The plugin was cleaned up: nobody would call it.
        """
        with self._lock:
            if self._cleanups is None:
                raise self._was_released()
            self._cleanups.append(function)

    def subscribe(self, pattern: str, handler: Callable[[Any], Any]) -> Callable[[], None]:
        """Subscribe as with ``events.subscribe``; ``async`` handlers run on the plugin's own loop.

        That is the loop of whoever started the plugin, whichever loop runs here.

        Returns:
            A function that ends the subscription.

        Raises:
            PluginStateError: The plugin was cleaned up.
        """
        undo: Callable[[], None] = self._at_home(self.events.subscribe, pattern, handler)
        return undo

    def create_task(
        self, coroutine: Coroutine[Any, Any, Any], name: str | None = None
    ) -> Future[Any]:
        """Run a coroutine as a task until it ends or the plugin is cleaned up.

        It runs on the loop of whoever started the plugin with an ``*_async`` method, else on the
        background loop. At the release it is cancelled and given 5 seconds to end. What it raises
        is logged.

        Args:
            coroutine: What to run.
            name: The task's name, for logs; by default that of the coroutine.

        Returns:
            A future of the result, to wait for on another thread or to cancel; a coroutine waits
            for it with ``asyncio.wrap_future``.

        Raises:
            PluginStateError: The plugin was cleaned up.
        """
        from zerepy_plugins._tasks import Tasks  # here: it imports asyncio

        with self._lock:
            if self._tasks is None and not self._released:
                self._tasks = Tasks(self._name, self._home)
            tasks = self._tasks
        name = name or str(getattr(coroutine, "__qualname__", "task"))
        future = tasks.start(coroutine, name) if tasks else None
        if future is None:
            coroutine.close()
            raise self._was_released()
        return future

    def _at_home(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function so that what it is given runs on the plugin's loop."""
        if self._home is None:
            return function(*arguments)
        return sys.modules["zerepy_plugins._loop"].at(self._home, function, *arguments)

    def _was_released(self) -> PluginStateError:
        return PluginStateError(
            f"plugin {self._name!r} was cleaned up and can acquire nothing any more",
            plugin=self._name,
            hint="End the threads that still use its context in cleanup()",
        )

    def _release(self, cleaned: bool) -> list[BaseException]:
        """Release everything, whatever fails; ``cleaned`` says whether ``cleanup`` was called."""
        with self._lock:
            self._released = True
        patterns = self.events._release()
        names = self._tasks.names() if self._tasks else []
        if cleaned and (patterns or names):
            self._name_leaks(names, patterns)
        errors: list[BaseException] = []
        for release in self._releases():
            try:
                release()
            except BaseException as error:  # noqa: BLE001 - reported by the caller, all together
                errors.append(error)
        return errors

    def _releases(self) -> Iterator[Callable[[], object]]:
        """Yield what is to be called: functions may add others until the last one was called."""
        tasks = self._tasks
        if tasks:
            yield lambda: tasks.cancel_all(_MAX_TASK_END)
        while True:
            with self._lock:
                if not self._cleanups:
                    self._cleanups = None
                    return
                function = self._cleanups.pop()
            yield function

    def _name_leaks(self, tasks: list[str], patterns: list[str]) -> None:
        left = [
            f"{len(names)} {kind}{'s' if len(names) > 1 else ''} ({', '.join(names)})"
            for kind, names in (("task", tasks), ("subscription", patterns))
            if names
        ]
        _logger.warning(
            "plugin %r left %s after cleanup(); ended now, but its cleanup() should do that",
            *(self._name, " and ".join(left)),
        )
