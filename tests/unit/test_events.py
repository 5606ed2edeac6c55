"""The event bus: patterns, sync and async handlers, failures, undo."""

from __future__ import annotations

import asyncio
import threading

import pytest

from zerepy_plugins import Event, EventBus
from zerepy_plugins.errors import PluginConfigError

PATIENCE = 10  # seconds


@pytest.fixture
def bus():
    return EventBus()


@pytest.fixture
def heard():
    return []


def test_handlers_get_the_event_itself(bus, heard):
    event = Event("a", {"x": 1}, "me")
    bus.subscribe("a", heard.append)
    bus.publish(event)
    assert heard == [event]
    assert heard[0] is event


def test_any_object_with_a_name_is_an_event(bus, heard):
    class Mine:
        name = "mine"

    bus.subscribe("mine", heard.append)
    bus.publish(Mine())
    assert isinstance(heard[0], Mine)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*", ["a", "a.b", "a.b.c", "ab"]),
        ("a.*", ["a.b", "a.b.c"]),
        ("a.b.*", ["a.b.c"]),
        ("a.b", ["a.b"]),
        ("zz", []),
    ],
)
def test_patterns(bus, heard, pattern, names):
    bus.subscribe(pattern, lambda event: heard.append(event.name))
    for name in ("a", "a.b", "a.b.c", "ab"):
        bus.publish(Event(name))
    assert heard == names


@pytest.mark.parametrize("pattern", ["", "a*", "*.a", "a.*.b", "**"])
def test_a_pattern_that_is_none_is_refused(bus, pattern):
    with pytest.raises(PluginConfigError, match="no event name or pattern"):
        bus.subscribe(pattern, print)
    with pytest.raises(PluginConfigError):
        bus.unsubscribe(pattern, print)


def test_a_handler_must_be_callable(bus):
    with pytest.raises(TypeError, match="callable"):
        bus.subscribe("a", 3)


def test_an_event_must_have_a_name(bus):
    with pytest.raises(AttributeError, match=r"class 'str'> has no name; publish an event"):
        bus.publish("a")
    with pytest.raises(TypeError, match=r"name of an event.* must be a str"):
        bus.publish(Event(3))


def test_handlers_run_in_the_order_they_subscribed(bus, heard):
    for number in range(5):
        bus.subscribe("*" if number % 2 else "a", lambda event, number=number: heard.append(number))
    bus.publish(Event("a"))
    assert heard == [0, 1, 2, 3, 4]


def test_undo_takes_one_subscription_back(bus, heard):
    undo = bus.subscribe("a", heard.append)
    bus.subscribe("a", heard.append)
    undo()
    undo()
    bus.publish(Event("a"))
    assert len(heard) == 1


def test_unsubscribe_takes_the_handler_away(bus, heard):
    bus.subscribe("a", heard.append)
    bus.subscribe("a.*", heard.append)
    assert bus.unsubscribe("a", heard.append) is True
    assert bus.unsubscribe("a", heard.append) is False
    assert bus.unsubscribe("a", print) is False
    bus.publish(Event("a"))
    assert heard == []
    bus.publish(Event("a.b"))
    assert len(heard) == 1


def test_clear_subscribers_of_one_pattern_or_all(bus, heard):
    for pattern in ("a", "a.*", "*"):
        bus.subscribe(pattern, lambda event, pattern=pattern: heard.append(pattern))
    bus.clear_subscribers("a.*")
    bus.publish(Event("a.b"))
    assert heard == ["*"]
    bus.clear_subscribers()
    bus.publish(Event("a"))
    assert heard == ["*"]


def test_a_failing_handler_does_not_stop_the_others(bus, heard, caplog):
    bus.subscribe("a", lambda event: 1 / 0)
    bus.subscribe("a", heard.append)
    bus.publish(Event("a"))
    assert len(heard) == 1
    [record] = caplog.records
    assert (record.name, record.levelname) == ("zerepy_plugins.events", "ERROR")
    assert record.exc_info[0] is ZeroDivisionError


def test_an_interruption_in_a_handler_passes_through(bus):
    def interrupt(event):
        raise KeyboardInterrupt

    bus.subscribe("a", interrupt)
    with pytest.raises(KeyboardInterrupt):
        bus.publish(Event("a"))


