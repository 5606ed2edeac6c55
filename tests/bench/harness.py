"""Timing: calibrated loops in alternating order, medians and quartiles.

Knows nothing of what is measured. A runner takes a number of repetitions and says how many seconds
they took together; `timeit.Timer(...).timeit` is one.
"""

from __future__ import annotations

import gc
import statistics
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable

Runner = Callable[[int], float]

ROUND_SECONDS = 0.02  # of one measurement in a round; long against the clock and a switch
ROUNDS = 31


@dataclass(frozen=True)
class Spread:
    """The median of many measurements, and their quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)


Samples = dict[str, list[float]]  # seconds of one repetition, one for each round


def call(statement: str, setup: str = "pass", **names: Any) -> Runner:
    """Make a runner of a statement, as :mod:`timeit` would: without a call around it."""
    return timeit.Timer(statement, setup, globals=names).timeit


def on_loop(loop: asyncio.AbstractEventLoop, work: Callable[[int], Awaitable[object]]) -> Runner:
    """Make a runner of a coroutine function; it is given how often to repeat."""

    def run(number: int) -> float:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            began = perf_counter()
            loop.run_until_complete(work(number))
            return perf_counter() - began
        finally:
            if was_enabled:
                gc.enable()

    return run


def calibrated(run: Runner, seconds: float) -> int:
    """Say how many repetitions take about that long; also a warm-up."""
    number = 1
    while (took := run(number)) < seconds / 4:
        number *= 4 if took < seconds / 40 else 2
    return max(1, round(number * seconds / took))


def alternate(
    runners: dict[str, Runner],
    *,
    rounds: int = ROUNDS,
    seconds: float = ROUND_SECONDS,
    number: int | None = None,
) -> Samples:
    """Measure all runners in every round, in one order and then in the other.

    What disturbs the machine for longer than a round disturbs all of them alike. `number` fixes the
    repetitions, for what cannot be repeated at will.
    """
    numbers = {name: number or calibrated(run, seconds) for name, run in runners.items()}
    samples: Samples = {name: [] for name in runners}
    names = list(runners)
    for turn in range(rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            gc.collect()
            samples[name].append(runners[name](numbers[name]) / numbers[name])
    return samples


def times(slow: list[float], fast: list[float]) -> list[float]:
    """Say for each round how many times as long `slow` took."""
    return [a / b for a, b in zip(slow, fast, strict=True)]


def added(whole: list[float], part: list[float]) -> list[float]:
    """Say for each round how much longer `whole` took."""
    return [a - b for a, b in zip(whole, part, strict=True)]
