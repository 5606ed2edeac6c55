"""Ctrl-C: it arrives as KeyboardInterrupt, at once, and the process ends cleanly."""

from __future__ import annotations

import pytest

HEAD = """
    import asyncio, logging, os, signal, sys, threading, time
    from zerepy_plugins import ConnectionPlugin, PluginManager, PluginRegistry

    logging.getLogger("zerepy_plugins").addHandler(logging.NullHandler())
    signal.alarm(40)  # a hang dies of it
    outcomes = []

    def interrupt_when(condition):
        '''Send Ctrl-C from another thread, as soon as the main thread is where it should be.'''
        def watch():
            while not condition():
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=watch, daemon=True).start()

    def in_call(manager):
        return lambda: manager.monitor.stats("echo").in_flight

    def watched(manager):
        after = lambda plugin, action, outcome, seconds: outcomes.append(outcome)
        manager.monitor.add_observer(after=after)
        return manager
"""


@pytest.fixture
def check(run_child):
    def run(code: str, *arguments: object) -> None:
        result = run_child(HEAD + code, *arguments)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == "done\n"

    return run


def test_in_a_blocking_call(check, twins_dir):
    check(
        """
    with watched(PluginManager(sys.argv[1], entry_points=False)) as manager:
        interrupt_when(in_call(manager))
        try:
            manager.perform_action("echo", "sleep", {"seconds": 0.5})
        except KeyboardInterrupt:
            pass
        assert outcomes == ["abandoned"], outcomes
        assert manager.perform_action("echo", "echo", {"value": 1}) == 1
    print("done")
    """,
        twins_dir,
    )


def test_it_leaves_the_with_block_as_keyboard_interrupt(check, twins_dir):
    check(
        """
    manager = watched(PluginManager(sys.argv[1], entry_points=False))
    try:
        with manager:
            interrupt_when(in_call(manager))
            manager.perform_action("echo", "sleep", {"seconds": 0.5})
    except KeyboardInterrupt:
        assert len(manager) == 0
        print("done")
    """,
        twins_dir,
    )


def test_in_an_awaited_call(check, twin_dirs):
    check(
        """
    async def main():
        async with watched(PluginManager(sys.argv[1], entry_points=False)) as manager:
            interrupt_when(in_call(manager))
            await manager.perform_action_async("echo", "sleep", {"seconds": 0.5})
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        assert outcomes == ["abandoned"], outcomes
        print("done")
    """,
        twin_dirs["native"],
    )


def test_an_unhandled_one_ends_the_process_as_always(run_child, twins_dir):
    result = run_child(
        HEAD
        + """
    manager = PluginManager(sys.argv[1], entry_points=False)
    manager.load_plugins()
    manager.start_plugins()
    interrupt_when(in_call(manager))
    manager.perform_action("echo", "sleep", {"seconds": 30})
    """,
        twins_dir,
    )
    assert result.returncode in (-2, 130)
    assert result.stderr.rstrip().endswith("KeyboardInterrupt")


PLUGIN = """
    entered, log = [], []

    class Slow(ConnectionPlugin):
        name, version = "slow", "1"
        {prefix}def initialize(self, config):
            entered.append("initialize")
            {sleep}(30 if "initialize" in sys.argv else 0)
        {prefix}def cleanup(self):
            log.append("cleanup")
        def is_configured(self): return True
        def configure(self): return True
        {prefix}def perform_action(self, action, params):
            entered.append("action")
            {sleep}(30)

    class First(Slow):
        name = "first"
        def initialize(self, config): pass
        def cleanup(self): log.append("first cleaned up")

    registry = PluginRegistry()
    registry.register("connection", "first", First)
    registry.register("connection", "slow", Slow)
    manager = PluginManager([], registry=registry, entry_points=False)
    interrupt_when(lambda: entered and entered[-1] == sys.argv[1])
"""
SYNC = PLUGIN.format(prefix="", sleep="time.sleep")
ASYNC = PLUGIN.format(prefix="async ", sleep="await asyncio.sleep")

both_styles = pytest.mark.parametrize("plugin", [SYNC, ASYNC], ids=["sync", "async"])


@both_styles
def test_in_an_action_in_python(check, plugin):
    check(
        plugin
        + """
    try:
        with manager:
            manager.perform_action("slow", "x")
    except KeyboardInterrupt:
        assert log == ["cleanup", "first cleaned up"], log
        print("done")
    """,
        "action",
    )


