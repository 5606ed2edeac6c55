"""An event to Python handlers, against a signal of blinker, and to native ones, against pluggy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pluggy
import rows
import subjects
from blinker import Signal
from harness import alternate, call

from zerepy_plugins import Event, EventBus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness import Runner

    from zerepy_plugins import PluginManager

EVENT = Event("bench.event", {"a": 1}, "bench")
NATIVE_HANDLERS = 10
BATCH = 2_000  # of what waits for native handlers: more than 10,000 are refused

specification = pluggy.HookspecMarker("bench")
implementation = pluggy.HookimplMarker("bench")


class Specification:
    @specification
    def happened(self, event: Any) -> None: ...


class TheirHandler:
    @implementation
    def happened(self, event: Any) -> None: ...


def handler() -> Callable[..., None]:
    def handle(event: object, **_data: Any) -> None: ...

    return handle


def our_handler() -> Callable[..., None]:
    def handle(event: object) -> None: ...

    return handle


def measure() -> Iterator[rows.Row]:
    for count, at_least in ((0, 1), (1, 4), (10, 6)):
        yield python_handlers(count, at_least)
    with subjects.rust_plugin() as manager:
        yield from native_handlers(manager)


def python_handlers(count: int, at_least: float) -> rows.Row:
    bus, signal = EventBus(), Signal()
    kept = [handler() for _ in range(count)]  # blinker holds them weakly
    for each in kept:
        signal.connect(each)
    for _ in range(count):
        bus.subscribe("bench.event", our_handler())
    samples = alternate(
        {
            "ours": call("publish(event)", publish=bus.publish, event=EVENT),
            "theirs": call("send('bench', data=data)", send=signal.send, data={"a": 1}),
        }
    )
    title = f"event to {count} Python handler{'s' * (count != 1)}"
    return rows.faster(title, "blinker, a signal", samples, at_least)


def native_handlers(manager: PluginManager) -> Iterator[rows.Row]:
    """Another thread calls them: the publisher's own part is a row of its own."""
    perform, publish = manager.perform_action, manager.events.publish
    perform("bench", "listen", {"count": NATIVE_HANDLERS})

    def deliver(number: int) -> tuple[float, float]:
        wanted = perform("bench", "heard") + number * NATIVE_HANDLERS
        began = time.perf_counter()
        for _ in range(number):
            publish(EVENT)
        published = time.perf_counter()
        while perform("bench", "heard") < wanted:
            time.sleep(0)
        return published - began, time.perf_counter() - began

    def publishing(number: int) -> float:
        return deliver(number)[0]

    def delivering(number: int) -> float:
        return deliver(number)[1]

    title, peer = f"event to {NATIVE_HANDLERS} native handlers", "pluggy, a call of the hook"
    samples = alternate({"ours": delivering, "theirs": hook()}, number=BATCH)
    yield rows.faster(f"{title}, until all have run", peer, samples, 30)
    samples = alternate({"ours": publishing, "theirs": hook()}, number=BATCH)
    yield rows.faster(f"{title}, the publishing alone", peer, samples, 1)


def hook() -> Runner:
    plugins = pluggy.PluginManager("bench")
    plugins.add_hookspecs(Specification)
    for _ in range(NATIVE_HANDLERS):
        plugins.register(TheirHandler())
    return call("hook(event=event)", hook=plugins.hook.happened, event=EVENT)
