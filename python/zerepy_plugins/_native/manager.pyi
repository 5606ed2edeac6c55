"""The manager: discovery, lifecycle and calls of the plugins of one application."""

from collections.abc import Awaitable, Coroutine, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Self, final

from zerepy_plugins._native.calls import CallCoroutine, CallStream
from zerepy_plugins._native.events import EventBus, Undo
from zerepy_plugins._native.monitor import PluginMonitor
from zerepy_plugins._native.registry import PluginRegistry
from zerepy_plugins.base import PluginBase as _Plugin
from zerepy_plugins.records import PluginFailure, PluginStatus

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
            list of ``{"name": …, "config": {…}}`` or a table by name. An entry with a ``type`` such
            as ``"mcp"`` makes a plugin of that type. The names ``"*"``,
            ``"connection.*"`` and ``"action.*"`` stand for many plugins.
        registry: Where classes are registered; by default a new registry.
        entry_points: Whether to take in plugins that installed packages offer in the entry point
            group ``zerepy.plugins``.
        trusted_libraries: The shared libraries that may be loaded, as digests (``"sha256:…"``, as
            ``zpl inspect`` prints them) and directories that hold them; by default all. Another one
            is a :class:`PluginTrustError` in ``failures``. In any case one that other users can
            write to, or whose directory they can write to, is refused.
        hooks: Objects with methods of :class:`PluginHooks` that see every plugin.
        events: The event bus; by default a new one.
        monitor: The monitor; by default a new one.
        max_payload: How many bytes the parameters or the result of one call of a native plugin may
            take, 256 MiB by default; ``None`` is no limit. Counted are 16 for each value, and those
            of texts, bytes and arrays.
        initialize_timeout: Limit of each ``initialize`` together with ``load_state``, and of each
            ``reconfigure``, in seconds; ``None`` for no limit.
        cleanup_timeout: Limit of each ``cleanup``, and of each ``save_state``.
        action_timeout: Limit of each action, with the check of its parameters.
        stop_timeout: Limit of stopping, all plugins together.
        handle_signals: Whether SIGTERM ends a ``with`` or ``async with`` block on the main thread,
            so that everything is stopped before the process ends with exit code 143. Where
            somebody handles SIGTERM already, it is left alone.
        health_interval: Seconds between two questions to each running plugin how it is, as
            :meth:`PluginMonitor.check_health` asks, in the background; ``None`` for none. One that
            is not well is restarted: a new instance takes over as in :meth:`reload` (calls of the
            old one are waited for 5 seconds at most), at once the first time, then after 1 second,
            doubled each time up to 10 minutes, until it is well again.
        max_restarts: After so many restarts without a good answer in between, the plugin is stopped
            and ``failed``, and what depends on it is stopped and ``skipped``. A restart that does
            not succeed leaves the old instance running, and counts. Starting or reloading the
            plugin begins anew.

    ``timeout`` under ``options`` in a plugin's configuration stands in for the first three limits.
    A step or an action that has used half its limit, or 10 seconds, is told of as slow, once: in
    the log, and as event ``plugin.slow`` with ``plugin``, ``step`` (``"initialize"``,
    ``"cleanup"``, ``"action"``, …), for actions ``action``, and ``limit``.

    With a limit, Python's ``initialize``, ``cleanup`` and actions run on worker threads, with the
    caller's context variables, and plugins that do not need each other are initialized side by
    side. What is bound to its thread, such as an ``sqlite3`` connection, wants
    ``bound_to_thread = True`` in its plugin's class, or ``initialize_timeout=None`` and
    ``cleanup_timeout=None`` here: these two then run on the calling thread, one after another.
    ``async`` methods run on an event loop in either case; constructors, hooks and event handlers on
    the thread that starts and stops.

    At its limit, an ``async`` method (or Rust action) is cancelled. Other work cannot be stopped:
    it goes on, is counted (``still_running``), and what comes of it is dropped. A plugin with 4
    such calls, or with one that goes on for twice its limit longer (5 seconds at least), is wedged
    (event ``plugin.wedged``): it is not healthy and takes no calls until all of them have ended.
    Inline Rust actions run to their end; one over its limit is only warned of.

    Raises:
        PluginConfigError: The configuration has mistakes; all are listed, with their paths.
        ValueError: A limit is not more than 0.
    """

    def __new__(
        cls,
        plugin_dirs: str | PathLike[str] | Iterable[str | PathLike[str]] | None = None,
        config: str | PathLike[str] | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        *,
        registry: PluginRegistry | None = None,
        entry_points: bool = True,
        trusted_libraries: Iterable[str | PathLike[str]] | None = None,
        hooks: Iterable[object] | None = None,
        events: EventBus | None = None,
        monitor: PluginMonitor | None = None,
        state_dir: str | PathLike[str] | None = None,
        max_payload: int | None = 268435456,
        initialize_timeout: float | None = 60.0,
        cleanup_timeout: float | None = 10.0,
        action_timeout: float | None = None,
        stop_timeout: float | None = 30.0,
        handle_signals: bool = True,
        health_interval: float | None = None,
        max_restarts: int = 5,
    ) -> Self: ...
    @property
    def registry(self) -> PluginRegistry:
        """Where the classes stand."""

    @property
    def events(self) -> EventBus:
        """Where lifecycle and calls are published.

        As ``plugin.<state>``, ``plugin.slow``, ``plugin.wedged``, ``plugin.recovered``,
        ``plugin.unhealthy``, ``plugin.healthy``, ``plugin.restarted`` (each with ``reason``),
        ``<connection>.<action>.start`` (``.success``, ``.failure``) and
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
        """What is broken now: not taken in, or taken in and failed, skipped or retrying."""

    def add_hooks(
        self,
        hooks: object,
        *,
        priority: int | None = None,
        on_error: Literal["raise", "collect", "log"] = "raise",
    ) -> Undo:
        """Let an object with methods of :class:`PluginHooks` see every plugin from now on.

        Args:
            hooks: The object; of its methods, those with the names of hooks are called.
            priority: Hooks of higher priority stand further outside, that is, run earlier before a
                step and later after it; among equals those added first. By default the object's
                attribute ``priority``, or 0.
            on_error: What becomes of what they raise. ``"raise"``: in ``pre_initialize`` and
                ``pre_action`` it keeps the step from happening, elsewhere it is reported at the
                step's end, with all other errors as one. ``"collect"``: it is always reported at
                the end, and the step happens. ``"log"``: it is a warning in the log, and nothing
                else. A :class:`PluginVetoError` keeps the step from happening in each case, and
                Ctrl-C always passes.

        Returns:
            A function that takes them away.

        Raises:
            PluginConfigError: A hook asks for an argument that it is not given, or there is none.
        """

    def load_plugins(self) -> list[str]:
        """Find plugins and register them; start none. Return the names of those that are new.

        What is broken is recorded in :attr:`failures` and stops nothing else. Calling it again
        takes in what is new, and tries again what was broken.
        """

    def start_plugins(self, name: str | None = None) -> list[str]:
        """Start all plugins, or one and what it needs; return the names started, in order.

        A manager that has not loaded its plugins yet does so first, as :meth:`load_plugins` does.
        The whole dependency graph is checked before anything is initialized. Without a name,
        failures are recorded and the other plugins go on. A plugin that raises
        :class:`PluginNotReady` is ``retrying``: it is tried again in the background, after
        ``retry_after`` seconds or after 1 second, doubled each time up to 10 minutes, until it
        runs, fails otherwise, or is stopped; then what needs it and was to be started is started
        too.

        Raises:
            PluginError: With a name, whatever kept that plugin from starting.
            PluginStateError: A plugin or hook called this while plugins are started or stopped.
        """

    def stop_plugins(self, name: str | None = None, *, force: bool = False) -> list[str]:
        """Stop all plugins, or one and what depends on it; return the names stopped, in order.

        The order is the exact reverse of starting. New calls are refused; running ones are waited
        for, 5 seconds at most; then streams of Rust plugins are closed. Everything is cleaned up,
        whatever fails. A plugin that failed to clean up is ``failed`` and can be stopped again.
        Ctrl-C ends the wait for running calls and is raised in the end; a second one ends all
        waiting.

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
            PluginStateError: As for :meth:`disable`.
        """

    def disable(self, name: str) -> None:
        """Switch a plugin off: stop it, and start it no more.

        Like starting and stopping, it waits until no other thread changes plugins.

        Raises:
            PluginCleanupError: It could not be stopped; it is not switched off then.
            PluginStateError: A plugin, hook or event handler called this while plugins are started
                or stopped.
        """

    def reload(self, name: str) -> None:
        """Replace a plugin by what its source is now, without a gap for its callers.

        The new one is imported, checked and initialized first, and gets what ``save_state`` of the
        old one returns. Then it takes over: new calls go to it, calls in flight end on the old one
        (waited for 60 seconds at most), which is cleaned up. For a moment both run. Only modules of
        that plugin are imported anew; a library is loaded from a fresh copy. A plugin that had
        failed is started; one that is stopped or disabled stays so. Ctrl-C ends the wait for calls
        in flight: the new one has taken over then, and the old one is cleaned up in the background
        when they end, or when the plugin is stopped.

        Raises:
            PluginError: Whatever keeps the new one from taking over. The old one runs on as if
                nothing had happened, and the failure is its ``status().failure``.
        """

    def reload_async(self, name: str) -> Awaitable[None]:
        """Like :meth:`reload`, on a worker thread; ``async`` methods run on this loop."""

    def update_config(self, name: str, config: Mapping[str, Any]) -> list[str]:
        """Change a plugin's configuration; return the paths of what is different then.

        A running plugin takes it over by its ``reconfigure(config)``, called once; one that has no
        such method is replaced by an instance that was started with it, as in :meth:`reload`.
        Nobody is told if everything has its value already. A variable of the environment is
        stronger still.

        Args:
            name: The plugin's name.
            config: Laid over what is configured for the plugin alone: ``{"options": {"depth": 3}}``
                leaves other options as they are; ``{"enabled": False}`` stops and disables it.

        Raises:
            PluginConfigError: It does not fit; the message names every problem by its path.
            PluginError: What kept the plugin from taking it over. The old one stays in force.
        """

    def update_config_async(self, name: str, config: Mapping[str, Any]) -> Awaitable[list[str]]:
        """Like :meth:`update_config`, on a worker thread; ``async`` methods run on this loop."""

    def add_config(
        self, config: str | PathLike[str] | Mapping[str, Any] | Sequence[Mapping[str, Any]]
    ) -> None:
        """Add to the configuration what it does not say yet.

        It stays beneath what the manager was given, also after :meth:`reload_config`, and takes the
        place of what was added for the same names before. Plugins that are there take it over as
        by :meth:`update_config`; an entry whose ``type`` makes a plugin, such as ``"mcp"``, is made
        by the next :meth:`load_plugins`.

        Args:
            config: As for the constructor: a path of a JSON or TOML file, or the document.

        Raises:
            PluginConfigError: It is no such document, or does not fit a plugin that is there;
                nothing is added then.
        """

    def reload_config(self) -> dict[str, list[str]]:
        """Read the configuration file again; return the paths of what is different, by plugin.

        What :meth:`update_config` changed gives way to the file.

        Raises:
            PluginStateError: The manager was not given a file.
            PluginConfigError: The file is wrong, and nothing is changed; or some plugins do not
                take their configuration over, and go on with what they have.
        """

    def reload_config_async(self) -> Awaitable[dict[str, list[str]]]:
        """Like :meth:`reload_config`, on a worker thread; ``async`` methods run on this loop."""

    def save_state(self, name: str | None = None) -> list[str]:
        """Save the state of all running plugins, or of one; return the names of those with one.

        It is also saved when a plugin is stopped, and taken up by ``load_state`` when it starts.
        Each plugin has a file ``<state_dir>/<name>.json``, replaced as a whole, so that a crash in
        the middle leaves the one before.
        """

    def save_state_async(self, name: str | None = None) -> Awaitable[list[str]]:
        """Like :meth:`save_state`, on a worker thread; ``async`` methods run on this loop."""

    def perform_action(
        self, plugin: str, action: str, params: Any = None, *, timeout: float | None = None
    ) -> Any:
        """Call an action of a connection and wait for the result.

        A Python plugin gets ``params`` itself, a Rust plugin its values. Rust code marked as
        blocking runs with the interpreter released, and Ctrl-C interrupts the wait.

        Args:
            plugin: The plugin's name.
            action: The action's name.
            params: Usually a ``dict``; left out, an empty one.
            timeout: Limit in seconds, instead of the plugin's or the manager's; ``math.inf`` for
                no limit.

        Raises:
            PluginNotFoundError: There is no such plugin or action; the hint offers the nearest.
            PluginStateError: It is not running, it is wedged, it is ``async`` while a loop runs on
                this thread, or it yields items: see :meth:`perform_action_stream`.
            InvalidParamsError: The parameters do not fit; the message names each by its path.
            PluginTimeoutError: The limit was reached; the message says whether it still runs.
            PluginPanicError: Rust code panicked.
            PluginExecutionError: The plugin raised; its exception is the cause.
        """

    def perform_action_async(
        self, plugin: str, action: str, params: Any = None, *, timeout: float | None = None
    ) -> CallCoroutine:
        """Like :meth:`perform_action`, awaitable; the call begins when it is awaited.

        ``async`` methods run on this loop, other Python methods on a worker thread. Of Rust
        actions, inline ones run in place, blocking ones on the pool, and async ones on their
        library's own runtime; cancelling the task drops the future of an async one, and leaves a
        blocking one to end by itself.
        """

    def execute(
        self, plugin: str, params: Any = None, *, timeout: float | None = None
    ) -> CallCoroutine:
        """Validate the parameters and execute an action plugin; awaitable, and begun when awaited.

        Raises (when awaited):
            The same as :meth:`perform_action`; problems that ``validate_params`` lists are an
            :class:`InvalidParamsError`.
        """

    def execute_sync(self, plugin: str, params: Any = None, *, timeout: float | None = None) -> Any:
        """Like :meth:`execute`, waiting for the result."""

    def perform_action_stream(
        self, plugin: str, action: str, params: Any = None, *, timeout: float | None = None
    ) -> CallStream:
        """Call an action of a connection that yields items: an async iterator.

        Items are produced as they are asked for: by a Rust plugin at most one ahead, by a Python
        plugin none. A Python plugin's ``perform_action`` is a generator function, async or not, or
        returns an iterator; what is not async runs on worker threads, one item at a time. From the
        first item to the end it is one call to the monitor and in events. Stopping the plugin waits
        for it like for other calls, then closes what Rust still produces.

        A limit, ``timeout`` or that of actions, is of the wait for each next item: it starts anew
        with each, and the consumer's own time is not charged. That of the first one includes the
        beginning of the action. An item that is late ends the stream. Under a limit, each item of a
        Python plugin is made in a task of its own; all of them share one context.

        From synchronous code, iterate in a coroutine that ``asyncio.run`` runs.

        Raises (when iterated over):
            The same as :meth:`perform_action`; an exception ends the stream. PluginStateError: The
            action yields no items, or the item before is still being awaited. PluginTimeoutError:
            An item did not come within the limit.
        """

    def execute_stream(
        self, plugin: str, params: Any = None, *, timeout: float | None = None
    ) -> CallStream:
        """Execute an action plugin that yields items: an async iterator.

        The parameters are validated as :meth:`execute` does, before the first item; otherwise it is
        like :meth:`perform_action_stream`.
        """

    def tools(
        self,
        format: str = "openai",  # noqa: A002 - the word of the public interface
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
    ) -> list[dict[str, Any]]:
        """Return the running plugins' actions as a tool list, in a model provider's dialect.

        Each action is one tool, ``plugin__action`` (that of an action plugin ``plugin__execute``):
        at most 64 of ``[a-zA-Z0-9_-]``, the same in every run.

        Args:
            format: ``"openai"``, ``"openai-strict"``, ``"anthropic"``, ``"gemini"`` (function
                declarations) or ``"mcp"``.
            include: Names of plugins, or patterns of ``plugin.action`` with ``*``: only these.
            exclude: The same: all but these.

        Raises:
            PluginConfigError: There is no such format.
        """

    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | str | None = None,
        *,
        raise_errors: bool = False,
    ) -> Any:
        """Call a tool as a model asked for it, and return its result or a :class:`ToolError`.

        The arguments are checked against the action's schema. Only where they do not fit, texts
        are taken for the numbers, booleans, lists and objects that the schema asks for, and null
        for an optional argument that is left out. A :class:`zerepy_plugins.tools.ToolError` is a
        ``dict`` with ``code``, ``message``, ``path``, ``expected``, ``got``, ``hint`` and all
        ``problems``, for the model to try again.

        Args:
            name: As in :meth:`tools`.
            arguments: A ``dict``, or an object as JSON text.
            raise_errors: Raise instead of returning a ``ToolError``.

        Raises:
            PluginError: With ``raise_errors``: the same as :meth:`perform_action`.
        """

    def call_tool_async(
        self,
        name: str,
        arguments: Mapping[str, Any] | str | None = None,
        *,
        raise_errors: bool = False,
    ) -> Coroutine[Any, Any, Any]:
        """Like :meth:`call_tool`, awaitable; the call begins when it is awaited."""

    def status(self) -> list[PluginStatus]:
        """Return every plugin's state, in the order they were taken in."""

    def metrics_text(self) -> str:
        """Return all numbers as text for Prometheus, in its exposition format 0.0.4.

        Per plugin, as label ``plugin``: ``zerepy_plugin_up``, ``zerepy_plugin_state`` (1 for the
        state it is in), ``zerepy_plugin_calls_total``, ``zerepy_plugin_errors_total``,
        ``zerepy_plugin_timeouts_total``, ``zerepy_plugin_in_flight`` and the summary
        ``zerepy_plugin_latency_seconds`` (quantiles 0.5, 0.95, 0.99). Of the bus:
        ``zerepy_events_published_total``, ``…delivered…``, ``…failed…`` and ``…dropped…``.
        """

    def share_stats(self) -> None:
        """Let ``zpl top`` show this manager's numbers, until all its plugins are stopped.

        They are served by a thread, on a Unix socket of this process that only its user can reach:
        ``$XDG_RUNTIME_DIR/zerepy/<pid>.sock``, or in ``~/.zerepy/run``. It is removed at the stop
        of all plugins, and at the latest at the end of the process.

        Raises:
            OSError: The socket cannot be made.
        """

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
            ``params``, ``result``; of a running plugin also those that only it knows) and
            ``config`` (``None`` if it is invalid).
        """

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: Any) -> bool: ...
    def __aenter__(self) -> Awaitable[Self]: ...
    def __aexit__(self, *exception: Any) -> Awaitable[bool]: ...
    def __getitem__(self, name: str, /) -> _Plugin: ...
    def __contains__(self, name: str, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
