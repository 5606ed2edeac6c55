"""The child process of one check: reads its job, makes the check, writes down how it ended.

Run as a module, with the job's file as its argument. It reports into a file, line by line, so that
what is known survives a crash; plugins may write to standard output as they like.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import signal
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from zerepy_plugins import PluginManager
from zerepy_plugins.cli.validate import calls, crowd, declared, life
from zerepy_plugins.cli.validate.outcome import CheckFailed, CheckSkipped, Outcome, Verdict
from zerepy_plugins.cli.validate.subject import Subject
from zerepy_plugins.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHECKS: Mapping[str, Callable[[Subject], list[str]]] = {
    "declaration": declared.declaration,
    "lifecycle": life.lifecycle,
    "leaks": life.leaks,
    "configuration": life.configuration,
    "recovery": life.recovery,
    "garbage": calls.garbage,
    "isolation": calls.isolation,
    "results": calls.results,
    "concurrency": crowd.concurrency,
    "cancellation": crowd.cancellation,
}
_GRACE_SECONDS = 5
_MAX_REASON_CHARS = 1_000  # a plugin may give the 8 MiB it got back in its error


def main(job_file: str) -> None:
    """Do the job; nothing is raised for what the plugin does."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    logging.getLogger("zerepy_plugins").addHandler(logging.NullHandler())
    # Should the parent be gone, nobody else ends a plugin that hangs.
    signal.alarm(math.ceil(job["seconds"]) + _GRACE_SECONDS)
    with Path(job["report"]).open("w", encoding="utf-8") as report:
        if job["check"] == "load":
            _write(report, found=_find(Path(job["directory"])))
        else:
            outcome = _check(_subject(job, report), CHECKS[job["check"]])
            _write(report, outcome=dataclasses.asdict(outcome))


def _write(report: IO[str], **line: Any) -> None:
    report.write(json.dumps(line) + "\n")
    report.flush()


def _subject(job: Mapping[str, Any], report: IO[str]) -> Subject:
    return Subject(
        directory=Path(job["directory"]),
        name=job["plugin"],
        config=job["config"],
        allowed=frozenset(job["allowed"]),
        params=job["params"],
        seconds=job["seconds"],
        note=lambda step: _write(report, step=step),
    )


def _check(subject: Subject, check: Callable[[Subject], list[str]]) -> Outcome:
    try:
        return Outcome(Verdict.OK, warnings=check(subject))
    except CheckSkipped as skipped:
        return Outcome(Verdict.SKIPPED, str(skipped))
    except CheckFailed as failed:
        return Outcome(Verdict.FAILED, failed.reason[:_MAX_REASON_CHARS], failed.hint)
    except PluginError as error:
        return Outcome(Verdict.FAILED, error.message[:_MAX_REASON_CHARS], error.hint)
    except BaseException as error:  # noqa: BLE001 - SystemExit too: a plugin must not end us
        return Outcome(
            Verdict.FAILED, f"it raised {type(error).__name__}: {error}"[:_MAX_REASON_CHARS]
        )


def _find(directory: Path) -> dict[str, Any]:
    """Return the plugins that load, with their actions, and why the others do not."""
    manager = PluginManager(directory, entry_points=False)
    manager.load_plugins()
    origins = {(status.name, status.origin) for status in manager.status()}
    names = sorted(name for name, _ in origins)
    broken = [
        {
            "plugin": failure.plugin or Path(failure.origin).stem,
            "outcome": dataclasses.asdict(
                Outcome(
                    Verdict.FAILED,
                    getattr(failure.error, "message", str(failure.error)),
                    failure.hint,
                )
            ),
        }
        for failure in manager.failures
        if (failure.plugin, failure.origin) not in origins
    ]
    actions = {name: list(manager.describe(name)["actions"]) for name in names}
    return {"checks": list(CHECKS), "actions": actions, "broken": broken}


if __name__ == "__main__":
    main(sys.argv[1])