def test_handlers_may_subscribe_and_publish(bus, heard):
    def first(event):
        bus.subscribe("b", heard.append)
        bus.publish(Event("b"))

    bus.subscribe("a", first)
    bus.publish(Event("a"))
    assert [event.name for event in heard] == ["b"]


def test_a_handler_may_take_itself_away(bus, heard):
    def once(event):
        heard.append(event)
        undo()

    undo = bus.subscribe("a", once)
    bus.publish(Event("a"))
    bus.publish(Event("a"))
    assert len(heard) == 1


async def test_awaiting_publish_waits_for_async_handlers(bus, heard):
    async def handler(event):
        await asyncio.sleep(0)
        heard.append(event.name)

    bus.subscribe("a", handler)
    bus.subscribe("a", lambda event: heard.append("sync"))
    published = bus.publish(Event("a"))
    assert heard == ["sync"]
    assert await published is None
    assert heard == ["sync", "a"]


async def test_publish_need_not_be_awaited(bus):
    done = asyncio.Event()

    async def handler(event):
        await asyncio.sleep(0)
        done.set()

    bus.subscribe("a", handler)
    bus.publish(Event("a"))
    async with asyncio.timeout(PATIENCE):
        await done.wait()


async def test_awaiting_a_publish_nobody_hears(bus):
    assert await bus.publish(Event("a")) is None


async def test_a_failing_async_handler_does_not_stop_the_others(bus, heard, caplog):
    async def fails(event):
        raise ValueError("no")

    async def works(event):
        heard.append(event.name)

    bus.subscribe("a", fails)
    bus.subscribe("a", works)
    await bus.publish(Event("a"))
    assert heard == ["a"]
    assert [record.exc_info[0] for record in caplog.records] == [ValueError]


async def test_async_handlers_run_on_the_publishers_loop(bus, heard):
    async def handler(event):
        heard.append(asyncio.get_running_loop())

    bus.subscribe("a", handler)
    await bus.publish(Event("a"))
    assert heard == [asyncio.get_running_loop()]


def test_outside_a_loop_async_handlers_run_in_the_background(bus):
    done = threading.Event()

    async def handler(event):
        await asyncio.sleep(0)
        done.set()

    bus.subscribe("a", handler)
    bus.publish(Event("a"))
    assert done.wait(PATIENCE)


def test_what_was_published_outside_a_loop_can_be_awaited_in_one(bus, heard):
    async def handler(event):
        heard.append(event.name)

    async def wait_for(published):
        await published

    bus.subscribe("a", handler)
    asyncio.run(wait_for(bus.publish(Event("a"))))
    assert heard == ["a"]


def test_async_handlers_run_on_the_loop_they_were_subscribed_on(bus, heard):
    async def handler(event):
        heard.append(asyncio.get_running_loop())

    async def main():
        bus.subscribe("a", handler)
        published = await asyncio.to_thread(bus.publish, Event("a"))
        await published
        return asyncio.get_running_loop()

    assert asyncio.run(main()) is heard[0]
    bus.publish(Event("a"))  # that loop is closed
    asyncio.run(_wait_for(bus.drain()))
    assert heard[1] is not heard[0]


async def _wait_for(published):
    await published


async def test_each_async_handler_gets_its_events_in_order(bus, heard):
    async def handler(event):
        await asyncio.sleep(0.001 if event.data == 0 else 0)
        heard.append(event.data)

    bus.subscribe("a", handler)
    for number in range(5):
        bus.publish(Event("a", number))
    await bus.drain()
    assert heard == [0, 1, 2, 3, 4]


async def test_of_a_slow_handler_the_oldest_events_are_dropped(heard, caplog):
    bus = EventBus(max_pending=3)
    gate = asyncio.Event()

    async def slow(event):
        await gate.wait()
        heard.append(event.data)

    others = []
    bus.subscribe("a", slow)
    bus.subscribe("a", lambda event: others.append(event.data))
    first = bus.publish(Event("a", 0))
    await asyncio.sleep(0)  # it is begun, and no longer pending
    dropped = [bus.publish(Event("a", number)) for number in range(1, 8)]
    expected = {"published": 8, "delivered": 8, "dropped": 4, "failed": 0, "pending": 3}
    assert bus.stats() == expected
    await dropped[0]  # whoever waits for what was dropped is let go
    gate.set()
    await bus.drain()
    await first
    assert heard == [0, 5, 6, 7]
    assert others == list(range(8))
    assert bus.stats()["delivered"] == 12
    [record] = caplog.records
    assert (record.levelname, "too slow" in record.getMessage()) == ("WARNING", True)


