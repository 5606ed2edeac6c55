"""A plugin's own numbers. May be used from any thread; they survive a restart of the plugin."""

from typing import Self, final

@final
class PluginMetrics:
    """The numbers of one plugin, by name."""

    def __new__(cls) -> Self: ...
    def counter(self, name: str) -> Counter:
        """Return the counter of that name."""

    def gauge(self, name: str) -> Gauge:
        """Return the gauge of that name."""

    def histogram(self, name: str) -> Histogram:
        """Return the histogram of that name."""

@final
class Counter:
    """A number that only grows."""

    def add(self, amount: int = 1) -> None:
        """Add to it."""

@final
class Gauge:
    """A number that is set."""

    def set(self, value: float) -> None:
        """Set it."""

@final
class Histogram:
    """How numbers are distributed."""

    def record(self, value: float) -> None:
        """Record a number; what is not a number is passed over."""
