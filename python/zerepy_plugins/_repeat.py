"""Awaiting a call again that failed, as long as its rules allow."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def run(
    attempt: Callable[[], Awaitable[Any]], wait_after: Callable[[Exception, int], float | None]
) -> Any:
    """Await attempts until one succeeds.

    Args:
        attempt: Makes one.
        wait_after: Says how many seconds to wait after an error and so many repetitions; ``None``
            lets the error pass.
    """
    repeated = 0
    while True:
        try:
            return await attempt()
        except Exception as error:
            seconds = wait_after(error, repeated)
            if seconds is None:
                raise
        await asyncio.sleep(seconds)
        repeated += 1
