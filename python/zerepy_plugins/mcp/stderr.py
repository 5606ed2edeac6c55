"""What a server process writes to its standard error, line by line."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_LINE = 16_384  # characters
_TOO_LONG = f"(a line of more than {_MAX_LINE} characters)"


class LineLog:
    """A file for a child process; a thread hands its lines on until the last writer ends.

    Of one that is too long it only says so: a part of it might hold a part of a secret.

    Args:
        take: Called with each line, on that thread.
    """

    def __init__(self, take: Callable[[str], None]) -> None:
        read_end, write_end = os.pipe()
        self.file = os.fdopen(write_end, "w", encoding="utf-8")
        self._reader = os.fdopen(read_end, encoding="utf-8", errors="replace")
        self._take = take
        self._thread = threading.Thread(target=self._run, name="zerepy-mcp-stderr", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._reader:
            while line := self._reader.readline(_MAX_LINE):
                is_long = len(line) == _MAX_LINE and not line.endswith("\n")
                self._take(_TOO_LONG if is_long else line.rstrip())
                while is_long and (line := self._reader.readline(_MAX_LINE)):
                    is_long = not line.endswith("\n")

    def close(self) -> None:
        """Close this process's end: once the child has its own, or there is none."""
        self.file.close()

    def wait(self, seconds: float) -> None:
        """Wait until all is handed on that was written before the last writer ended."""
        self._thread.join(seconds)
