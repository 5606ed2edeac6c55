"""What a Python plugin may yield items with: generators of all kinds, iterators, objects."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time

import pytest

from zerepy_plugins.errors import (
    PluginExecutionError,
    PluginStateError,
    PluginTimeoutError,
)

PROMPT = 5  # seconds; generous: what should take milliseconds hangs


def yields(*items):
    """Yield items in all the ways that a Python plugin may write."""

    async def async_generator(self, action, params):
        for item in items:
            yield item

    def generator(self, action, params):
        yield from items

    async def coroutine(self, action, params):
        return async_generator(self, action, params)

    return {
        "async generator": async_generator,
        "generator": generator,
        "async, returns an async generator": coroutine,
        "async, returns an iterator": _async_returning(items),
        "returns an iterator": lambda self, action, params: iter(items),
        "returns an async generator": lambda self, action, params: async_generator(
            self, action, params
        ),
        "returns an async iterable": lambda self, action, params: Once(items),
    }


def _async_returning(items):
    async def method(self, action, params):
        return iter(items)

    return method


class Once:
    """An async iterator without more than it needs."""

    def __init__(self, items):
        self.items = list(items)

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.items:
            raise StopAsyncIteration
        return self.items.pop(0)


@pytest.mark.parametrize("way", yields())
async def test_a_python_plugin_yields_in_any_way(manager_of, make_connection, way):
    first = {"a": 1}
    method = yields(first, (1, 2), None)[way]
    manager = manager_of(make_connection("any", perform_action=method))
    manager.start_plugins()
    items = [item async for item in manager.perform_action_stream("any", "x")]
    assert items == [first, (1, 2), None]
    assert items[0] is first
    assert manager.monitor.stats("any").calls == 1


@pytest.mark.parametrize("value", [[1], "text", None, {"a": 1}, range(3)])
async def test_values_are_no_streams(manager_of, make_connection, value):
    manager = manager_of(make_connection("any", perform_action=lambda *_: value))
    manager.start_plugins()
    with pytest.raises(PluginStateError, match="does not yield items"):
        await anext(manager.perform_action_stream("any", "x"))
    assert manager.perform_action("any", "x") is value


async def test_a_generator_is_closed_with_its_stream(manager_of, make_connection):
    closed = []

    def perform_action(self, action, params):
        try:
            while True:
                yield 1
        finally:
            closed.append(action)

    manager = manager_of(make_connection("any", perform_action=perform_action))
    manager.start_plugins()
    stream = manager.perform_action_stream("any", "x")
    await anext(stream)
    await stream.aclose()
    assert closed == ["x"]


async def test_a_generator_that_computes_is_given_up_at_once(manager_of, make_connection):
    closed = []

    def perform_action(self, action, params):
        try:
            time.sleep(0.2)
            yield 1
        finally:
            closed.append(action)

    manager = manager_of(make_connection("any", perform_action=perform_action))
    manager.start_plugins()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(manager.perform_action_stream("any", "x")), 0.01)
    assert closed == []
    for _ in range(PROMPT * 100):
        await asyncio.sleep(0.01)
        if closed:
            break
    assert closed == ["x"]


async def test_what_fails_while_closing_is_reported(manager_of, make_connection):
    async def perform_action(self, action, params):
        try:
            yield 1
        finally:
            raise ValueError("does not close")

    manager = manager_of(make_connection("any", perform_action=perform_action))
    manager.start_plugins()
    stream = manager.perform_action_stream("any", "x")
    await anext(stream)
    with pytest.raises(PluginExecutionError, match="does not close"):
        await stream.aclose()
    assert manager.monitor.stats("any").errors == 1


async def test_under_a_limit_a_generator_keeps_its_context(manager_of, make_connection):
    variable, seen = contextvars.ContextVar("variable"), []

    async def perform_action(self, action, params):
        token = variable.set("set by the plugin")
        try:
            for number in range(2):
                seen.append(variable.get())
                yield number
        finally:
            variable.reset(token)

    manager = manager_of(make_connection("a", perform_action=perform_action))
    manager.start_plugins()
    stream = manager.perform_action_stream("a", "x", timeout=PROMPT)
    assert [item async for item in stream] == [0, 1]
    stream = manager.perform_action_stream("a", "x", timeout=PROMPT)
    assert await anext(stream) == 0
    await stream.aclose()
    assert seen == ["set by the plugin"] * 3


async def test_a_thread_that_makes_a_late_item_is_counted_until_it_ends(
    manager_of, make_connection
):
    released = threading.Event()

    def perform_action(self, action, params):
        yield 0
        released.wait(PROMPT)
        yield 1

    manager = manager_of(make_connection("a", perform_action=perform_action))
    manager.start_plugins()
    stream = manager.perform_action_stream("a", "x", timeout=0.1)
    assert await anext(stream) == 0
    with pytest.raises(PluginTimeoutError, match="it is still running"):
        await anext(stream)
    assert (manager.monitor.stats("a").timeouts, manager.monitor.stats("a").still_running) == (1, 1)
    released.set()
    deadline = time.monotonic() + PROMPT
    while manager.monitor.stats("a").still_running:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)
    assert manager.monitor.stats("a").late == 1


async def test_the_limit_of_the_first_item_covers_the_check(manager_of, make_action):
    released = threading.Event()

    def execute(self, params):
        yield 1

    def validate_params(self, params):
        released.wait(PROMPT)

    made = make_action("a", execute=execute, validate_params=validate_params)
    manager = manager_of(made)
    manager.start_plugins()
    with pytest.raises(PluginTimeoutError, match="validate_params of action"):
        await anext(manager.execute_stream("a", timeout=0.1))
    released.set()
    assert [item async for item in manager.execute_stream("a", timeout=PROMPT)] == [1]
