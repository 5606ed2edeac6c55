"""ZerePy's ``src.resources.lifecycle``: one resource's beginning and end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zerepy_plugins.compat.events.bus import event_bus
from zerepy_plugins.compat.settling import Done, settle
from zerepy_plugins.records import Event

__all__ = ["ResourceLifecycle", "ResourceState"]


@dataclass
class ResourceState:
    """Where a resource is in its life."""

    initialized: bool = False
    active: bool = False
    error: str | None = None
    """What the last step raised."""


class ResourceLifecycle:
    """Initializes and cleans up a resource by its own methods, plain or ``async``, if it has them.

    Both act at once and return something that may be awaited.
    """

    def __init__(self, resource: Any) -> None:
        self.resource = resource
        self.state = ResourceState()

    def initialize(self) -> Done:
        """Call the resource's ``initialize``; what it raises passes through."""
        return self._step("initialize", "resource.initialized", active=True)

    def cleanup(self) -> Done:
        """Call the resource's ``cleanup``; what it raises passes through."""
        return self._step("cleanup", "resource.cleaned_up", active=False)

    def _step(self, method: str, event: str, *, active: bool) -> Done:
        step = getattr(self.resource, method, None)
        if step is None:
            self.state.active = active
            return Done()
        try:
            result = step()
        except Exception as error:
            self.state.error = str(error)
            raise
        if hasattr(result, "__await__"):
            return settle(self._rest(result, event, active), f"{method} of {self.resource!r}")
        self._succeeded(event, active)
        return Done()

    async def _rest(self, result: Any, event: str, active: bool) -> None:
        try:
            await result
        except Exception as error:
            self.state.error = str(error)
            raise
        self._succeeded(event, active)

    def _succeeded(self, event: str, active: bool) -> None:
        self.state.initialized = self.state.initialized or active
        self.state.active, self.state.error = active, None
        data = {"resource": str(self.resource)}
        event_bus.publish(Event(event, data, "resource_lifecycle"))
