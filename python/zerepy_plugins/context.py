"""What a plugin is given by the manager that runs it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from zerepy_plugins._native import PluginMetrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from zerepy_plugins._native import Counter, EventBus, Gauge, Histogram
    from zerepy_plugins.base import PluginBase

__all__ = ["PluginContext"]


class PluginContext:
    """A plugin's way to its surroundings; set as ``plugin.context`` before ``initialize``.

    May be used from any thread.
    """

    __slots__ = ("_cleanups", "_find", "_metrics", "config", "events", "logger")

    config: dict[str, Any]
    """What ``initialize`` is given."""
    events: EventBus
    """The manager's event bus."""
    logger: logging.Logger
    """The plugin's own logger, ``zerepy_plugins.plugin.<name>``."""

    def __init__(
        self,
        name: str,
        config: dict[str, Any],
        events: EventBus,
        find: Callable[[str], PluginBase],
        metrics: PluginMetrics | None = None,
    ) -> None:
        self.config = config
        self.events = events
        self.logger = logging.getLogger(f"zerepy_plugins.plugin.{name}")
        self._find = find
        self._metrics = PluginMetrics() if metrics is None else metrics
        self._cleanups: list[Callable[[], object]] = []

    def plugin(self, name: str) -> PluginBase:
        """Return the running plugin of that name.

        Raises:
            PluginNotFoundError: There is none of that name.
            PluginStateError: It is not running. Name it in ``requires`` to have it started first.
        """
        return self._find(name)

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
        """Have ``function`` called after ``cleanup``, newest first, even if ``cleanup`` raised."""
        self._cleanups.append(function)

    def _release(self) -> list[BaseException]:
        errors: list[BaseException] = []
        while self._cleanups:
            function = self._cleanups.pop()
            try:
                function()
            except BaseException as error:  # noqa: BLE001 - reported by the caller, all together
                errors.append(error)
        return errors
