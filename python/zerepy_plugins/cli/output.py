"""Writing to the terminal or to a pipe: consoles, tables, JSON. Knows nothing of plugins' work."""

from __future__ import annotations

import base64
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

# Wide enough that nothing is folded or cut where another program reads.
_PIPE_COLUMNS = 10_000


def console() -> Console:
    """Return a console on standard output: plain and unfolded where that is no terminal."""
    return _console(stderr=False)


def error_console() -> Console:
    """Return a console on standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    # Text from plugins is shown as it is: neither markup nor emoji codes mean anything in it.
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPE_COLUMNS
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=width)


def table(*columns: str) -> Table:
    """Return an empty table with these headings."""
    grid = Table(
        *columns,
        box=SIMPLE_HEAD if sys.stdout.isatty() else None,
        header_style="bold",
        pad_edge=False,
        show_edge=False,
    )
    for column in grid.columns:
        column.overflow = "fold"
    return grid


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it, with three digits: `1.23 ms`."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.0f} ns"


def short_path(origin: str) -> str:
    """Return a path as seen from the working directory, if it lies below it."""
    here = Path.cwd()
    return str(Path(origin).relative_to(here)) if Path(origin).is_relative_to(here) else origin


def print_json(value: Any) -> None:
    """Write `value` to standard output as one JSON document."""
    _write_json(value, indent=2 if sys.stdout.isatty() else None)


def print_json_line(value: Any) -> None:
    """Write `value` to standard output as one line of JSON, at once."""
    _write_json(value, indent=None)
    sys.stdout.flush()


def _write_json(value: Any, *, indent: int | None) -> None:
    sys.stdout.write(json.dumps(value, indent=indent, ensure_ascii=False, default=_jsonable))
    sys.stdout.write("\n")


def _jsonable(value: Any) -> Any:
    """Give JSON what it has no word for: bytes become base64, unknown objects their `repr`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence | set | frozenset):
        return list(value)
    return repr(value)


def print_value(value: Any) -> None:
    """Show a result to a person: records of one shape as a table, text as it is, else JSON."""
    if isinstance(value, str):
        console().print(value)
    elif _are_records(value):
        columns = list(value[0])
        grid = table(*columns)
        for record in value:
            grid.add_row(*(_cell(record[column]) for column in columns))
        console().print(grid)
    else:
        print_json(value)


def _are_records(value: Any) -> bool:
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return False
    columns = value[0].keys()
    return bool(columns) and all(
        isinstance(record, dict) and record.keys() == columns for record in value
    )


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, default=_jsonable)
