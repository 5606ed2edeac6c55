"""Calls that nobody can reach any more are collected, whatever circle they stand in."""

from __future__ import annotations

import asyncio
import gc
import shutil
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from zerepy_plugins import PluginHooks, PluginManager

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARY = Path(__file__).parents[2] / "target/release/libzerepy_fixture_tasks.so"
WAITS = """
    async def perform_action(self, action, params):
        await asyncio.get_running_loop().create_future()
"""
YIELDS = """
    async def perform_action(self, action, params):
        await asyncio.get_running_loop().create_future()
        yield
"""


class Params(dict):
    """Can be referred to weakly."""


class Hooks(PluginHooks):
    """Puts a call's hooks around it."""

    def pre_action(self, params: Any) -> None: ...


@pytest.fixture(params=["plain", "hooked"])
def manager(plugin_dir, request) -> Iterator[PluginManager]:
    plugin_dir.connection("waits.py", "waits", head="import asyncio", perform_action=WAITS)
    plugin_dir.connection("yields.py", "yields", head="import asyncio", perform_action=YIELDS)
    shutil.copy(LIBRARY, plugin_dir.path)
    hooks = [Hooks()] if request.param == "hooked" else []
    with PluginManager(plugin_dir.path, entry_points=False, hooks=hooks) as manager:
        yield manager


STREAMS = [("streams", "hang"), ("yields", "x")]
CALLS = [("tasks", "nap"), ("waits", "x"), *STREAMS]


def begin(manager: PluginManager, plugin: str, action: str, params: dict) -> Any:
    """Make a call that has not begun."""
    if (plugin, action) in STREAMS:
        return manager.perform_action_stream(plugin, action, params)
    return manager.perform_action_async(plugin, action, params)


@pytest.mark.filterwarnings("ignore:the call of a plugin was never awaited")
@pytest.mark.parametrize(("plugin", "action"), CALLS)
def test_a_call_within_its_own_params(manager, plugin, action):
    params = Params()
    params["call"] = begin(manager, plugin, action, params)
    gone = weakref.ref(params)
    del params
    gc.collect()
    assert gone() is None


# Not what a Python generator is among, as are hooks around a stream: the loop has to end it.
COLLECTED = [("plain", *call) for call in CALLS[:3]] + [("hooked", *call) for call in CALLS[:2]]


@pytest.mark.parametrize(("manager", "plugin", "action"), COLLECTED, indirect=["manager"])
def test_what_awaits_in_a_loop_that_was_closed(manager, plugin, action):
    async def main() -> None:
        call = begin(manager, plugin, action, {"seconds": 60})
        awaitable = anext(call) if (plugin, action) in STREAMS else call
        task = asyncio.ensure_future(awaitable)
        task._log_destroy_pending = False
        await asyncio.sleep(0.01)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None
    assert manager.monitor.stats(plugin).in_flight == 0


async def test_a_step_that_is_dropped_ends_its_stream(manager):
    call = manager.perform_action_stream("streams", "hang", {})
    step = anext(call)
    step.send(None)
    del step
    with pytest.raises(StopAsyncIteration):
        await anext(call)
