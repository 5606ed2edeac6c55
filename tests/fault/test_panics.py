"""A Rust plugin that panics: told with its place, refused until it starts anew, nothing dies."""

from __future__ import annotations

import asyncio

import pytest

from zerepy_plugins import PluginManager, discover_plugins
from zerepy_plugins.errors import (
    PluginCleanupError,
    PluginExecutionError,
    PluginPanicError,
    PluginStateError,
)


@pytest.fixture
def manager(twin_dirs):
    manager = PluginManager(twin_dirs["native"], entry_points=False)
    manager.load_plugins()
    yield manager
    manager.stop_plugins(force=True)


def configured(twin_dirs, **options):
    config = {"fragile": {"config": {"options": options}}}
    manager = PluginManager(twin_dirs["native"], config, entry_points=False)
    manager.load_plugins()
    return manager


def test_an_action_that_panics(manager):
    manager.start_plugins()
    with pytest.raises(PluginPanicError) as caught:
        manager.perform_action("echo", "panic", {"message": "the sky fell"})
    error = caught.value
    assert isinstance(error, PluginExecutionError)
    assert "the sky fell" in str(error)
    assert "echo.rs:" in str(error)
    assert (error.plugin, error.code) == ("echo", "plugin_panicked")
    assert manager.monitor.stats("echo").errors == 1


@pytest.mark.parametrize("message", ["", "größe", "a\nb", "{}", "x" * 10_000])
def test_messages_of_panics_arrive_whole(manager, message):
    manager.start_plugins("echo")
    with pytest.raises(PluginPanicError) as caught:
        manager.perform_action("echo", "panic", {"message": message})
    assert message in str(caught.value)


def test_it_takes_no_calls_until_it_is_initialized_again(manager):
    manager.start_plugins()
    with pytest.raises(PluginPanicError):
        manager.perform_action("echo", "panic", {"message": "x"})
    for _ in range(2):
        with pytest.raises(PluginStateError, match="panicked before"):
            manager.perform_action("echo", "echo", {"value": 1})
    manager.stop_plugins("echo")
    manager.start_plugins()
    assert manager.perform_action("echo", "echo", {"value": 1}) == 1


def test_the_others_go_on(manager):
    manager.start_plugins()
    with pytest.raises(PluginPanicError):
        manager.perform_action("echo", "panic", {"message": "x"})
    assert manager.execute_sync("shout", {"text": "a"}) == "A"
    assert manager.perform_action("dependent", "ping") == "pong"


def test_other_instances_of_the_same_class_go_on(twin_dirs):
    echo = discover_plugins(twin_dirs["native"])["echo"]
    one, two = echo(), echo()
    for plugin in (one, two):
        plugin.initialize({})
    with pytest.raises(PluginPanicError):
        one.perform_action("panic", {"message": "x"})
    assert two.perform_action("echo", {"value": 1}) == 1
    with pytest.raises(PluginStateError):
        one.perform_action("echo", {"value": 1})
    one.cleanup()
    one.initialize({})
    assert one.perform_action("echo", {"value": 1}) == 1


async def test_an_awaited_action_that_panics(manager):
    await manager.start_plugins_async()
    with pytest.raises(PluginPanicError, match="awaited"):
        await manager.perform_action_async("echo", "panic", {"message": "awaited"})
    calls = [manager.perform_action_async("echo", "sleep", {"seconds": 0}) for _ in range(3)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [PluginStateError] * 3


def test_a_panicked_plugin_is_not_healthy(manager):
    manager.start_plugins()
    with pytest.raises(PluginPanicError):
        manager.perform_action("echo", "panic", {"message": "x"})
    assert manager.monitor.check_health("echo") is False


def test_a_panic_in_initialize(twin_dirs):
    manager = configured(twin_dirs, panic_initialize=True)
    assert "fragile" not in manager.start_plugins()
    [failure] = manager.failures
    assert (failure.stage, failure.plugin) == ("initialize", "fragile")
    assert isinstance(failure.error, PluginPanicError)
    assert "initialize panicked as told" in str(failure.error)
    assert "fragile.rs:" in str(failure.error)
    assert manager.perform_action("echo", "echo", {"value": 1}) == 1
    with pytest.raises(PluginPanicError):
        manager.start_plugins("fragile")
    manager.stop_plugins()


def test_a_panic_in_cleanup(twin_dirs):
    manager = configured(twin_dirs, panic_cleanup=True)
    manager.start_plugins()
    with pytest.raises(PluginCleanupError, match=r"fragile\.rs:.*cleanup panicked as told"):
        manager.stop_plugins()
    states = {status.name: str(status.state) for status in manager.status()}
    assert states.pop("fragile") == "failed"
    assert set(states.values()) == {"stopped"}
    manager.stop_plugins(force=True)


def test_nothing_is_printed(run_child, twin_dirs):
    """The process lives, and the panic's message is in the error, not on standard error."""
    code = """
        import sys
        from zerepy_plugins import PluginManager
        from zerepy_plugins.errors import PluginPanicError
        with PluginManager(sys.argv[1], entry_points=False) as manager:
            try:
                manager.perform_action("echo", "panic", {"message": "the sky fell"})
            except PluginPanicError as error:
                print(error)
    """
    result = run_child(code, twin_dirs["native"])
    assert result.returncode == 0
    assert result.stdout.count("the sky fell") == 1
    assert result.stderr == ""
