"""What `zpl validate` shows: checks as they end, or all of them as JSON. Runs nothing."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import typer

from zerepy_plugins.cli.output import console, print_json
from zerepy_plugins.cli.reporting import ExitCode
from zerepy_plugins.cli.validate.outcome import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_STYLES = {Verdict.OK: "green", Verdict.FAILED: "bold red", Verdict.SKIPPED: "dim"}
_WORDS = {Verdict.OK: "ok", Verdict.FAILED: "FAILED", Verdict.SKIPPED: "skipped"}


class Report:
    """Shows checks as they end, or gathers them for JSON."""

    def __init__(self, path: Path, staged: Path, *, as_json: bool) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        self._as_json = as_json
        # What messages call the place of a single file, and what the user calls it.
        self._staged, self._place = str(staged), str(path.resolve().parent)
        self._is_staged = staged != path.resolve()
        self._console = console()
        self._began = time.monotonic()
        self._shown_plugin = ""

    def running(self, plugin: str, check: str) -> AbstractContextManager[object]:
        """Show in a terminal what is running."""
        self._began = time.monotonic()
        if self._as_json or not self._console.is_terminal:
            return nullcontext()
        return self._console.status(f"{plugin}: {check}")

    def add(self, plugin: str, check: str, outcome: Outcome) -> None:
        """Show one that has ended."""
        row = {
            "plugin": plugin,
            "check": check,
            "verdict": outcome.verdict,
            "reason": self._in_users_words(outcome.reason),
            "hint": outcome.hint,
            "warnings": outcome.warnings,
            "seconds": round(time.monotonic() - self._began, 3),
        }
        self.rows.append(row)
        if not self._as_json:
            self._print(row)

    def _in_users_words(self, text: str) -> str:
        return text.replace(self._staged, self._place) if self._is_staged else text

    def _print(self, row: Mapping[str, Any]) -> None:
        out = self._console
        if row["plugin"] != self._shown_plugin:
            self._shown_plugin = row["plugin"]
            out.print(row["plugin"], style="bold")
        verdict = row["verdict"]
        reason = f": {row['reason']}" if row["reason"] else ""
        out.print(f"  {row['check']:<13} ", end="")
        out.print(_WORDS[verdict], style=_STYLES[verdict], end="")
        out.print(reason, soft_wrap=True)
        if row["hint"]:
            out.print(f"  {'':<13} hint: {row['hint']}", soft_wrap=True)
        for warning in row["warnings"]:
            out.print(f"  {'':<13} warning: {warning}", soft_wrap=True, style="yellow")

    def end(self) -> None:
        """Sum up, and end with exit code 1 if a check failed."""
        counts = dict.fromkeys(Verdict, 0)
        for row in self.rows:
            counts[row["verdict"]] += 1
        if self._as_json:
            print_json(self.rows)
        else:
            sums = ", ".join(f"{counts[verdict]} {_WORDS[verdict]}" for verdict in Verdict)
            self._console.print(f"\n{sums}", soft_wrap=True)
        if counts[Verdict.FAILED]:
            raise typer.Exit(ExitCode.FAILED)
