"""Whether a call costs the same among many plugins, and from many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import perf_counter
from typing import TYPE_CHECKING

import rows
import subjects
from harness import Spread, alternate, call, times
from payloads import SMALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Runner, Samples

    from zerepy_plugins import PluginManager

COUNTS = (10, 1000, 10_000)
THREADS = (1, 2, 4, 8)
FLAT = 1.15  # times the smallest


def measure() -> Iterator[rows.Row]:
    with ExitStack() as stack:
        managers = {count: stack.enter_context(crowd(count)) for count in COUNTS}
        samples = alternate({str(count): one_thread(each) for count, each in managers.items()})
        for count in COUNTS[1:]:
            title = f"Python plugin, call, {count:,} plugins"
            yield flat(title, f"among {COUNTS[0]} plugins", samples, count, COUNTS[0])
        samples = alternate(
            {str(threads): from_threads(managers[COUNTS[0]], threads) for threads in THREADS},
            rounds=15,
            number=200_000,
        )
        for threads in THREADS[1:]:
            title = f"Python plugin, calls from {threads} threads, each"
            yield flat(title, "from 1 thread", samples, threads, 1)


def crowd(count: int):
    classes = [subjects.python_plugin(f"plugin{number}") for number in range(count)]
    return subjects.python_plugins(*classes)


def one_thread(manager: PluginManager) -> Runner:
    return call("perform('plugin7', 'echo', params)", perform=manager.perform_action, params=SMALL)


def from_threads(manager: PluginManager, threads: int) -> Runner:
    """Share the calls out among threads; they hold the interpreter in turns."""
    run = one_thread(manager)

    def together(number: int) -> float:
        with ThreadPoolExecutor(threads) as pool:
            began = perf_counter()
            list(pool.map(run, [number // threads] * threads))
            return perf_counter() - began

    return together


def flat(title: str, peer: str, samples: Samples, large: int, small: int) -> rows.Row:
    much, little = samples[str(large)], samples[str(small)]
    return rows.Row(
        title,
        peer,
        Spread.of(times(much, little)),
        "x",
        rows.Target("at most", FLAT),
        Spread.of(much),
        Spread.of(little),
        "this time / that",
    )
