"""What the tests of faults share: code for child processes that fork, and what chaos is made of."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections import Counter
from pathlib import Path
from textwrap import dedent

import pytest

from zerepy_plugins import _work, discover_plugins, get_include

ROOT = Path(__file__).parents[2]

# `fork_and` runs a function in a forked process, which then leaves at once, and waits for it;
# `refused` is a call that must be an error, and one that says why.
FORKING = """
    import os, signal, warnings
    from zerepy_plugins.errors import PluginStateError

    warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, about forks with threads

    def refused(call):
        try:
            call()
        except PluginStateError as error:
            assert "fork" in str(error), error
        else:
            raise AssertionError("not refused")

    def fork_and(in_child):
        child = os.fork()
        if child == 0:
            signal.alarm(10)  # a hang dies of it
            status = 1
            try:
                in_child()
                status = 0
            except BaseException:
                import traceback
                traceback.print_exc()
            finally:
                os._exit(status)
        status = os.waitpid(child, 0)[1]
        assert os.waitstatus_to_exitcode(status) == 0, os.waitstatus_to_exitcode(status)
"""


@pytest.fixture
def forking() -> str:
    """Code that defines `refused(call)` and `fork_and(in_child)`."""
    return dedent(FORKING)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The classes that those in Rust and in C are made of."""
    rust, c = tmp_path_factory.mktemp("rust"), tmp_path_factory.mktemp("c")
    shutil.copy(ROOT / "target/release/libzerepy_fixture_tasks.so", rust)
    flags = ["-std=c11", "-O1", "-shared", "-fPIC", "-I", get_include()]
    subprocess.run(["cc", *flags, "-o", c / "raw.so", ROOT / "tests/fixtures/c/raw.c"], check=True)
    return {"rust": discover_plugins(rust)["chaotic"], "c": discover_plugins(c)["raw"]}


@pytest.fixture
def host_threads():
    """Count threads by name, but for those that are idle or kept for ever."""

    def read():
        made = (it for it in threading.enumerate() if not isinstance(it, threading._DummyThread))
        names = Counter(thread.name for thread in made)
        names["zerepy-worker"] -= len(_work._idle)
        del names["zerepy-loop"]
        return +names

    return read
