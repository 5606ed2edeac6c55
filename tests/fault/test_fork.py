"""After a fork: an error at once, never a hang."""

from __future__ import annotations

import pytest

# The parent loads and calls; the child runs the code at the end and must leave by itself.
FORKED = """
    import asyncio, logging, os, signal, sys, warnings
    from zerepy_plugins import PluginManager, discover_plugins
    from zerepy_plugins.errors import PluginError, PluginStateError

    warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, about forks with threads
    logging.getLogger("zerepy_plugins").addHandler(logging.NullHandler())
    manager = PluginManager(sys.argv[1], entry_points=False)
    manager.load_plugins()
    manager.start_plugins()
    manager.perform_action("echo", "echo", {{"value": 1}})
    manager.perform_action("echo", "sleep", {{"seconds": 0}})  # the pool has threads now
    asyncio.run(manager.perform_action_async("echo", "sleep", {{"seconds": 0}}))

    def refused(call):
        try:
            call()
        except PluginStateError as error:
            assert "fork" in str(error), error
            return True
        return False

    def in_child():
        {in_child}

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
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, os.waitstatus_to_exitcode(status)
    assert manager.perform_action("echo", "echo", {{"value": 2}}) == 2
    manager.perform_action("echo", "sleep", {{"seconds": 0}})
    manager.stop_plugins()
"""


@pytest.fixture
def forked(run_child, twin_dirs):
    def run(in_child: str) -> None:
        result = run_child(FORKED.format(in_child=in_child), twin_dirs["native"])
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
    forked(f"assert refused(lambda: {call})")


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


def test_python_plugins_work_in_the_child(run_child, twin_dirs):
    code = """
        import os, signal, sys, warnings
        from zerepy_plugins import PluginManager

        warnings.simplefilter("ignore", DeprecationWarning)
        manager = PluginManager(sys.argv[1], entry_points=False)
        manager.load_plugins()
        manager.start_plugins()
        assert manager.execute_sync("shout", {"text": "a"}) == "A"  # a background loop runs now
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            assert manager.execute_sync("shout", {"text": "b"}) == "B"
            assert manager.perform_action("echo", "add", {"a": 1, "b": 2}) == 3
            manager.stop_plugins()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """
    result = run_child(code, twin_dirs["python"])
    assert (result.returncode, result.stderr) == (0, "")
