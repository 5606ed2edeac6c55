"""ZerePy's ``src.resources.cleanup``: functions that leave nothing behind."""

from __future__ import annotations

import functools
import inspect
import logging
from typing import TYPE_CHECKING, Any

from zerepy_plugins.compat.events.bus import event_bus
from zerepy_plugins.compat.resources.manager import resource_manager
from zerepy_plugins.records import Event

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["cleanup_on_error", "with_cleanup"]

logger = logging.getLogger(__name__)


def with_cleanup(category: str, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Have a resource cleaned up after each call of a function, plain or ``async``."""

    def decorate(func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            try:
                return await func(*args, **kwargs)
            finally:
                try:
                    await resource_manager.cleanup(category, name)
                except Exception:
                    logger.exception("Error during cleanup")

        @functools.wraps(func)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return func(*args, **kwargs)
            finally:
                try:
                    resource_manager.cleanup(category, name)
                except Exception:
                    logger.exception("Error during cleanup")

        return call_async if inspect.iscoroutinefunction(func) else call

    return decorate


def cleanup_on_error(func: Callable[..., Any]) -> Callable[..., Any]:
    """Clean up all resources if a function, plain or ``async``, raises; the error passes on."""

    @functools.wraps(func)
    async def call_async(*args: Any, **kwargs: Any) -> Any:
        try:
            return await func(*args, **kwargs)
        except Exception as error:
            await _after(error)
            raise

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return func(*args, **kwargs)
        except Exception as error:
            _after(error)
            raise

    return call_async if inspect.iscoroutinefunction(func) else call


def _after(error: Exception) -> Any:
    event_bus.publish(Event("resource.error", {"error": str(error)}, "cleanup_utilities"))
    return resource_manager.cleanup()
