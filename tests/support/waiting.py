"""Waiting for what another thread does, where nothing tells that it is done."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

BOUND = 10  # seconds; generous: what takes so long does not come
Found = TypeVar("Found")


def until(condition: Callable[[], Found]) -> Found:
    """Wait until `condition` gives something true, and return that."""
    deadline = time.monotonic() + BOUND
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.001)
    return found
