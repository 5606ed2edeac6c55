"""ZerePy's ``src.resources.manager``: resources by category and name, and pools by category."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from zerepy_plugins.compat.events.bus import event_bus
from zerepy_plugins.compat.resources.lifecycle import ResourceLifecycle
from zerepy_plugins.compat.resources.pool import PoolConfig, PoolStats, ResourcePool
from zerepy_plugins.compat.settling import Done, settle
from zerepy_plugins.errors import PluginCleanupError
from zerepy_plugins.records import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["ResourceManager", "resource_manager"]

logger = logging.getLogger(__name__)


class ResourceManager:
    """Knows resources and cleans them up. Pools are to be used on one event loop."""

    def __init__(self) -> None:
        self._resources: dict[str, dict[str, ResourceLifecycle]] = {}
        self._pools: dict[str, ResourcePool] = {}

    async def start(self) -> None:
        """Start all pools."""
        for pool in list(self._pools.values()):
            await pool.start()

    async def stop(self) -> None:
        """Stop all pools and clean up all resources."""
        await self.cleanup()

    def register(self, category: str, name: str, resource: Any) -> None:
        """Take in a resource; its ``cleanup``, plain or ``async``, is called if it has one."""
        self._resources.setdefault(category, {})[name] = ResourceLifecycle(resource)
        _publish("resource.registered", {"category": category, "name": name})

    def register_pool(
        self, category: str, resource_type: Any, config: PoolConfig | None = None
    ) -> None:
        """Take in a pool; :meth:`start` starts it."""
        self._pools[category] = ResourcePool(resource_type, config)
        data = {"category": category, "type": resource_type.__name__}
        _publish("resource.pool.registered", data)

    def get(self, category: str, name: str) -> Any:
        """Return a resource, a pool's instance by the id of ``acquire``, or ``None``."""
        if lifecycle := self._resources.get(category, {}).get(name):
            return lifecycle.resource
        pool = self._pools.get(category)
        return pool.get(name) if pool else None

    async def acquire(self, category: str) -> str | None:
        """Return the id of an instance of a pool, or log why there is none and return ``None``."""
        if category not in self._pools:
            logger.error("No pool found for category: %s", category)
            return None
        try:
            return await self._pools[category].acquire()
        except Exception as error:  # noqa: BLE001 - as ZerePy does
            logger.error("Failed to acquire resource from pool %s: %s", category, error)  # noqa: TRY400
            return None

    async def release(self, category: str, resource_id: str) -> None:
        """Give an instance back to its pool."""
        if pool := self._pools.get(category):
            await pool.release(resource_id)

    def get_stats(self, category: str | None = None) -> dict[str, PoolStats]:
        """Return what the pools hold, by category; zeros for a category without a pool."""
        if category is None:
            return {name: pool.stats for name, pool in self._pools.items()}
        pool = self._pools.get(category)
        return {category: pool.stats if pool else PoolStats()}

    def cleanup(self, category: str | None = None, name: str | None = None) -> Done:
        """Clean up one resource, a category with its pool, or everything.

        It is done when this returns, or if an event loop runs here and something is ``async``, when
        the result has been awaited. Everything is cleaned up, whatever fails.

        Raises:
            PluginCleanupError: What failed; the cause of several errors is a group.
        """
        steps: list[Callable[[], Done]] = [life.cleanup for life in self._taken(category, name)]
        steps += [_stopping(pool) for pool in self._taken_pools(category, name)]
        done = _all_of(steps)
        _publish("resource.cleanup", {"category": category, "name": name})
        return done

    def _taken(self, category: str | None, name: str | None) -> list[ResourceLifecycle]:
        if category is None:
            taken = [life for group in self._resources.values() for life in group.values()]
            self._resources.clear()
            return taken
        if name is None:
            return list(self._resources.pop(category, {}).values())
        life = self._resources.get(category, {}).pop(name, None)
        return [life] if life else []

    def _taken_pools(self, category: str | None, name: str | None) -> list[ResourcePool]:
        if category is None:
            taken = list(self._pools.values())
            self._pools.clear()
            return taken
        pool = self._pools.pop(category, None) if name is None else None
        return [pool] if pool else []

    async def __aenter__(self) -> ResourceManager:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()


def _stopping(pool: ResourcePool) -> Callable[[], Done]:
    return lambda: settle(pool.stop(), "stopping a resource pool")


def _all_of(steps: Iterable[Callable[[], Done]]) -> Done:
    done, errors = Done(), []
    for step in steps:
        try:
            done.pending += step().pending
        except Exception as error:  # noqa: BLE001 - raised below, all together
            errors.append(error)
    if errors:
        cause = errors[0] if len(errors) == 1 else ExceptionGroup("cleaning up", errors)
        raise PluginCleanupError(f"{len(errors)} resources failed to clean up: {cause}") from cause
    return done


def _publish(name: str, data: dict[str, Any]) -> None:
    event_bus.publish(Event(name, data, "resource_manager"))


resource_manager = ResourceManager()
"""The one of the whole process."""
