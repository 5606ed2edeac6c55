"""A blocking Rust action from two threads against one: the interpreter is released meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING

import rows
import subjects
from harness import Spread, alternate, times

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS_OF_ACTION = 1_000_000  # a few milliseconds


def measure() -> Iterator[rows.Row]:
    params = {"rounds": ROUNDS_OF_ACTION}
    with subjects.rust_plugin() as manager, ThreadPoolExecutor(2) as pool:

        def work(number: int) -> None:
            for _ in range(number):
                manager.perform_action("bench", "turn", params)

        def from_threads(threads: int, number: int) -> float:
            began = perf_counter()
            list(pool.map(work, [number // threads] * threads))
            return perf_counter() - began

        samples = alternate(
            {
                "one": lambda number: from_threads(1, number),
                "two": lambda number: from_threads(2, number),
            },
            rounds=15,
            number=10,
        )
    yield rows.Row(
        "blocking Rust action, from 2 threads",
        "the same from 1 thread",
        Spread.of(times(samples["one"], samples["two"])),
        "x",
        rows.Target("at least", 1.8),
        Spread.of(samples["two"]),
        Spread.of(samples["one"]),
        "the time from 1 thread / from 2",
    )
