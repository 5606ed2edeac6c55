"""Awaiting a call again that failed, or opening a stream again, as long as its rules allow."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from zerepy_plugins._native import CallStream

_END: Final = object()


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


async def items(
    attempt: Callable[[], CallStream], wait_after: Callable[[Exception, int], float | None]
) -> AsyncGenerator[Any, None]:
    """Yield the items of the first stream that begins well; one that began is not repeated.

    Args:
        attempt: Makes one.
        wait_after: As for :func:`run`.
    """

    async def begin() -> tuple[CallStream, Any]:
        stream = attempt()
        return stream, await anext(stream, _END)

    stream, item = await run(begin, wait_after)
    try:
        while item is not _END:
            yield item
            item = await anext(stream, _END)
    finally:
        await stream.aclose()
