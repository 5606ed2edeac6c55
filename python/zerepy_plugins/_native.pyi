"""The extension module: the plugin system itself, written in Rust.

Import its public names from :mod:`zerepy_plugins`. All classes are safe to use from several
threads; none holds a lock while it runs code of a plugin, a hook or a handler.
"""

from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Self, final, overload

from zerepy_plugins.base import PluginBase as _Plugin
from zerepy_plugins.records import (
    DiscoveredPlugins,
    Event,
    PluginFailure,
    PluginStats,
    PluginStatus,
)

__all__ = [
    "ABI_VERSION",
    "CallCoroutine",
    "EventBus",
    "Mailbox",
    "NativeClass",
    "NativeInstance",
    "PluginFactory",
    "PluginFinder",
    "PluginManager",
    "PluginMonitor",
    "PluginRegistry",
    "Published",
    "Undo",
    "UsageTimer",
    "discover_plugins",
    "inspect_library",
]

ABI_VERSION: tuple[int, int]
"""The version of the plugin ABI that this host speaks: major, minor."""

def discover_plugins(
    plugin_dir: str | PathLike[str], *, on_error: Literal["raise", "collect"] = "raise"
) -> DiscoveredPlugins:
    """Find the plugins in a directory, written in Python and in Rust alike.

    Args:
        plugin_dir: Where to look: ``x.py``, packages ``x/``, shared libraries, and all of these
            again in ``connections/`` and ``actions/``. A missing directory is an empty result and
            a warning in the log.
        on_error: ``"raise"`` raises for the first plugin that is broken; ``"collect"`` returns the
            good ones, and the broken ones as ``.failures``.

    Returns:
        A ``dict`` from name to class; nothing has been instantiated.

    Raises:
        PluginLoadError: A plugin is broken, and ``on_error`` is ``"raise"``.
        PluginConfigError: ``on_error`` is neither of the two.
    """

def inspect_library(path: str | PathLike[str]) -> dict[str, Any]:
    """Read what a shared library declares, without running any of its code.

    Args:
        path: The library's file.

    Returns:
        ``path``, ``sdk`` (what it was built with, or ``None``), ``abi`` (major and minor),
        ``panic`` (``"unwind"``), and ``plugins``: for each ``name``, ``version``, ``type``,
        ``description``, ``requires``, ``config_schema`` where it has one, and ``actions``: for each
        ``name``, ``description``, ``exec``, and ``params`` and ``result`` where it has schemas.

    Raises:
        PluginLoadError: It is not a plugin library for this machine, or is damaged.
        PluginAbiError: It is built for another version of the plugin ABI.
    """

@final
class PluginRegistry:
    """Plugin classes by category (``"connection"`` or ``"action"``) and name.

    Iterating gives pairs of category and name, in the order they were registered; ``in`` takes such
    a pair, or a name. An unknown category is a :class:`PluginConfigError` (a ``ValueError``).
    """

    def __new__(cls) -> Self: ...
    def register(
        self, category: str, name: str, plugin_cls: type[_Plugin], *, replace: bool = False
    ) -> None:
        """Add a class under a name, which need not be the class's own.

        Args:
            category: ``"connection"`` or ``"action"``.
            name: The name to register it under.
            plugin_cls: A concrete subclass of that category's base class, or of ``PluginBase``.
            replace: Put it in the place of another class of that name.

        Raises:
            PluginConfigError: The class does not fit the category or is abstract, or the name is
                taken (both origins are named). Nothing has changed then.
        """

    def get_plugin(self, category: str, name: str) -> type[_Plugin]:
        """Return a class.

        Raises:
            PluginNotFoundError: There is none of that name; the hint offers the nearest.
        """

    @overload
    def list_plugins(self, category: None = None) -> dict[str, dict[str, type[_Plugin]]]: ...
    @overload
    def list_plugins(self, category: str) -> dict[str, type[_Plugin]]:
        """Return names and classes of one category, or of each that has any; a copy."""

    def unregister(self, category: str, name: str) -> None:
        """Take a class away; its instances live on.

        Raises:
            PluginNotFoundError: There is none of that name.
        """

    @property
    def _plugins(self) -> dict[str, dict[str, type[_Plugin]]]: ...
    @property
    def _categories(self) -> set[str]: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[tuple[str, str]]: ...

