"""Measurements in child processes, for what a process does only once."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import places

if TYPE_CHECKING:
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
