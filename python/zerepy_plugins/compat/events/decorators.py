"""ZerePy's ``src.events.decorators``: publish what a function does, subscribe a function."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from zerepy_plugins.compat.events.bus import event_bus
from zerepy_plugins.records import Event

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["publish_event", "subscribe_to"]


def publish_event(
    event_name: str, source: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Have calls of a function published as ``<event_name>.start``, ``.success`` and ``.failure``.

    An ``async`` function stays one, a plain one plain. The events' ``data`` are ``args`` and
    ``kwargs``, ``result``, or ``error`` (text).
    """

    def decorate(func: Callable[..., Any]) -> Callable[..., Any]:
        def start(args: Any, kwargs: Any) -> Any:
            data = {"args": args, "kwargs": kwargs}
            return event_bus.publish(Event(f"{event_name}.start", data, source))

        def success(result: Any) -> Any:
            return event_bus.publish(Event(f"{event_name}.success", {"result": result}, source))

        def failure(error: Exception) -> Any:
            return event_bus.publish(Event(f"{event_name}.failure", {"error": str(error)}, source))

        @functools.wraps(func)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            await start(args, kwargs)
            try:
                result = await func(*args, **kwargs)
            except Exception as error:
                await failure(error)
                raise
            await success(result)
            return result

        @functools.wraps(func)
        def call(*args: Any, **kwargs: Any) -> Any:
            start(args, kwargs)
            try:
                result = func(*args, **kwargs)
            except Exception as error:
                failure(error)
                raise
            success(result)
            return result

        return call_async if inspect.iscoroutinefunction(func) else call

    return decorate


def subscribe_to(event_name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Subscribe a function to a name, ``"prefix.*"`` or ``"*"``; it stays what it is."""

    def decorate(func: Callable[..., Any]) -> Callable[..., Any]:
        event_bus.subscribe(event_name, func)
        return func

    return decorate
