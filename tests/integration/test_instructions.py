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


@pytest.fixture(scope="module")
def counted(
    tmp_path_factory: pytest.TempPathFactory, twin_dirs: dict[str, Path]
) -> dict[str, float]:
    """Instructions by path, as counted in one child process."""
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    if not _native.OPTIMIZED:
        pytest.skip("the extension was built with less than full optimization")
    directory = tmp_path_factory.mktemp("instructions")
    library = directory / "client.so"
    source = PROGRAM.with_name("client.c")
    built = subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source], check=False)
    if built.returncode:
        pytest.skip("the headers of valgrind are not installed")
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=out"]
    command += [sys.executable, PROGRAM, library, twin_dirs["native"], str(TIMES)]
    subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=60)
    counts = {}
    for path in directory.glob("out.*"):
        text = path.read_text()
        name = re.search(r"^desc: Trigger: Client Request: (.+)$", text, re.MULTILINE)
        total = re.search(r"^totals: (\d+)$", text, re.MULTILINE)
        if name and total:
            counts[name[1]] = int(total[1]) / TIMES
    return counts


@pytest.mark.parametrize("path", BOUNDS)
def test_a_hot_path_stays_short(counted: dict[str, float], path: str) -> None:
    assert 0 < counted[path] < BOUNDS[path]
