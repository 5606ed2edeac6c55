"""Plugins that try to end the program: an error of the plugin, and everything goes on."""

from __future__ import annotations

from textwrap import dedent

import pytest

HEAD = """
    import asyncio, logging, signal, sys, threading, time
    from zerepy_plugins import ActionPlugin, Event, PluginManager, PluginRegistry
    from zerepy_plugins.errors import PluginError, PluginExecutionError

    signal.alarm(10)  # a hang dies of it
    logging.getLogger("zerepy_plugins").addHandler(logging.NullHandler())
    exits = SystemExit(3)

    class Calm(ActionPlugin):
        name, version = "calm", "1"
        def initialize(self, config): pass
        def cleanup(self): pass
        def validate_params(self, params): return []
        async def execute(self, params):
            await asyncio.sleep(0)
            return params

    def manager_of(*classes):
        registry = PluginRegistry()
        for plugin in (*classes, Calm):
            registry.register("action", plugin.name, plugin)
        manager = PluginManager([], registry=registry, entry_points=False)
        manager.load_plugins()
        return manager

    def still_works(manager):
        assert manager.execute_sync("calm", {"x": 1}) == {"x": 1}
"""


@pytest.fixture
def check(run_child):
    def run(code: str) -> None:
        result = run_child(dedent(HEAD) + dedent(code))
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    return run


@pytest.mark.parametrize("style", ["def", "async def"])
@pytest.mark.parametrize("call", ["manager.execute_sync('a')", "asyncio.run(awaited(manager))"])
def test_in_an_action(check, style, call):
    check(f"""
        class A(Calm):
            name = "a"
            {style} execute(self, params):
                raise exits
        async def awaited(manager):
            return await manager.execute("a")
        manager = manager_of(A)
        manager.start_plugins()
        for _ in range(2):
            try:
                {call}
            except PluginExecutionError as error:
                assert error.__cause__ is exits
            else:
                raise AssertionError("no error")
            still_works(manager)
        manager.stop_plugins()
    """)


@pytest.mark.parametrize("style", ["def", "async def"])
def test_in_initialize_and_cleanup(check, style):
    check(f"""
        class A(Calm):
            name = "a"
            {style} initialize(self, config):
                raise exits
        class B(Calm):
            name = "b"
            {style} cleanup(self):
                raise exits
        manager = manager_of(A, B)
        assert manager.start_plugins() == ["b", "calm"]
        assert "SystemExit" in str(manager.failures[0].error)
        still_works(manager)
        try:
            manager.stop_plugins()
        except PluginError as error:
            assert "SystemExit" in str(error)
        else:
            raise AssertionError("no error")
        manager.stop_plugins(force=True)
    """)


@pytest.mark.parametrize("style", ["def", "async def"])
def test_in_a_hook(check, style):
    check(f"""
        class Hooks:
            {style} post_initialize(self, plugin):
                if plugin.name == "a":
                    raise exits
        class A(Calm):
            name = "a"
        manager = manager_of(A)
        manager.add_hooks(Hooks())
        assert manager.start_plugins() == ["calm"]
        still_works(manager)
        manager.stop_plugins()
    """)


def test_in_an_async_handler_in_the_background(check):
    check("""
        manager = manager_of()
        manager.start_plugins()
        entered = threading.Event()
        async def handler(event):
            entered.set()
            raise exits
        manager.events.subscribe("a", handler)
        manager.events.publish(Event("a"))
        entered.wait()
        still_works(manager)
        manager.stop_plugins()
    """)


def test_a_background_task_of_a_plugin(check):
    """What a plugin leaves running on the loop may fail; nobody is stopped by it."""
    check("""
        class A(Calm):
            name = "a"
            async def execute(self, params):
                async def later():
                    pass
                self.task = asyncio.ensure_future(later())
        manager = manager_of(A)
        manager.start_plugins()
        manager.execute_sync("a")
        still_works(manager)
        manager.stop_plugins()
    """)
