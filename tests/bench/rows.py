"""A row of the results: what was measured, what came out, whether that is what we aim at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import harness
from harness import Samples, Spread

Unit = Literal["s", "x", "bytes", "threads"]


@dataclass(frozen=True)
class Target:
    """A bound for a row's figure."""

    kind: Literal["at most", "at least"]
    limit: float

    def is_met(self, value: float) -> bool:
        return value <= self.limit if self.kind == "at most" else value >= self.limit


@dataclass(frozen=True)
class Row:
    """One comparison. `figure` is what has the target; times are seconds for one repetition."""

    name: str
    peer: str
    figure: Spread
    unit: Unit
    target: Target
    ours: Spread | None = None
    theirs: Spread | None = None
    reads: str = ""  # how to read the figure

    @property
    def verdict(self) -> str:
        return "met" if self.target.is_met(self.figure.median) else "missed"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.verdict}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Row:
        fields = {key: value for key, value in fields.items() if key != "verdict"}
        for key in ("figure", "ours", "theirs"):
            fields[key] = fields[key] and Spread(**fields[key])
        return cls(**fields | {"target": Target(**fields["target"])})


def faster(name: str, peer: str, samples: Samples, at_least: float) -> Row:
    """Make a row of how many times as long the peer takes."""
    ours, theirs = samples["ours"], samples["theirs"]
    return Row(
        name,
        peer,
        Spread.of(harness.times(theirs, ours)),
        "x",
        Target("at least", at_least),
        Spread.of(ours),
        Spread.of(theirs),
        "the peer's time / ours",
    )


def share(name: str, peer: str, samples: Samples, at_most: float) -> Row:
    """Make a row of our part of what the peer takes."""
    ours, theirs = samples["ours"], samples["theirs"]
    return Row(
        name,
        peer,
        Spread.of(harness.times(ours, theirs)),
        "x",
        Target("at most", at_most),
        Spread.of(ours),
        Spread.of(theirs),
        "our time / the peer's",
    )


def overhead(name: str, peer: str, samples: Samples, at_most: float) -> Row:
    """Make a row of what we take more than the peer, in seconds."""
    ours, theirs = samples["ours"], samples["theirs"]
    return Row(
        name,
        peer,
        Spread.of(harness.added(ours, theirs)),
        "s",
        Target("at most", at_most),
        Spread.of(ours),
        Spread.of(theirs),
        "our time - the peer's",
    )


def value(name: str, figures: list[float], unit: Unit, at_most: float) -> Row:
    """Make a row of a figure that is compared with nothing."""
    return Row(name, "", Spread.of(figures), unit, Target("at most", at_most))
