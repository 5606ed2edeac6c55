"""An event to Python handlers, against a signal of blinker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rows
from blinker import Signal
from harness import alternate, call

from zerepy_plugins import Event, EventBus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def handler() -> Callable[..., None]:
    def handle(event: object, **_data: Any) -> None: ...

    return handle


def our_handler() -> Callable[..., None]:
    def handle(event: object) -> None: ...

    return handle


def measure() -> Iterator[rows.Row]:
    for count, at_least in ((0, 1), (1, 4), (10, 6)):
        bus, signal = EventBus(), Signal()
        kept = [handler() for _ in range(count)]  # blinker holds them weakly
        for each in kept:
            signal.connect(each)
        for _ in range(count):
            bus.subscribe("bench.event", our_handler())
        event = Event("bench.event", {"a": 1}, "bench")
        samples = alternate(
            {
                "ours": call("publish(event)", publish=bus.publish, event=event),
                "theirs": call("send('bench', data=data)", send=signal.send, data={"a": 1}),
            }
        )
        title = f"event to {count} Python handler{'s' * (count != 1)}"
        yield rows.faster(title, "blinker, a signal", samples, at_least)
