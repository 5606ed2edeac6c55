"""What hosted servers write to standard error: line by line, and never too much at once."""

from __future__ import annotations

import pytest

from zerepy_plugins.mcp.stderr import LineLog

PATIENCE = 10  # seconds


@pytest.mark.parametrize("end", ["", "\n"])
def test_of_a_line_that_is_too_long_only_that_is_said(end):
    lines = []
    log = LineLog(lines.append)
    log.file.write("first\n" + "x" * 1_000_000 + "\nlast" + end)
    log.close()
    log.wait(PATIENCE)
    first, long, last = lines
    assert (first, last) == ("first", "last")
    assert "more than 16384 characters" in long
