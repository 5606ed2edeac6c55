"""ZerePy's ``src.events.bus``: the host's own event bus, and one for the whole process."""

from zerepy_plugins import Event, EventBus

__all__ = ["Event", "EventBus", "event_bus"]

event_bus = EventBus()
"""What connections, actions and resources of a ZerePy project publish to."""
