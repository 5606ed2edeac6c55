"""What ZerePy's plugin branch does with its resources."""

from __future__ import annotations

import asyncio

import pytest

from zerepy_plugins.compat.events import event_bus
from zerepy_plugins.compat.resources import (
    ResourceLifecycle,
    ResourceManager,
    cleanup_on_error,
    resource_manager,
    with_cleanup,
)
from zerepy_plugins.compat.resources.pool import PoolConfig, PoolStats, ResourcePool
from zerepy_plugins.errors import PluginCleanupError


class Plain:
    def __init__(self):
        self.steps = []

    def initialize(self):
        self.steps.append("initialize")

    def cleanup(self):
        self.steps.append("cleanup")


class Waiting(Plain):
    async def initialize(self):
        await asyncio.sleep(0)
        super().initialize()

    async def cleanup(self):
        await asyncio.sleep(0)
        super().cleanup()


class Failing(Plain):
    def cleanup(self):
        raise OSError("it is stuck")


@pytest.mark.parametrize("kind", [Plain, Waiting])
def test_a_step_is_done_at_once_without_a_loop(kind):
    life = ResourceLifecycle(kind())
    life.initialize()
    assert (life.state.initialized, life.state.active) == (True, True)
    life.cleanup()
    assert (life.resource.steps, life.state.active) == (["initialize", "cleanup"], False)


@pytest.mark.parametrize("kind", [Plain, Waiting])
async def test_or_when_it_has_been_awaited(kind):
    life = ResourceLifecycle(kind())
    await life.initialize()
    life.cleanup()  # not awaited, and still it happens
    await asyncio.sleep(0.05)
    assert life.resource.steps == ["initialize", "cleanup"]


def test_resources_are_cleaned_up_one_by_one_by_category_or_all():
    heard = []
    undo = event_bus.subscribe("resource.*", lambda event: heard.append(event.name))
    manager = ResourceManager()
    assert manager._resources == {}
    made = {name: Plain() for name in "abcd"}
    for (name, resource), category in zip(made.items(), "1122", strict=True):
        manager.register(category, name, resource)
    assert isinstance(manager._resources["1"]["a"], ResourceLifecycle)
    assert (manager.get("1", "a"), manager.get("1", "c"), manager.get("3", "a")) == (
        made["a"], None, None,
    )  # fmt: skip
    manager.cleanup("1", "a")
    manager.cleanup(category="2")
    assert [len(resource.steps) for resource in made.values()] == [1, 0, 1, 1]
    manager.cleanup()
    manager.cleanup()
    assert all(resource.steps == ["cleanup"] for resource in made.values())
    undo()
    assert heard.count("resource.registered") == heard.count("resource.cleanup") == 4
    assert heard.count("resource.cleaned_up") == 4


async def test_everything_is_cleaned_up_whatever_fails():
    manager, last = ResourceManager(), Waiting()
    for name, resource in (("a", Failing()), ("b", Failing()), ("c", Plain())):
        manager.register("x", name, resource)
    manager.register("y", "last", last)
    with pytest.raises(PluginCleanupError, match="2 resources") as caught:
        manager.cleanup("x")
    assert len(caught.value.__cause__.exceptions) == 2
    await manager.cleanup()
    assert last.steps == ["cleanup"]


async def test_decorators_clean_up(caplog):
    with_it, on_error = Plain(), Waiting()
    resource_manager.register("x", "with_it", with_it)
    resource_manager.register("x", "on_error", on_error)

    @with_cleanup("x", "with_it")
    def plain():
        return "done"

    @cleanup_on_error
    async def fails():
        raise ValueError("mine")

    assert (plain(), with_it.steps) == ("done", ["cleanup"])
    with pytest.raises(ValueError, match="mine"):
        await fails()
    assert on_error.steps == ["cleanup"]


class TestPool:
    async def test_what_is_made_in_advance_is_idle_and_handed_out(self):
        pool = ResourcePool(Waiting, PoolConfig(min_size=2, max_size=3))
        await pool.start()
        assert pool.stats == PoolStats(total=2, active=0, idle=2)
        ids = [await pool.acquire() for _ in range(3)]
        assert pool.stats == PoolStats(total=3, active=3, idle=0)
        with pytest.raises(RuntimeError, match="Resource pool exhausted"):
            await pool.acquire()
        resource = pool.get(ids[0])
        assert resource.steps == ["initialize"]
        await pool.release(ids[0])
        await pool.release(ids[0])
        await pool.release("nobody's")
        assert (pool.stats.idle, pool.get(await pool.acquire())) == (1, resource)
        await pool.stop()
        assert (pool.stats.total, resource.steps) == (0, ["initialize", "cleanup"])

    async def test_idle_instances_beyond_the_minimum_go(self):
        pool = ResourcePool(Plain, PoolConfig(1, 3, max_idle=0.05, cleanup_interval=0.01))
        await pool.start()
        ids = [await pool.acquire(), await pool.acquire()]
        kept = pool.get(ids[1])
        for resource_id in ids:
            await pool.release(resource_id)
        assert pool.stats.idle == 2
        removed = asyncio.Event()
        undo = event_bus.subscribe("resource.removed", lambda _event: removed.set())
        async with asyncio.timeout(10):
            await removed.wait()
        await asyncio.sleep(0.1)
        undo()
        assert (pool.stats.total, pool.get(ids[1])) == (1, kept)
        await pool.stop()

    async def test_what_cannot_be_made_is_an_error_when_it_is_needed(self, caplog):
        class Broken:
            async def initialize(self):
                raise RuntimeError("Initialization error")

        pool = ResourcePool(Broken)
        await pool.start()
        with pytest.raises(RuntimeError, match="Initialization error"):
            await pool.acquire()
        assert pool.stats == PoolStats(errors=1)
        await pool.stop()

    async def test_a_manager_has_pools_by_category(self, caplog):
        async with ResourceManager() as manager:
            manager.register_pool("x", Plain, PoolConfig(max_size=1))
            await manager.start()
            resource_id = await manager.acquire("x")
            assert manager.get("x", resource_id).steps == ["initialize"]
            assert manager.get_stats("x") == {"x": PoolStats(total=1, active=1)}
            assert await manager.acquire("x") is None
            assert await manager.acquire("y") is None
            await manager.release("x", resource_id)
            assert manager.get_stats() == {"x": PoolStats(total=1, idle=1)}
        assert manager.get_stats() == {}
        assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