@both_styles
def test_during_the_start(check, plugin):
    """What runs already is stopped again; what was starting is failed."""
    check(
        plugin
        + """
    try:
        with manager:
            print("must not come here")
    except KeyboardInterrupt:
        states = {status.name: str(status.state) for status in manager.status()}
        assert states == {"first": "stopped", "slow": "failed"}, states
        assert log == ["first cleaned up"], log
        print("done")
    """,
        "initialize",
    )


@pytest.mark.parametrize("end", ["by itself", "by stop"])
@pytest.mark.parametrize("kind", ["python", "native"])
def test_while_a_reload_waits_for_calls_in_flight(check, sleeper_dirs, kind, end):
    check(
        """
    def until(condition):
        while not condition():
            time.sleep(0.001)

    manager = PluginManager(sys.argv[1], entry_points=False)
    manager.load_plugins()
    manager.start_plugins("sleeper")
    ended, told = [], []

    class Hooks:
        def post_cleanup(self, plugin):
            ended.append(plugin)

    manager.add_hooks(Hooks())
    manager.events.subscribe("plugin.reloaded", lambda event: told.append(event.name))
    old, stats = manager["sleeper"], lambda: manager.monitor.stats("sleeper")
    call = threading.Thread(target=manager.perform_action, args=("sleeper", "nap", {"seconds": 1}))
    call.start()
    until(lambda: stats().in_flight)
    interrupt_when(lambda: told)
    try:
        manager.reload("sleeper")
    except KeyboardInterrupt:
        outcomes.append("interrupted")
    assert (outcomes, stats().in_flight, ended) == (["interrupted"], 1, []), (outcomes, ended)
    new = manager["sleeper"]
    assert new is not old
    assert manager.perform_action("sleeper", "nap", {"seconds": 0}) == 0
    if sys.argv[2] == "by itself":
        until(lambda: ended)
        assert (ended, stats().in_flight) == ([old], 0)
    manager.stop_plugins()
    assert ended == ([old, new] if sys.argv[2] == "by itself" else [new, old]), ended
    call.join()
    print("done")
    """,
        sleeper_dirs[kind],
        end,
    )


def test_during_an_awaited_start(check):
    check(
        ASYNC
        + """
    async def main():
        await manager.load_plugins_async()
        await manager.start_plugins_async()
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("done")
    """,
        "initialize",
    )


def test_while_the_host_only_describes_a_failure(check):
    check(
        """
    class Odd(Exception):
        def __str__(self):
            os.kill(os.getpid(), signal.SIGINT)
            return "odd"

    class Fails(ConnectionPlugin):
        name = "fails"
        version = "1.0.0"
        def initialize(self, config): raise Odd
        def cleanup(self): pass
        def is_configured(self): return True
        def configure(self): return True
        def perform_action(self, action, params): pass

    registry = PluginRegistry()
    registry.register("connection", "fails", Fails)
    manager = PluginManager([], registry=registry, entry_points=False, initialize_timeout=None)
    manager.load_plugins()
    try:
        manager.start_plugins()
        time.sleep(5)
    except KeyboardInterrupt:
        print("done")
    """
    )


@pytest.mark.parametrize("value", ["[object()]", "{1: 1}"])
def test_a_loop_of_refused_calls_is_interrupted(run_child, twin_dirs, value):
    """Making the text of an error once swallowed the Ctrl-C that came before."""
    result = run_child(
        f"""
        import os, signal, sys, threading, time
        from zerepy_plugins import discover_plugins
        from zerepy_plugins.errors import InvalidParamsError

        signal.alarm(40)
        plugin = discover_plugins(sys.argv[1])["echo"]()
        plugin.initialize({{}})
        params = {{"value": {value}}}

        def interrupt():
            time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGINT)

        for _ in range(20):
            thread = threading.Thread(target=interrupt)
            thread.start()
            try:
                while True:
                    try:
                        plugin.perform_action("echo", params)
                    except InvalidParamsError:
                        pass
            except KeyboardInterrupt:
                thread.join()
        """,
        twin_dirs["native"],
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_an_interruption_while_a_key_is_shown(run_child, twin_dirs):
    result = run_child(
        """
        import sys
        from zerepy_plugins import discover_plugins

        class Key:
            def __repr__(self):
                raise KeyboardInterrupt

        plugin = discover_plugins(sys.argv[1])["echo"]()
        plugin.initialize({})
        try:
            plugin.perform_action("echo", {"value": {Key(): 1}})
        except KeyboardInterrupt:
            print("interrupted")
        """,
        twin_dirs["native"],
    )
    assert (result.stdout, result.stderr) == ("interrupted\n", "")
