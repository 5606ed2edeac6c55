"""An MCP session after a fork: an error at once, never a hang; the parent goes on."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("mcp")

SERVER = Path(__file__).parents[1] / "fixtures" / "mcp" / "server.py"


def test_a_session_of_the_parent_is_refused(run_child, forking) -> None:
    code = """
        import asyncio, sys
        from zerepy_plugins import PluginManager

        options = {"command": [sys.executable, "-I", "-S", sys.argv[1]]}
        entry = {"name": "files", "type": "mcp", "config": {"options": options}}
        manager = PluginManager([], [entry], entry_points=False)
        manager.load_plugins()
        manager.start_plugins()
        read = ("files", "read", {"path": "a"})
        manager.perform_action(*read)

        def in_child():
            refused(lambda: manager.perform_action(*read))
            refused(lambda: asyncio.run(manager.perform_action_async(*read)))
            assert not asyncio.run(manager["files"].health())
            asyncio.run(manager["files"].cleanup())

        fork_and(in_child)
        assert manager.perform_action(*read) == "content of a"
        manager.stop_plugins()
    """
    done = run_child(forking + dedent(code), SERVER)
    assert (done.returncode, done.stderr) == (0, "")