@final
class PluginFactory:
    """Creates plugins from their configuration, without a manager."""

    @classmethod
    def create(
        cls,
        plugin_type: str,
        config: Mapping[str, Any],
        *,
        registry: PluginRegistry | None = None,
    ) -> _Plugin:
        """Create the plugin that ``config`` names; it is not initialized yet.

        Args:
            plugin_type: The category, ``"connection"`` or ``"action"``.
            config: ``{"name": …, "config": {"enabled": …, "options": {…}}}``, the manifest's shape.
            registry: Where to look the class up; by default ``zerepy_plugins.default_registry``.

        Raises:
            PluginConfigError: The document has mistakes (all are listed), or does not fit the
            plugin. PluginNotFoundError: The registry has no such plugin.
            PluginExecutionError: The class could not be instantiated.
        """

@final
class EventBus:
    """Publishes events to whoever subscribed."""

    def __new__(cls) -> Self: ...
    def subscribe(self, pattern: str, handler: Callable[[Any], Any]) -> Undo:
        """Have ``handler`` called with every event that matches.

        Args:
            pattern: An event's name, ``"prefix.*"`` or ``"*"``.
            handler: A function of one event; may be ``async``.

        Returns:
            A function that ends the subscription.

        Raises:
            PluginConfigError: The pattern is none.
            TypeError: The handler is not callable.
        """

    def unsubscribe(self, pattern: str, handler: Callable[[Any], Any]) -> bool:
        """End the subscriptions of ``handler`` to that very pattern; say whether there were any."""

    def clear_subscribers(self, pattern: str | None = None) -> None:
        """End all subscriptions, or those to that very pattern."""

    def publish(self, event: Event) -> Published:
        """Deliver an event, in the order of the subscriptions.

        Synchronous handlers have run when this returns. Coroutines of ``async`` handlers run as
        tasks of the running event loop, else on a background loop; awaiting the result waits for
        them, and it need not be awaited. What a handler raises is logged and does not stop the
        others.

        Args:
            event: An :class:`Event`, or any object with a ``name``.
        """

@final
class Published:
    """What ``publish`` returns: awaiting it waits for the ``async`` handlers."""

    def __await__(self) -> Generator[Any]: ...

@final
class Undo:
    """What a registration returns: calling it takes the registration back, once."""

    def __call__(self, /, *args: Any, **kwargs: Any) -> None: ...

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

    def plugins(self) -> list[str]:
        """Return the names of the plugins that have numbers."""

    def check_health(self, plugin: _Plugin | str) -> bool:
        """Ask the plugin's ``health()``.

        A plugin without that method is well. One that raises, or is not running when it is asked
        for by name, is not.

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
        """

@final
class UsageTimer:
    """One use of a plugin, counted; as a context manager it is timed."""

    def __enter__(self) -> Self: ...
    def __exit__(self, _class: Any, error: BaseException | None, _traceback: Any) -> bool: ...

