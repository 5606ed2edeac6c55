"""ZerePy's ``src.resources.pool``: instances of one type, kept for reuse."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import logging
import time
from dataclasses import dataclass
from typing import Any

from zerepy_plugins.compat.events.bus import event_bus
from zerepy_plugins.records import Event

__all__ = ["PoolConfig", "PoolStats", "ResourcePool"]

logger = logging.getLogger(__name__)


@dataclass
class PoolConfig:
    """How many instances a pool keeps. Times are in seconds."""

    min_size: int = 1
    max_size: int = 10
    max_idle: float = 300
    """How long an instance beyond ``min_size`` may be idle."""
    cleanup_interval: float = 60
    """How often idle instances are looked at, at least."""


@dataclass
class PoolStats:
    """What a pool holds now."""

    total: int = 0
    active: int = 0
    idle: int = 0
    errors: int = 0
    """How many instances could not be made for ``acquire``, or cleaned up."""


class ResourcePool:
    """Hands out instances by their ids, and makes them as they are needed.

    To be used on one event loop.

    Args:
        resource_type: Called without arguments; ``initialize`` and ``cleanup`` of what it returns,
            plain or ``async``, are called if they are there.
        config: Its size and times.
    """

    def __init__(self, resource_type: Any, config: PoolConfig | None = None) -> None:
        self._type = resource_type
        self._config = config or PoolConfig()
        self._resources: dict[str, Any] = {}
        self._idle_since: dict[str, float] = {}  # those not handed out, longest idle first
        self._making = 0
        self._errors = 0
        self._numbers = itertools.count()
        self._cleaner: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make ``min_size`` instances; one that fails is logged, and made when it is needed."""
        for _ in range(self._config.min_size - len(self._resources)):
            try:
                self._put_back(await self._make())
            except Exception:
                logger.exception("%s could not be made in advance", self._type.__name__)
                break
        if self._cleaner is None:
            self._cleaner = asyncio.get_running_loop().create_task(self._clean())

    async def stop(self) -> None:
        """Clean up all instances, those in use, too."""
        cleaner, self._cleaner = self._cleaner, None
        if cleaner is not None:
            cleaner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await cleaner
        for resource_id in list(self._resources):
            await self._remove(resource_id)

    async def acquire(self) -> str:
        """Hand out an idle instance, else a new one; return its id, for :meth:`get`.

        Raises:
            RuntimeError: All ``max_size`` instances are in use.
        """
        if self._idle_since:
            resource_id, _ = self._idle_since.popitem()
            return resource_id
        if len(self._resources) + self._making >= self._config.max_size:
            raise RuntimeError("Resource pool exhausted")
        try:
            return await self._make()
        except Exception:
            self._errors += 1
            raise

    async def release(self, resource_id: str) -> None:
        """Take an instance back; an id that is not in use is ignored."""
        if resource_id in self._resources and resource_id not in self._idle_since:
            self._put_back(resource_id)

    def get(self, resource_id: str) -> Any:
        """Return the instance of an id, or ``None``."""
        return self._resources.get(resource_id)

    @property
    def stats(self) -> PoolStats:
        """What the pool holds now."""
        total, idle = len(self._resources), len(self._idle_since)
        return PoolStats(total, total - idle, idle, self._errors)

    def _put_back(self, resource_id: str) -> None:
        self._idle_since[resource_id] = time.monotonic()

    async def _make(self) -> str:
        self._making += 1
        try:
            resource = self._type()
            await _call(resource, "initialize")
        finally:
            self._making -= 1
        resource_id = f"{self._type.__name__}_{next(self._numbers)}"
        self._resources[resource_id] = resource
        await self._publish("resource.created", resource_id)
        return resource_id

    async def _remove(self, resource_id: str) -> None:
        resource = self._resources.pop(resource_id)
        self._idle_since.pop(resource_id, None)
        try:
            await _call(resource, "cleanup")
        except Exception:
            self._errors += 1
            logger.exception("%s could not be cleaned up", resource_id)
        await self._publish("resource.removed", resource_id)

    async def _clean(self) -> None:
        while True:
            await asyncio.sleep(self._next_look())
            for resource_id, since in list(self._idle_since.items()):
                expired = time.monotonic() - since >= self._config.max_idle
                if expired and len(self._resources) > self._config.min_size:
                    await self._remove(resource_id)

    def _next_look(self) -> float:
        """Return the seconds until the interval is over or an instance has been idle enough."""
        longest = next(iter(self._idle_since.values()), None)
        if longest is None or len(self._resources) <= self._config.min_size:
            return self._config.cleanup_interval
        left = longest + self._config.max_idle - time.monotonic()
        return min(self._config.cleanup_interval, max(left, 0.001))

    async def _publish(self, name: str, resource_id: str) -> None:
        data = {"resource_id": resource_id, "type": self._type.__name__}
        await event_bus.publish(Event(name, data, "resource_pool"))


async def _call(resource: Any, method: str) -> None:
    step = getattr(resource, method, None)
    result: Any = step() if step else None
    if inspect.isawaitable(result):
        await result
