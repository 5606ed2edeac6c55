"""What the tests of faults share: code for child processes that fork."""

from __future__ import annotations

from textwrap import dedent

import pytest

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
