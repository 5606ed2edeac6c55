"""ZerePy's ``src.events``."""

from zerepy_plugins.compat.events.bus import Event, EventBus, event_bus
from zerepy_plugins.compat.events.decorators import publish_event, subscribe_to
from zerepy_plugins.compat.events.handlers import EventHandler, with_error_boundary

__all__ = [
    "Event",
    "EventBus",
    "EventHandler",
    "event_bus",
    "publish_event",
    "subscribe_to",
    "with_error_boundary",
]
