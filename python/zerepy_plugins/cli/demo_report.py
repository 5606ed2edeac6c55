"""How `zpl demo` shows what it did: one function for each part, nothing wider than 100 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from zerepy_plugins.cli.demo_work import DRAFT
from zerepy_plugins.cli.output import console, duration, error_console, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rich.table import Table

_HITS_SHOWN = 3
# A line has two blanks, a score of six, the name and the beginning, with two blanks between.
_NAME_CHARACTERS = 40
_BEGIN_CHARACTERS = 48


def progress(*, hidden: bool) -> Progress:
    """Return a progress bar on standard error, which disappears when it is done."""
    err = error_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=err, transient=True, disable=hidden or not err.is_terminal)


def show_started(plugins: Iterable[Mapping[str, Any]]) -> None:
    """Show the plugins in the order in which they started."""
    grid = table("started", "category", "version", "kind", "initialize")
    _align(grid, "initialize")
    for plugin in plugins:
        facts = (plugin[key] for key in ("name", "category", "version", "kind"))
        grid.add_row(*facts, duration(plugin["initialize_seconds"]))
    _show("Plugins", grid)


def show_documents(documents: Mapping[str, Any]) -> None:
    """Show how much there is to search in."""
    console().print(
        f"{documents['count']:,} docstrings of Python's standard library, "
        f"{documents['characters'] / 1e6:.1f} million characters, "
        f"read in {duration(documents['seconds'])} by stdlib_docs\n"
    )


def show_answers(answers: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Show the best documents for each question, each on one line."""
    out = console()
    out.print("Questions, answered by search", style="bold")
    for question, hits in answers.items():
        out.print(f"\n  {question}", style="cyan")
        for hit in hits[:_HITS_SHOWN]:
            name = _cut(hit["id"], _NAME_CHARACTERS)
            begin = _cut(" ".join(hit["snippet"].split()), _BEGIN_CHARACTERS)
            out.print(f"  {hit['score']:6.2f}  {name:<{_NAME_CHARACTERS}}  {begin}", soft_wrap=True)
    out.print()


def show_posts(posts: Iterable[Mapping[str, Any]]) -> None:
    """Show how much the draft of a post resembles the earlier ones."""
    grid = table("score", "earlier post")
    _align(grid, "score")
    for post in posts:
        grid.add_row(f"{post['score']:.2f}", post["text"])
    console().print(f"Draft: {DRAFT}")
    _show("Has the agent said this before? similar says", grid)


def show_duels(duels: Iterable[Mapping[str, Any]]) -> None:
    """Show the native plugins beside their Python twins."""
    grid = table("work", "Rust", "Python", "faster")
    _align(grid, "Rust", "Python", "faster")
    for duel in duels:
        times = (duration(duel[kind]["seconds"]) for kind in ("native", "python"))
        grid.add_row(duel["work"], *times, f"{duel['speedup']:.1f} x")
    _show("The same work in Rust and in pure Python, with equal results", grid)


def show_usage(usage: Iterable[Mapping[str, Any]]) -> None:
    """Show what the monitor counted."""
    grid = table("plugin", "calls", "errors", "p50", "p99")
    _align(grid, "calls", "errors", "p50", "p99")
    for record in usage:
        counts = (f"{record[key]:,}" for key in ("calls", "errors"))
        grid.add_row(record["plugin"], *counts, duration(record["p50"]), duration(record["p99"]))
    _show("Usage, from the monitor", grid)


def show_stopped(stopped: Iterable[str], store: Path) -> None:
    """Show the order in which the plugins stopped, and where the index is now."""
    out = console()
    out.print(f"Stopped, in reverse: {', '.join(stopped)}")
    out.print(f"The index is kept in {store}", soft_wrap=True)


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


def _align(grid: Table, *right: str) -> None:
    for column in grid.columns:
        if column.header in right:
            column.justify = "right"
            column.no_wrap = True


def _show(title: str, grid: Table) -> None:
    out = console()
    out.print(title, style="bold")
    out.print(grid)
    out.print()
