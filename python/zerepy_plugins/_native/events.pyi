"""The event bus."""

from collections.abc import Callable, Generator
from typing import Any, Self, final

from zerepy_plugins.records import Event

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
        others. Native plugins hear of it soon after, on a thread of the host's.

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
