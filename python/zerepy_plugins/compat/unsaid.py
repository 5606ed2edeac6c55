"""What the host would log and is left unsaid, where ZerePy has words of its own for it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["unsaid"]


@contextmanager
def unsaid(part: str, plugins: Collection[str]) -> Iterator[None]:
    """Leave out, in here, what ``zerepy_plugins.<part>`` would log about these plugins."""
    logger = logging.getLogger(f"zerepy_plugins.{part}")

    def is_said(record: logging.LogRecord) -> bool:
        return getattr(record, "fields", {}).get("plugin") not in plugins

    logger.addFilter(is_said)
    try:
        yield
    finally:
        logger.removeFilter(is_said)
