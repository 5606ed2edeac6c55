"""What ZerePy's plugin branch does with its event modules."""

from __future__ import annotations

import pytest

from zerepy_plugins.compat.events import (
    Event,
    EventBus,
    EventHandler,
    event_bus,
    publish_event,
    subscribe_to,
    with_error_boundary,
)


@pytest.fixture
def heard():
    received = []
    event_bus.subscribe("*", received.append)
    yield received
    event_bus.clear_subscribers()
    assert event_bus._subscribers == {}


def test_subscribers_are_shown_as_the_branch_shows_them():
    bus = EventBus()
    assert bus._subscribers == {}
    bus.subscribe("a", print)
    bus.subscribe("b.*", print)
    bus.subscribe("a", repr)
    assert bus._subscribers == {"a": [print, repr], "b.*": [print]}
    bus.clear_subscribers("a")
    assert bus._subscribers == {"b.*": [print]}


async def test_a_functions_course_is_published(heard):
    @publish_event("work", source="me")
    def plain(a, b=1):
        return a / b

    @publish_event("wait", source="me")
    async def waits(a):
        return 1 / a

    assert (plain(2, b=2), await waits(2)) == (1, 0.5)
    with pytest.raises(ZeroDivisionError):
        plain(1, 0)
    with pytest.raises(ZeroDivisionError):
        await waits(0)
    assert [(event.name, event.data) for event in heard] == [
        ("work.start", {"args": (2,), "kwargs": {"b": 2}}),
        ("work.success", {"result": 1}),
        ("wait.start", {"args": (2,), "kwargs": {}}),
        ("wait.success", {"result": 0.5}),
        ("work.start", {"args": (1, 0), "kwargs": {}}),
        ("work.failure", {"error": "division by zero"}),
        ("wait.start", {"args": (0,), "kwargs": {}}),
        ("wait.failure", {"error": "division by zero"}),
    ]
    assert {event.source for event in heard} == {"me"}


async def test_functions_subscribe_and_errors_end_in_their_boundary(heard, caplog):
    calls = []

    @subscribe_to("a")
    def first(event):
        calls.append("first")

    @EventHandler("a")
    async def second(event):
        raise RuntimeError("second")

    @with_error_boundary
    def third(event):
        raise RuntimeError("third")

    await event_bus.publish(Event("a", {}, "test"))
    assert third(Event("a", {}, "test")) is None
    assert (calls, first.__name__, second.__name__) == (["first"], "first", "second")
    assert [str(record.exc_info[1]) for record in caplog.records] == ["second", "third"]
