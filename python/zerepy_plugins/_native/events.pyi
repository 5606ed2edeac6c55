"""The event bus."""

from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from typing import Any, Self, final

from zerepy_plugins.records import Event

@final
class EventBus:
    """Publishes events to whoever subscribed.

    Args:
        max_pending: How many events may wait for one ``async`` handler.
    """

    def __new__(cls, *, max_pending: int = 1000) -> Self: ...
    def subscribe(self, pattern: str, handler: Callable[[Any], Any]) -> Undo:
        """Have ``handler`` called with every event that matches.

        Args:
            pattern: An event's name, ``"prefix.*"`` or ``"*"``.
            handler: A function of one event; may be ``async``. Its coroutines run one after the
                other, on the loop that runs where it is subscribed, in a plugin on the loop of
                whoever started it with an ``*_async`` method, else on a background loop.

        Returns:
            A function that ends the subscription.

        Raises:
            PluginConfigError: The pattern is none.
            PluginStateError: It is ``context.events`` of a plugin that was cleaned up.
            TypeError: The handler is not callable.
        """

    def unsubscribe(self, pattern: str, handler: Callable[[Any], Any]) -> bool:
        """End the subscriptions of ``handler`` to that very pattern; say whether there were any."""

    def clear_subscribers(self, pattern: str | None = None) -> None:
        """End all subscriptions, or those to that very pattern."""

    def _view_of(self, plugin: str) -> Self:
        """A view for one plugin: what it subscribes to there can be ended together."""

    def _release(self) -> list[str]:
        """End what a view's plugin still subscribes to, for good; return the patterns."""

    @property
    def _subscribers(self) -> dict[str, list[Callable[[Any], Any]]]: ...
    def publish(self, event: Event) -> Published:
        """Deliver an event, in the order of the subscriptions.

        Synchronous handlers have run when this returns. For ``async`` handlers it waits in a queue
        for each of them, and a slow one never holds up the publisher: when its queue is full, its
        oldest event is dropped, which is counted and, the first time, logged. Awaiting the result
        waits for the ``async`` handlers (within one of them not at all, for it would wait for
        itself); it need not be awaited. What a handler raises is logged and does not stop the
        others. Native plugins hear of it
        soon after, on a thread of the host's.

        Args:
            event: An :class:`Event`, or any object with a ``name``.
        """

    def drain(self) -> Published:
        """Return what waits for everything that is pending now.

        Await it, as what :meth:`publish` returns.
        """

    def stats(self) -> dict[str, int]:
        """Return how many events were published, delivered, dropped, failed, and are pending.

        Returns:
            ``published`` counts events; the others count pairs of an event and a handler:
            ``delivered``, ``failed`` (it raised), ``dropped`` (too many waited for an ``async``
            or native handler, or its loop ended) and ``pending`` (they wait). Lifecycle and call
            events that nobody could hear, for want of any subscription, are not made and not
            counted.
        """

@final
class Backlog:
    """What waits for a subscriber's event loop: bounded, the oldest is dropped."""

    def pop(self) -> tuple[Awaitable[Any], str, Future[None]] | None:
        """Take out the next: coroutine, event name, future; ``None`` ends the worker."""

    def count(self, failed: bool) -> None:
        """Count one that has run."""

    def abandon(self) -> None:
        """Drop all that waits: the worker was cancelled, or its loop is closed."""

@final
class Published:
    """What ``publish`` returns: awaiting it waits for the ``async`` handlers."""

    def __await__(self) -> Generator[Any]: ...

@final
class Undo:
    """What a registration returns: calling it takes the registration back, once."""

    def __call__(self, /, *args: Any, **kwargs: Any) -> None: ...
