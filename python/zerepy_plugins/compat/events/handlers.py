"""ZerePy's ``src.events.handlers``: handlers whose errors end with them."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

from zerepy_plugins.compat.events.bus import event_bus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from zerepy_plugins import Event

__all__ = ["EventHandler", "with_error_boundary"]

logger = logging.getLogger(__name__)


def with_error_boundary(handler: Callable[[Event], Any]) -> Callable[[Event], Any]:
    """Have what a handler, plain or ``async``, raises logged instead of passed on."""

    @functools.wraps(handler)
    def bounded(event: Event) -> Any:
        try:
            result = handler(event)
        except Exception:
            logger.exception("Error in event handler")
            return None
        return _bounded(result) if hasattr(result, "__await__") else result

    return bounded


async def _bounded(result: Awaitable[Any]) -> Any:
    try:
        return await result
    except Exception:
        logger.exception("Error in event handler")
        return None


class EventHandler:
    """A decorator that subscribes a function, plain or ``async``, within an error boundary."""

    def __init__(self, event_name: str) -> None:
        self.event_name = event_name

    def __call__(self, func: Callable[[Event], Any]) -> Callable[[Event], Any]:
        """Subscribe the function; return what is called in its place."""
        bounded = with_error_boundary(func)
        event_bus.subscribe(self.event_name, bounded)
        return bounded
