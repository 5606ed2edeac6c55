"""Measurements in child processes, for what a process does only once."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Runner


def child(code: str, *arguments: object) -> Any:
    """Run Python code; what it prints, as JSON."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=places.BENCH, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the child process failed: {done.stderr}")
    return json.loads(done.stdout)


def timed(code: str, *arguments: object, before: str = "") -> Runner:
    """Make a runner of code that is timed in a child process, once in each; `before` is not."""
    whole = f"import time\n{before}\nbegan = time.perf_counter()\n{code}\n"
    whole += "print(time.perf_counter() - began)"
    return lambda number: sum(child(whole, *arguments) for _ in range(number))


@contextmanager
def running(code: str, *arguments: object) -> Iterator[Runner]:
    """Start a child process with a runner of its own: it answers a number with seconds."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=places.BENCH, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None

        def run(number: int) -> float:
            print(number, file=child.stdin, flush=True)
            return float(child.stdout.readline())

        yield run
        child.stdin.close()
