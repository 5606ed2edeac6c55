"""How many instructions the hot paths take: unlike times, they are the same on every run.

The bounds are about one and a half times what was counted when they were set.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from zerepy_plugins import _native

PROGRAM = Path(__file__).parents[1] / "fixtures" / "instructions" / "program.py"
TIMES = 100  # each path is run, after as many times that are not counted
BOUNDS = {
    "small native call": 19_000,
    "chat native call": 55_000,
    "python call": 10_000,
    "action hook": 19_000,
    "event": 4_500,
    "ready awaited call": 23_000,
}


@pytest.fixture
def counted(tmp_path: Path, twin_dirs: dict[str, Path]) -> dict[str, float]:
    """Instructions by path, as counted in one child process."""
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    if not _native.OPTIMIZED:
        pytest.skip("the extension was built with less than full optimization")
    library = tmp_path / "client.so"
    source = PROGRAM.with_name("client.c")
    built = subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source], check=False)
    if built.returncode:
        pytest.skip("the headers of valgrind are not installed")
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=out"]
    command += [sys.executable, PROGRAM, library, twin_dirs["native"], str(TIMES)]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    counts = {}
    for path in tmp_path.glob("out.*"):
        text = path.read_text()
        name = re.search(r"^desc: Trigger: Client Request: (.+)$", text, re.MULTILINE)
        total = re.search(r"^totals: (\d+)$", text, re.MULTILINE)
        if name and total:
            counts[name[1]] = int(total[1]) / TIMES
    return counts


def test_hot_paths_stay_short(counted: dict[str, float]) -> None:
    assert counted.keys() == BOUNDS.keys()
    too_long = {path: counted[path] for path in BOUNDS if not 0 < counted[path] < BOUNDS[path]}
    assert not too_long
