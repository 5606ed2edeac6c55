"""After a fork: an error at once, never a hang."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

# The parent loads and calls, and still can after its child has left.
BEFORE = """
    import asyncio, logging, sys
    from zerepy_plugins import PluginManager, discover_plugins
    from zerepy_plugins.errors import PluginError

    logging.getLogger("zerepy_plugins").addHandler(logging.NullHandler())
    manager = PluginManager(sys.argv[1], entry_points=False)
    manager.load_plugins()
    manager.start_plugins()
    manager.perform_action("echo", "echo", {"value": 1})
    manager.perform_action("echo", "sleep", {"seconds": 0})  # the pool has threads now
    asyncio.run(manager.perform_action_async("echo", "sleep", {"seconds": 0}))
"""
AFTER = """
    assert manager.perform_action("echo", "echo", {"value": 2}) == 2
    manager.perform_action("echo", "sleep", {"seconds": 0})
    manager.stop_plugins()
"""


@pytest.fixture
def forked(run_child, twin_dirs, forking):
    def run(in_child: str, kind: str = "native") -> None:
        child = "def in_child():\n" + indent(dedent(in_child), "    ") + "\nfork_and(in_child)\n"
        code = forking + dedent(BEFORE) + child + dedent(AFTER)
        result = run_child(code, twin_dirs[kind])
        assert (result.returncode, result.stderr) == (0, "")

    return run


@pytest.mark.parametrize(
    "call",
    [
        'manager.perform_action("echo", "echo", {"value": 1})',
        'manager.perform_action("echo", "sleep", {"seconds": 0})',
        'manager["echo"].perform_action("echo", {"value": 1})',
        'manager["echo"].health()',
        'manager["echo"].is_configured()',
        'manager["shout"].validate_params({"text": "a"})',
        'manager.execute_sync("shout", {"text": "a"})',
        'asyncio.run(manager.perform_action_async("echo", "echo", {"value": 1}))',
        'asyncio.run(manager.perform_action_async("echo", "sleep", {"seconds": 0}))',
        'asyncio.run(manager.execute("shout", {"text": "a"}))',
        'manager["echo"].cleanup()',
    ],
)
def test_a_native_instance_of_the_parent_is_refused(forked, call):
    forked(f"refused(lambda: {call})")


def test_a_new_instance_in_the_child_works(forked):
    forked(
        "echo = discover_plugins(sys.argv[1])['echo'](); echo.initialize({});"
        " assert echo.perform_action('echo', {'value': 1}) == 1; echo.cleanup()"
    )


@pytest.mark.parametrize(
    "call",
    [
        'manager.perform_action("echo", "sleep", {"seconds": 0})',
        'asyncio.run(manager.perform_action_async("echo", "sleep", {"seconds": 0}))',
    ],
)
def test_blocking_calls_of_a_new_instance_in_the_child_never_hang(forked, call):
    """They work, or they are an error at once."""
    forked(f"""
        manager = PluginManager(sys.argv[1], entry_points=False)
        with manager:
            try:
                {call}
            except PluginError as error:
                assert "fork" in str(error), error
    """)


def test_dropping_everything_in_the_child_is_fine(forked):
    forked("global manager; import gc; del manager; gc.collect()")


def test_stopping_in_the_child_ends(forked):
    forked("""
        try:
            manager.stop_plugins()
        except PluginError:
            manager.stop_plugins(force=True)
    """)


def test_python_plugins_work_in_the_child(forked):
    code = """
        assert manager.execute_sync("shout", {"text": "b"}) == "B"
        assert manager.perform_action("echo", "add", {"a": 1, "b": 2}) == 3
        manager.stop_plugins()
    """
    forked(code, kind="python")


def test_a_child_of_the_middle_of_an_operation_does_not_wait_for_it(run_child, forking):
    code = """
        import logging, threading
        from zerepy_plugins import ConnectionPlugin, PluginManager, PluginRegistry

        begun, go_on = threading.Event(), threading.Event()

        class Slow(ConnectionPlugin):
            name = "slow"
            version = "1.0.0"
            def initialize(self, config):
                begun.set()
                go_on.wait()
            def cleanup(self): ...
            def is_configured(self): return True
            def configure(self): return True
            def perform_action(self, action, params): ...

        logging.getLogger("zerepy_plugins").addHandler(logging.NullHandler())
        registry = PluginRegistry()
        registry.register("connection", "slow", Slow)
        manager = PluginManager([], registry=registry, entry_points=False)
        manager.load_plugins()
        thread = threading.Thread(target=manager.start_plugins)
        thread.start()
        begun.wait()
        fork_and(lambda: refused(manager.stop_plugins))
        go_on.set()
        thread.join()
        assert manager.stop_plugins() == ["slow"]
    """
    result = run_child(forking + dedent(code))
    assert (result.returncode, result.stderr) == (0, "")
