"""Calls that are awaited or iterated over, those of plugins, and the handles of native plugins."""

from typing import Any, Self, final

from zerepy_plugins.base import PluginBase as _Plugin

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
class CallStream:
    """The items of a call, as an async iterator; the call begins with the first.

    One item is awaited at a time. A consumer that ends early should close it, as
    ``contextlib.aclosing`` does; one that is dropped, or whose task is cancelled while it waits for
    an item, closes it too. The call is accounted for from the first item to the end.
    """

    def __aiter__(self) -> Self: ...
    def __anext__(self) -> StreamStep: ...
    def aclose(self) -> StreamStep:
        """End it early; what still produces items is ended too."""

@final
class StreamStep:
    """One step of a stream: a coroutine that awaits an item, or the end."""

    def __await__(self) -> Self: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any) -> Any: ...
    def throw(self, *arguments: Any) -> Any: ...
    def close(self) -> None: ...

@final
class PluginFinder:
    """Finds running plugins by name, without keeping their manager alive."""

    def __call__(self, name: str) -> _Plugin: ...
    def call(
        self, plugin: str, action: str, params: Any = None, timeout: float | None = None
    ) -> Any:
        """Call an action of a plugin as the manager does, and wait for the result."""

    def call_async(
        self, plugin: str, action: str, params: Any = None, timeout: float | None = None
    ) -> CallCoroutine:
        """Like :meth:`call`, awaitable; the call begins when it is awaited."""

@final
class HookedCall:
    """An awaited call with hooks around it, for what drives it."""

    def advance(self) -> Any:
        """Go on to what has to be awaited or iterated next; ``None`` when all is done.

        Returns:
            Something awaitable, or the items of a stream as a :class:`CallStream`.
        """

    def take(self, value: Any) -> None:
        """Take in what was awaited."""

    def fail(self, error: BaseException) -> None:
        """Take in what awaiting it raised."""

    def finish(self) -> Any:
        """Return the result, or raise what failed."""

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

    @property
    def offers(self) -> list[str]:
        """The optional methods that it has."""

    def create(self) -> NativeInstance: ...

@final
class NativeInstance:
    """An instance of a native plugin."""

    def initialize(self, config: Any) -> None: ...
    def cleanup(self) -> None: ...
    def health(self) -> bool: ...
    def save_state(self) -> Any: ...
    def load_state(self, state: Any) -> None: ...
    def reconfigure(self, config: Any) -> None: ...
    def is_configured(self) -> bool: ...
    def configure(self) -> bool: ...
    def call(self, action: str, params: Any = None) -> Any: ...
    def call_async(self, action: str, params: Any = None) -> CallCoroutine | CallStream: ...
    def validate(self, action: str, params: Any = None) -> list[str]: ...
