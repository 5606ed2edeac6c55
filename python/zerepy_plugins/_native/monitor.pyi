"""The numbers of calls, and those who watch them."""

from collections.abc import Callable
from typing import Any, Self, final

from zerepy_plugins._native.events import Undo
from zerepy_plugins.base import PluginBase as _Plugin
from zerepy_plugins.records import PluginStats

@final
class PluginMonitor:
    """Counts calls and watches health. Plugins may be given as themselves or by name."""

    def __new__(cls) -> Self: ...
    def track_usage(self, plugin: _Plugin | str) -> UsageTimer:
        """Count a use outside a manager; in a ``with`` statement, time it too.

        An exception that leaves the ``with`` block is counted as an error.
        """

    def stats(self, plugin: _Plugin | str) -> PluginStats:
        """Return the plugin's numbers; zeros if it was never called. Durations are in seconds."""

    def metrics(self, plugin: _Plugin | str) -> dict[str, dict[str, Any]]:
        """Return the plugin's own metrics by name.

        Each has a ``kind``; a ``"counter"`` and a ``"gauge"`` have a ``value``, a ``"histogram"``
        has ``count``, ``sum``, ``min`` and ``max``. Empty for a plugin that made none.
        """

    def plugins(self) -> list[str]:
        """Return the names of the plugins that have numbers."""

    def check_health(self, plugin: _Plugin | str, *, force: bool = False) -> bool:
        """Return whether the plugin is well: its ``health()``, else its recent calls.

        ``health()``, ``async`` or not, runs on a worker thread, within the plugin's limit of
        actions or 5 seconds. A plugin is not well if it says so, raises, or does not end in time;
        if it is wedged, or not running when it is asked for by name. One without that method is
        not well if at least half of its last calls failed (31 at most, 5 at least, the last one
        within a minute); what its callers did wrong does not count. The reason is the
        ``complaint`` of its status; a change is an event, ``plugin.unhealthy`` or
        ``plugin.healthy``. A plugin that no manager runs is asked on this thread.
        On the thread of a running event loop an ``async`` one cannot be asked, and counts as not
        well: use ``asyncio.to_thread``.

        Args:
            plugin: The plugin, or its name.
            force: Ask anew; otherwise an answer is used again for a second.

        Raises:
            PluginNotFoundError: There is no plugin of that name.
        """

    def add_observer(
        self,
        before: Callable[[str, str], object] | None = None,
        after: Callable[[str, str, str, float], object] | None = None,
    ) -> Undo:
        """Have functions called around every call, on the thread of the call.

        Args:
            before: A function of plugin and action.
            after: A function of plugin, action, outcome (``"success"``, ``"failure"``,
                ``"timeout"`` or ``"abandoned"``) and seconds.

        Returns:
            A function that removes them. What they raise is shown and does not touch the call.

        Raises:
            TypeError: One is not callable.
        """

@final
class UsageTimer:
    """One use of a plugin, counted; as a context manager it is timed."""

    def __enter__(self) -> Self: ...
    def __exit__(self, _class: Any, error: BaseException | None, _traceback: Any) -> bool: ...
