"""How `zpl top` shows numbers: one row for each plugin, those with the most calls first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zerepy_plugins.cli.output import duration, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

COLUMNS = (
    *("pid", "plugin", "state", "health", "calls", "calls/s", "p50", "p95", "p99"),
    *("errors", "timeouts", "in flight", "last error"),
)
_NUMBERS = set(COLUMNS) - {"plugin", "state", "health", "last error"}


class Rates:
    """Calls per second between a process's readings."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, str], tuple[float, int]] = {}

    def add(self, snapshots: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return all plugins' rows, with `pid` and `rate`: `None` where there was no reading."""
        now: dict[tuple[int, str], tuple[float, int]] = {}
        rows = []
        for snapshot in snapshots:
            for plugin in snapshot["plugins"]:
                key = snapshot["pid"], plugin["name"]
                now[key] = snapshot["time"], plugin["calls"]
                rate = _rate(self._before.get(key), now[key])
                rows.append({"pid": snapshot["pid"], **plugin, "rate": rate})
        self._before = now
        rows.sort(key=lambda row: (-row["calls"], row["pid"], row["name"]))
        return rows


def _rate(before: tuple[float, int] | None, now: tuple[float, int]) -> float | None:
    if before is None or now[0] <= before[0]:
        return None
    return max(0, now[1] - before[1]) / (now[0] - before[0])


def top_table(rows: list[dict[str, Any]]) -> Table:
    """Return the rows as a table."""
    grid = table(*COLUMNS)
    for column in grid.columns:
        if column.header in _NUMBERS:
            column.justify = "right"
        column.no_wrap = True
        column.overflow = "ellipsis"
    for row in rows:
        grid.add_row(*_cells(row), style=None if row["healthy"] else "red")
    return grid


def _cells(row: dict[str, Any]) -> list[str]:
    error = (row["last_error"] or "").partition("\n")[0]
    health = ("well" if row["healthy"] else "ill") if row["state"] == "running" else "-"
    counts = (row["errors"], row["timeouts"], row["in_flight"])
    return [
        str(row["pid"]),
        row["name"],
        row["state"],
        health,
        f"{row['calls']:,}",
        "-" if row["rate"] is None else f"{row['rate']:,.1f}",
        *(duration(row[quantile]) if row["calls"] else "-" for quantile in ("p50", "p95", "p99")),
        *(f"{count:,}" for count in counts),
        error,
    ]
