"""Starting side by side: in which order, in which surroundings, and what a plugin may do."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from zerepy_plugins.errors import PluginStateError

BOUND = 5  # seconds; generous: whoever waits for the others waits for ever if they do not come


def test_independent_plugins_are_initialized_side_by_side(manager_of, make_connection):
    meeting = threading.Barrier(3, timeout=BOUND)
    plugins = [
        make_connection(name, initialize=lambda self, config: meeting.wait()) for name in "abc"
    ]
    manager = manager_of(*plugins)
    assert manager.start_plugins() == ["a", "b", "c"]


def test_stopping_is_the_exact_reverse_whichever_was_faster(manager_of, make_connection):
    second, cleaned = threading.Event(), []
    manager = manager_of(
        make_connection(
            "a",
            initialize=lambda self, config: second.wait(BOUND),
            cleanup=lambda self: cleaned.append("a"),
        ),
        make_connection(
            "b",
            initialize=lambda self, config: second.set(),
            cleanup=lambda self: cleaned.append("b"),
        ),
    )
    assert manager.start_plugins() == list(manager.plugins) == ["a", "b"]
    assert manager.stop_plugins() == cleaned == ["b", "a"]


def test_workers_see_the_callers_context(manager_of, make_connection):
    variable, seen = contextvars.ContextVar("variable"), []

    def initialize(self, config):
        seen.append(variable.get())

    manager = manager_of(*(make_connection(name, initialize=initialize) for name in "ab"))
    variable.set(7)
    manager.start_plugins()
    assert seen == [7, 7]


async def test_async_methods_run_side_by_side_on_the_callers_loop(manager_of, make_connection):
    both, loops = asyncio.Event(), []

    async def initialize(self, config):
        loops.append(asyncio.get_running_loop())
        if len(loops) == 2:
            both.set()
        await asyncio.wait_for(both.wait(), BOUND)

    manager = manager_of(*(make_connection(name, initialize=initialize) for name in "ab"))
    assert await manager.start_plugins_async() == ["a", "b"]
    assert loops == [asyncio.get_running_loop()] * 2


def test_constructors_and_hooks_run_on_the_starting_thread(manager_of, make_connection):
    threads = []

    def note(self, **_):
        threads.append(threading.current_thread())

    members = {"__init__": note, "pre_initialize": note, "post_initialize": note}
    manager = manager_of(make_connection("a", **members))
    manager.start_plugins()
    assert threads == [threading.current_thread()] * 3


@pytest.mark.parametrize("is_async", [False, True])
def test_a_plugin_cannot_start_or_stop_others_from_a_worker(manager_of, make_connection, is_async):
    def initialize(self, config):
        manager.stop_plugins()

    async def initialize_async(self, config):
        await manager.start_plugins_async()

    manager = manager_of(
        make_connection("a", initialize=initialize_async if is_async else initialize)
    )
    with pytest.raises(PluginStateError, match="within start_plugins"):
        manager.start_plugins("a")


def test_a_plugin_can_call_what_it_needs_while_it_is_initialized(manager_of, make_connection):
    answers = []

    def initialize(self, config):
        answers.append(manager.perform_action("db", "ask", {"x": 1}))

    manager = manager_of(
        make_connection("db"), make_connection("app", requires=["db"], initialize=initialize)
    )
    assert manager.start_plugins() == ["db", "app"]
    assert answers == [("ask", {"x": 1})]
