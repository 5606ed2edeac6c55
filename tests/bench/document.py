"""Results for readers: the lines that are printed, and the document with its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rows import Unit

HEAD = """# Benchmarks

What a call, an event, a start costs here, and what the same costs with other tools and by hand. `make bench` writes
this page; `make bench ONLY="calls hooks"` measures a part of it again. It takes some minutes, and wants a machine that
does nothing else: the load average beside each table was read before it was measured, and numbers under a load of more
than half of the cores are not to be quoted.

How it is measured: all sides of a comparison take turns in one process (or, for what a process does only once, in child
processes that take turns), 31 rounds of 20 ms each unless the thing is longer; the garbage collector is off while the
clock runs. A time is the median of the rounds; a figure is the median of the rounds' own figures, with the quartiles
behind it. Ours always goes through a manager with all defaults on: states are checked, calls counted, payloads limited.
The peers are called directly, and their plugins do no more than ours.

![How many times as long the peer takes](benchmarks.svg)
"""
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
    parts = [HEAD, *(f"- {name}: {text}" for name, text in results["machine"].items()), ""]
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
    return f"{shown(row.figure.median, row.unit)} ({low} – {high})"


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
