"""Results for readers: the lines that are printed, and the document with its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import places
from rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rows import Unit

COLUMNS = ("what", "ours", "peer", "the peer's", "figure (quartiles)", "target", "")


def line(row: Row) -> str:
    """Say one result on one line."""
    peer = f" against {row.peer}" if row.peer else ""
    times = (
        f": {shown(row.ours.median, 's')}, {shown(row.theirs.median, 's')}"
        if row.ours and row.theirs
        else ""
    )
    return f"{row.verdict:6} {figure(row)}, target {target(row)}: {row.name}{peer}{times}"


def markdown(results: dict[str, Any]) -> str:
    """Write the whole document."""
    parts = [
        (places.BENCH / "introduction.md").read_text(),
        *(f"- {name}: {text}" for name, text in results["machine"].items()),
        "",
    ]
    for topic, result in results["topics"].items():
        parts += [f"## {topic.replace('_', ' ').capitalize()}", ""]
        parts += [f"Load average before: {result['load']}. {reading(result['rows'])}", ""]
        parts += [*table([Row.from_json(row) for row in result["rows"]]), ""]
        parts += [f"Not measured: {why}.\n" for why in result["skipped"]]
    return "\n".join(parts)


def reading(rows: list[dict[str, Any]]) -> str:
    ways = dict.fromkeys(row["reads"] for row in rows if row["reads"])
    return f"Figures: {'; '.join(ways)}." if ways else ""


def table(rows: list[Row]) -> Iterator[str]:
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{'---|' * len(COLUMNS)}"
    for row in rows:
        ours, theirs = (spread and shown(spread.median, "s") for spread in (row.ours, row.theirs))
        cells = [
            row.name,
            ours or "",
            row.peer,
            theirs or "",
            figure(row),
            target(row),
            row.verdict,
        ]
        yield f"| {' | '.join(cells)} |"


def figure(row: Row) -> str:
    low, high = shown(row.figure.low, row.unit), shown(row.figure.high, row.unit)
    return f"{shown(row.figure.median, row.unit)} ({low} to {high})"


def target(row: Row) -> str:
    sign = {"at most": "≤", "at least": "≥"}[row.target.kind]
    return f"{sign} {shown(row.target.limit, row.unit)}"


def shown(value: float, unit: Unit) -> str:
    """Show a value with three digits."""
    if unit == "s":
        for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns")):
            if abs(value) * factor >= 1 or name == "ns":
                return f"{rounded(value * factor)} {name}"
    if unit == "bytes":
        return f"{rounded(value / 1024)} KiB"
    return f"{value:.0f}" if unit == "threads" else f"{rounded(value)} x"


def rounded(value: float) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}"
