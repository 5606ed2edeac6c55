"""What a check can come to. Knows no plugins and no processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Outcome:
    """How one check of one plugin ended, and why; `warnings` do not make it fail."""

    verdict: Verdict
    reason: str = ""
    hint: str | None = None
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> Outcome:
        """Return what a child wrote down with `dataclasses.asdict`."""
        return cls(**(fields | {"verdict": Verdict(fields["verdict"])}))


class CheckFailed(Exception):  # noqa: N818 - what the plugin did, not an error of ours
    """The plugin does not pass; raised by a check.

    Args:
        reason: What the plugin did, in a sentence without its name.
        hint: What to mend.
    """

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class CheckSkipped(Exception):  # noqa: N818 - no error either
    """The check cannot be made of this plugin; the text says why."""
