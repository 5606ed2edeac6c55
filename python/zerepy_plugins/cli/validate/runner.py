"""Runs checks in child processes and says how they ended, whatever happened to the child."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zerepy_plugins.cli.validate.outcome import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SHOWN_CHARS = 400


@dataclass(frozen=True)
class Runner:
    """What all checks of one run have in common."""

    directory: Path
    """A plugin directory with what is checked."""
    scratch: Path
    """An own directory for jobs, reports and what children write."""
    config: Path | None
    allowed: Sequence[str]
    params: Mapping[str, Any]
    seconds: float
    """How long each check may take."""

    def find(self) -> tuple[Mapping[str, Any], Outcome | None]:
        """Load everything once, and return what is found; and the failure if that fails as a whole.

        Found are the `checks` there are, the `actions` by plugin, and what is `broken`.
        """
        report, ending = self._run("load", "")
        if "found" in report:
            return report["found"], None
        return {"checks": [], "actions": {}, "broken": []}, self._died(report, ending)

    def check(self, check: str, plugin: str) -> Outcome:
        """Make one check; never raises for what the plugin does."""
        report, ending = self._run(check, plugin)
        if "outcome" in report:
            return Outcome.parse(report["outcome"])
        return self._died(report, ending)

    def _run(self, check: str, plugin: str) -> tuple[dict[str, Any], str]:
        """Return what the child reported, and how it ended if not by itself."""
        job, report = self.scratch / "job.json", self.scratch / "report.jsonl"
        report.unlink(missing_ok=True)
        job.write_text(json.dumps(self._job(check, plugin, report)), encoding="utf-8")
        command = [sys.executable, "-m", "zerepy_plugins.cli.validate.child", str(job)]
        with (self.scratch / "output").open("wb") as output:
            child = subprocess.Popen(  # noqa: S603 - our own module
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # so that its own children end with it
            )
            try:
                code = child.wait(self.seconds)
                ending = (
                    f"the process died of {_signal(-code)}" if code < 0 else f"exit code {code}"
                )
            except subprocess.TimeoutExpired:
                ending = f"it did not end within {self.seconds:g} s"
            finally:
                _end(child)
        return _read(report), ending

    def _job(self, check: str, plugin: str, report: Path) -> dict[str, Any]:
        return {
            "check": check,
            "plugin": plugin,
            "report": str(report),
            "directory": str(self.directory),
            "config": str(self.config) if self.config else None,
            "allowed": list(self.allowed),
            "params": dict(self.params),
            "seconds": self.seconds,
        }

    def _died(self, report: Mapping[str, Any], ending: str) -> Outcome:
        step = f", while {report['step']}" if "step" in report else ""
        output = (self.scratch / "output").read_text("utf-8", errors="replace").strip()
        said = f"; it wrote: {output[-_SHOWN_CHARS:]}" if output else ""
        return Outcome(
            Verdict.FAILED,
            f"{ending}{step}{said}",
            "Nothing a plugin is given may end or block the process; run it under a debugger",
        )


def _read(report: Path) -> dict[str, Any]:
    """Return what the lines say, later ones over earlier; a line cut off by a crash is left out."""
    found: dict[str, Any] = {}
    lines = report.read_text("utf-8").splitlines() if report.is_file() else []
    for line in lines:
        try:
            found |= json.loads(line)
        except json.JSONDecodeError:
            break
    return found


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child, and all that it started, if it has not ended by itself."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
