"""Measures all topics, or those that are named; each in a process of its own.

Prints the results, and writes them to `build/bench/results.json`; once it holds all topics, also to
`docs/benchmarks.md`. What was measured before stays, if it was with the same versions on the same
machine.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from typing import Any

import document
import machine
import places
import plot
from rows import Row

TOPICS = (
    "calls",
    "abi3",
    "python_calls",
    "hooks",
    "events",
    "awaits",
    "threads",
    "scale",
    "discovery",
    "loading",
    "starting",
    "memory",
)


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in TOPICS]
    if unknown:
        print(f"no topic is called {', '.join(unknown)}; there are: {', '.join(TOPICS)}")
        return 2
    facts = machine.facts()
    topics = measured_before(facts)
    for name in names or TOPICS:
        print(f"{name} (load average {machine.load()})", flush=True)
        topics[name] = measure(name)
        for row in topics[name]["rows"]:
            print(f"  {document.line(Row.from_json(row))}", flush=True)
        for why in topics[name]["skipped"]:
            print(f"  not measured: {why}", flush=True)
    topics = {name: topics[name] for name in TOPICS if name in topics}
    write({"machine": facts, "topics": topics})
    return 1 if any(topics[name]["skipped"] for name in names or TOPICS) else 0


def measured_before(facts: dict[str, str]) -> dict[str, Any]:
    if not places.RESULTS.exists():
        return {}
    results = json.loads(places.RESULTS.read_text())
    return results["topics"] if results["machine"] == facts else {}


def measure(name: str) -> dict[str, Any]:
    """Measure a topic in a child process; what failed is a reason instead of rows."""
    load = machine.load()
    done = subprocess.run(
        [sys.executable, __file__, "--topic", name], stdout=subprocess.PIPE, text=True, check=False
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    skipped = [f"the rest of {name}, which failed"] if done.returncode else []
    return {"load": load, "rows": rows, "skipped": skipped}


def measure_here(name: str) -> None:
    """Measure a topic; a line of JSON for each row."""
    for row in importlib.import_module(f"topics.{name}").measure():
        print(json.dumps(row.as_json()), flush=True)


def write(results: dict[str, Any]) -> None:
    places.RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    if len(results["topics"]) < len(TOPICS):
        return
    places.DOCUMENT.parent.mkdir(exist_ok=True)
    places.DOCUMENT.write_text(document.markdown(results))
    rows = [Row.from_json(row) for topic in results["topics"].values() for row in topic["rows"]]
    places.PLOT.write_text(plot.svg(rows))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--topic"]:
        measure_here(sys.argv[2])
    else:
        sys.exit(main(sys.argv[1:]))