@final
class PluginManager:
    """Finds, starts, calls and stops the plugins of one application.

    Use it as a context manager: ``with PluginManager("plugins") as manager`` (or ``async with``)
    loads and starts everything, and stops everything in reverse at the end; if the block ends by an
    exception, that one passes and errors of cleaning up are only logged. It is also a collection
    of the running plugins: ``manager["name"]``, ``in``, ``len`` and iteration. A name that no
    plugin has is a :class:`PluginNotFoundError`, whose hint offers the nearest.

    Args:
        plugin_dirs: One directory or several; by default ``./plugins`` and ``~/.zerepy/plugins``.
        config: The user's configuration: a path of a JSON or TOML file, or the document itself, a
            list of ``{"name": …, "config": {…}}`` or a table by name. The names ``"*"``,
            ``"connection.*"`` and ``"action.*"`` stand for many plugins.
        registry: Where classes are registered; by default a new registry.
        entry_points: Whether to take in plugins that installed packages offer in the entry point
            group ``zerepy.plugins``.
        hooks: Objects with methods of :class:`PluginHooks` that see every plugin.
        events: The event bus; by default a new one.
        monitor: The monitor; by default a new one.

    Raises:
        PluginConfigError: The configuration has mistakes; all are listed, with their paths.
    """

    def __new__(
        cls,
        plugin_dirs: str | PathLike[str] | Iterable[str | PathLike[str]] | None = None,
        config: str | PathLike[str] | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        *,
        registry: PluginRegistry | None = None,
        entry_points: bool = True,
        hooks: Iterable[object] | None = None,
        events: EventBus | None = None,
        monitor: PluginMonitor | None = None,
    ) -> Self: ...
    @property
    def registry(self) -> PluginRegistry:
        """Where the classes stand."""

    @property
    def events(self) -> EventBus:
        """Where lifecycle and calls are published.

        As ``plugin.<state>``, ``<connection>.<action>.start`` (``.success``, ``.failure``) and
        ``action.<name>.start`` (likewise).
        """

    @property
    def monitor(self) -> PluginMonitor:
        """Where calls are counted."""

    @property
    def plugins(self) -> dict[str, _Plugin]:
        """The running plugins by name, in the order they started; a copy."""

    @property
    def failures(self) -> list[PluginFailure]:
        """What is broken now: not taken in, or taken in and failed or skipped."""

    def add_hooks(self, hooks: object) -> Undo:
        """Let an object with methods of :class:`PluginHooks` see every plugin from now on."""

    def load_plugins(self) -> list[str]:
        """Find plugins and register them; start none. Return the names of those that are new.

        What is broken is recorded in :attr:`failures` and stops nothing else. Calling it again
        takes in what is new, and tries again what was broken.
        """

    def start_plugins(self, name: str | None = None) -> list[str]:
        """Start all plugins, or one and what it needs; return the names started, in order.

        The whole dependency graph is checked first. Without a name, failures are recorded and the
        other plugins go on.

        Raises:
            PluginError: With a name, whatever kept that plugin from starting.
            PluginStateError: A plugin or hook called this while plugins are started or stopped.
        """

    def stop_plugins(self, name: str | None = None, *, force: bool = False) -> list[str]:
        """Stop all plugins, or one and what depends on it; return the names stopped, in order.

        The order is the exact reverse of starting. New calls are refused; running ones are waited
        for, 5 seconds at most. Everything is cleaned up, whatever fails. A plugin that failed to
        clean up is ``failed`` and can be stopped again.

        Args:
            name: The plugin to stop.
            force: Let go of plugins that fail to clean up; their errors are only logged.

        Raises:
            PluginCleanupError: Cleaning up failed; the cause of several errors is a group.
        """

    def load_plugins_async(self) -> Awaitable[list[str]]:
        """Like :meth:`load_plugins`, on a worker thread."""

    def start_plugins_async(self, name: str | None = None) -> Awaitable[list[str]]:
        """Like :meth:`start_plugins`, on a worker thread; ``async`` methods run on this loop."""

    def stop_plugins_async(
        self, name: str | None = None, *, force: bool = False
    ) -> Awaitable[list[str]]:
        """Like :meth:`stop_plugins`, on a worker thread; ``async`` methods run on this loop."""

    def enable(self, name: str) -> None:
        """Switch a disabled plugin on, so that it can be started.

        Raises:
            PluginConfigError: Its configuration is invalid; it stays disabled.
        """

    def disable(self, name: str) -> None:
        """Switch a plugin off: stop it, and start it no more.

        Raises:
            PluginCleanupError: It could not be stopped; it is not switched off then.
        """

    def perform_action(self, plugin: str, action: str, params: Any = None) -> Any:
        """Call an action of a connection and wait for the result.

        A Python plugin gets ``params`` itself, a Rust plugin its values. Rust code marked as
        blocking runs with the interpreter released, and Ctrl-C interrupts the wait.

        Args:
            plugin: The plugin's name.
            action: The action's name.
            params: Usually a ``dict``; left out, an empty one.

        Raises:
            PluginNotFoundError: There is no such plugin or action; the hint offers the nearest.
            PluginStateError: It is not running, or ``async`` while a loop runs on this thread.
            InvalidParamsError: The parameters do not fit; the message names each by its path.
            PluginPanicError: Rust code panicked.
            PluginExecutionError: The plugin raised; its exception is the cause.
        """

    def perform_action_async(self, plugin: str, action: str, params: Any = None) -> CallCoroutine:
        """Like :meth:`perform_action`, awaitable; the call begins when it is awaited.

        ``async`` methods run on this loop, other Python methods on a worker thread. Of Rust
        actions, inline ones run in place, blocking ones on the pool, and async ones on their
        library's own runtime; cancelling the task drops the future of an async one, and leaves a
        blocking one to end by itself.
        """

    def execute(self, plugin: str, params: Any = None) -> CallCoroutine:
        """Validate the parameters and execute an action plugin; awaitable, and begun when awaited.

        Raises (when awaited):
            The same as :meth:`perform_action`; problems that ``validate_params`` lists are an
            :class:`InvalidParamsError`.
        """

    def execute_sync(self, plugin: str, params: Any = None) -> Any:
        """Like :meth:`execute`, waiting for the result."""

    def status(self) -> list[PluginStatus]:
        """Return every plugin's state, in the order they were taken in."""

    def check_dependencies(self) -> list[PluginFailure]:
        """Return what a start would find wrong with dependencies; start and change nothing.

        A failure for each plugin that needs one which is missing, disabled, of another version, or
        which needs it in turn (the cycle is printed as a path), and for each that needs such a one.
        """

    def describe(self, name: str) -> dict[str, Any]:
        """Return what is known of a plugin; secrets in its configuration are ``***``.

        Returns:
            ``name``, ``version``, ``category``, ``kind``, ``origin``, ``state``, ``description``,
            ``requires``, ``config_schema``, ``actions`` (by name: ``description``, ``exec``,
            ``params``, ``result``) and ``config`` (``None`` if it is invalid).
        """

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: Any) -> bool: ...
    def __aenter__(self) -> Awaitable[Self]: ...
    def __aexit__(self, *exception: Any) -> Awaitable[bool]: ...
    def __getitem__(self, name: str, /) -> _Plugin: ...
    def __contains__(self, name: str, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...

@final
class PluginFinder:
    """Finds running plugins by name, without keeping their manager alive."""

    def __call__(self, name: str) -> _Plugin: ...

@final
class CallCoroutine:
    """A call that begins when it is awaited; a coroutine, so that tasks can be made of it."""

    def __await__(self) -> Self: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any) -> Any: ...
    def throw(self, *arguments: Any) -> Any: ...
    def close(self) -> None: ...

@final
class Mailbox:
    """The results for one event loop, from worker threads that never touch Python."""

    def __new__(cls) -> Self: ...
    def fileno(self) -> int:
        """Return the file descriptor that the loop listens to."""

    def deliver_all(self) -> None:
        """Hand over all results that have come in."""

@final
class NativeClass:
    """One plugin of a loaded library."""

    @property
    def info(self) -> dict[str, Any]:
        """What the descriptor says; actions are by name."""

    def create(self) -> NativeInstance: ...

@final
class NativeInstance:
    """An instance of a native plugin."""

    def initialize(self, config: Any) -> None: ...
    def cleanup(self) -> None: ...
    def health(self) -> bool: ...
    def is_configured(self) -> bool: ...
    def configure(self) -> bool: ...
    def call(self, action: str, params: Any = None) -> Any: ...
    def call_async(self, action: str, params: Any = None) -> CallCoroutine: ...
    def validate(self, action: str, params: Any = None) -> list[str]: ...