def test_failures_are_counted(bus):
    async def fails(event):
        raise ValueError("no")

    bus.subscribe("a", lambda event: 1 / 0)
    bus.subscribe("a", fails)
    asyncio.run(_wait_for(bus.publish(Event("a"))))
    expected = {"published": 1, "delivered": 0, "dropped": 0, "failed": 2, "pending": 0}
    assert bus.stats() == expected


def test_a_queue_holds_at_least_one_event():
    with pytest.raises(ValueError, match="at least 1"):
        EventBus(max_pending=0)


async def test_a_handler_that_awaits_what_it_publishes_does_not_wait_for_itself(bus, heard):
    async def handler(event):
        if event.data < 3:
            await bus.publish(Event("a", event.data + 1))
        heard.append(event.data)

    bus.subscribe("*", handler)
    bus.publish(Event("a", 0))
    async with asyncio.timeout(PATIENCE):
        while len(heard) < 4:
            await bus.drain()
    assert heard == [0, 1, 2, 3]


def test_what_waits_for_a_loop_that_ends_is_dropped_and_counted(bus, heard):
    async def handler(event):
        heard.append("begun")
        await asyncio.Event().wait()

    async def main():
        bus.subscribe("a", handler)
        for _ in range(3):
            bus.publish(Event("a"))
        await asyncio.sleep(0)

    asyncio.run(main())
    assert heard == ["begun"]
    stats = bus.stats()
    assert (stats["dropped"], stats["failed"], stats["pending"]) == (2, 1, 0)


def test_a_handler_that_is_cancelled_by_itself_does_not_stop_its_successors(bus, heard):
    async def handler(event):
        heard.append(event.data)
        raise asyncio.CancelledError

    bus.subscribe("a", handler)
    bus.publish(Event("a", 1))
    bus.publish(Event("a", 2))
    asyncio.run(_wait_for(bus.drain()))
    assert heard == [1, 2]


async def test_in_a_plugin_it_is_the_loop_of_whoever_started_it(
    bus, heard, manager_of, make_connection
):
    async def on_event(event):
        heard.append(asyncio.get_running_loop())

    def initialize(self, config):
        self.context.events.subscribe("a", on_event)

    manager = manager_of(make_connection("a", initialize=initialize), events=bus)
    await manager.start_plugins_async()
    await bus.publish(Event("a"))
    assert heard == [asyncio.get_running_loop()]
    await manager.stop_plugins_async()


def test_threads_publish_and_subscribe_at_once(bus):
    counts = [0] * 8

    def work(number):
        def handler(event):
            counts[number] += 1

        for _ in range(100):
            undo = bus.subscribe(f"t{number}", handler)
            bus.publish(Event(f"t{number}"))
            undo()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert counts == [100] * 8


def test_handlers_of_lifecycle_events_may_use_the_manager(manager_of, make_connection, heard):
    manager = manager_of(make_connection("a"))

    def on_running(event):
        heard.append(manager.perform_action(event.data["plugin"], "x"))

    def on_stopping(event):
        heard.append([str(status.state) for status in manager.status()])

    manager.events.subscribe("plugin.running", on_running)
    manager.events.subscribe("plugin.stopping", on_stopping)
    manager.start_plugins()
    manager.stop_plugins()
    assert heard == [("x", {}), ["stopping"]]


def test_a_failing_handler_does_not_touch_the_lifecycle(manager_of, make_connection, caplog):
    manager = manager_of(make_connection("a"))
    manager.events.subscribe("*", lambda event: 1 / 0)
    assert manager.start_plugins() == ["a"]
    assert manager.perform_action("a", "x") == ("x", {})
    assert manager.stop_plugins() == ["a"]
    assert "a handler of event 'plugin.running' failed" in caplog.text


def test_a_manager_may_be_given_its_bus(manager_of, make_connection, bus, heard):
    bus.subscribe("plugin.running", heard.append)
    manager = manager_of(make_connection("a"), events=bus)
    assert manager.events is bus
    manager.start_plugins()
    assert [event.data["plugin"] for event in heard] == ["a"]
