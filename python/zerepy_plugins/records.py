"""What the host tells about plugins: plain, frozen data that can be copied and pickled."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from zerepy_plugins._discovered import DiscoveredPlugins, LazyPlugins

__all__ = [
    "DiscoveredPlugins",
    "Event",
    "LazyPlugins",
    "PluginFailure",
    "PluginState",
    "PluginStats",
    "PluginStatus",
]


class PluginState(StrEnum):
    """Where a plugin is in its life; each value is the state's word."""

    DISCOVERED = "discovered"
    """Found, but not accepted yet."""
    REGISTERED = "registered"
    """Accepted: it can be started."""
    INITIALIZING = "initializing"
    """Being created and initialized."""
    RUNNING = "running"
    """Serving calls."""
    STOPPING = "stopping"
    """Being cleaned up."""
    STOPPED = "stopped"
    """Cleaned up: it can be started again."""
    FAILED = "failed"
    """Something went wrong; the failure says what."""
    DISABLED = "disabled"
    """Switched off by configuration or by hand."""
    SKIPPED = "skipped"
    """Not started because a plugin it needs did not start; the failure holds the chain."""
    RETRYING = "retrying"
    """Asked to be started again later, and waiting for it."""


@dataclass(frozen=True)
class PluginFailure:
    """Something that went wrong with one plugin and did not stop the others."""

    stage: str
    """``discover``, ``import``, ``load``, ``validate``, ``resolve``, ``initialize``,
    ``cleanup`` or ``health``."""
    plugin: str | None
    """The plugin's name, as far as it was known."""
    origin: str
    """Where it came from: a path, an entry point, or ``registered by hand``."""
    error: Exception
    """What went wrong."""
    traceback: str | None = field(default=None, repr=False)
    """The traceback in the plugin's own code, as text."""
    hint: str | None = None
    """What to do about it."""


@dataclass(frozen=True)
class PluginStatus:
    """One plugin, as it is now."""

    name: str
    category: str
    """``connection`` or ``action``."""
    version: str
    kind: str
    """``python`` or ``native``."""
    origin: str
    """Where it came from: a path, an entry point, or ``registered by hand``."""
    state: PluginState
    healthy: bool
    """Whether it is running, not wedged, and was well when it was last asked."""
    failure: PluginFailure | None = None
    """Why it is failed, skipped or retrying."""
    complaint: str | None = None
    """Why it is not healthy though it runs."""


@dataclass(frozen=True)
class PluginStats:
    """One plugin's calls. Durations are in seconds; percentiles are exact within a sixteenth."""

    calls: int = 0
    """Calls that ended."""
    errors: int = 0
    """Of these, calls that failed, timeouts included."""
    timeouts: int = 0
    """Of these, calls whose time was up."""
    in_flight: int = 0
    """Calls that are running."""
    still_running: int = 0
    """Work whose time was up and that goes on, though nobody waits for it any more."""
    late: int = 0
    """Such work that has ended since; its result was dropped."""
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0
    total: float = 0.0
    """All calls together."""
    last_error: str | None = None
    """The last failure's text."""
    last_used: float | None = None
    """When the last call ended, in seconds since 1970."""


@dataclass(frozen=True)
class Event:
    """Something that happened, for whoever subscribed to it."""

    name: str
    """Dotted, such as ``plugin.running`` or ``search.query.success``."""
    data: Any = None
    """What belongs to it."""
    source: str | None = None
    """Who says so: a plugin's name, or ``host``."""
