"""Phase four: stopping, in reverse and to the end."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from zerepy_plugins import PluginManager
from zerepy_plugins.errors import PluginCleanupError, PluginNotFoundError, PluginStateError

STUCK = {"fragile": {"config": {"options": {"fail_cleanup": True}}}}


def state(manager: PluginManager, name: str) -> str:
    [status] = [status for status in manager.status() if status.name == name]
    return str(status.state)


def test_stop_is_the_exact_reverse(twins):
    manager = twins()
    started = manager.start_plugins()
    assert manager.stop_plugins() == started[::-1]
    assert manager.stop_plugins() == []


def test_a_plugin_is_stopped_after_what_needs_it(running):
    assert running.stop_plugins("echo") == ["dependent", "echo"]
    assert sorted(running) == ["fragile", "shout"]
    assert running.stop_plugins("echo") == []


def test_dependents_of_dependents_go_first(manager_of, make_connection):
    order = []

    def plugin(name, *requires):
        return make_connection(
            name, requires=list(requires), cleanup=lambda self: order.append(self.name)
        )

    manager = manager_of(
        plugin("db"), plugin("cache", "db"), plugin("app", "cache"), plugin("free")
    )
    manager.start_plugins()
    assert manager.stop_plugins("db") == order == ["app", "cache", "db"]


def test_stopping_an_unknown_plugin(running):
    with pytest.raises(PluginNotFoundError):
        running.stop_plugins("ecco")


def test_a_failing_cleanup_is_reported(twins):
    manager = twins(STUCK)
    manager.start_plugins()
    with pytest.raises(PluginCleanupError, match="cleanup failed as told") as caught:
        manager.stop_plugins()
    assert caught.value.plugin == "fragile"
    assert state(manager, "fragile") == "failed"
    assert state(manager, "echo") == "stopped"
    [failure] = manager.failures
    assert (failure.stage, failure.plugin) == ("cleanup", "fragile")


def test_it_takes_no_calls_then(twins):
    manager = twins(STUCK)
    manager.start_plugins()
    with pytest.raises(PluginCleanupError):
        manager.stop_plugins()
    with pytest.raises(PluginStateError, match="failed"):
        manager.perform_action("fragile", "ping")


def test_a_plugin_that_failed_to_clean_up_is_not_started_over_its_remains(twins):
    manager = twins(STUCK)
    manager.start_plugins()
    with pytest.raises(PluginCleanupError):
        manager.stop_plugins()
    assert "fragile" not in manager.start_plugins()


def test_stopping_again_tries_again(manager_of, make_connection):
    attempts = []

    def cleanup(self):
        attempts.append(self)
        if len(attempts) < 3:
            raise OSError("busy")

    manager = manager_of(make_connection("a", cleanup=cleanup))
    manager.start_plugins()
    for _ in range(2):
        with pytest.raises(PluginCleanupError, match="busy"):
            manager.stop_plugins()
    assert manager.stop_plugins() == ["a"]
    assert state(manager, "a") == "stopped"
    assert manager.failures == []
    assert attempts[0] is attempts[1] is attempts[2]
    assert manager.start_plugins() == ["a"]


def test_force_gives_it_up(twins):
    manager = twins(STUCK)
    manager.start_plugins()
    assert "fragile" in manager.stop_plugins(force=True)
    assert manager.stop_plugins() == []
    assert "fragile" in manager.start_plugins()


def test_force_after_a_failure(twins):
    manager = twins(STUCK)
    manager.start_plugins()
    with pytest.raises(PluginCleanupError):
        manager.stop_plugins()
    assert manager.stop_plugins("fragile", force=True) == ["fragile"]
    assert manager.stop_plugins() == []


def test_everything_is_cleaned_up_and_all_errors_are_told(manager_of, make_connection):
    cleaned = []

    def plugin(name, error=None):
        def cleanup(self):
            cleaned.append(name)
            if error:
                raise error

        return make_connection(name, cleanup=cleanup)

    first, last = ValueError("one"), KeyError("three")
    manager = manager_of(plugin("a", first), plugin("b"), plugin("c", last))
    manager.start_plugins()
    with pytest.raises(PluginCleanupError) as caught:
        manager.stop_plugins()
    assert cleaned == ["c", "b", "a"]
    group = caught.value.__cause__
    assert isinstance(group, ExceptionGroup)
    assert [error.plugin for error in group.exceptions] == ["c", "a"]
    assert [error.__cause__ for error in group.exceptions] == [last, first]
    assert all(isinstance(error, PluginCleanupError) for error in group.exceptions)
    assert "one" in str(caught.value)
    assert "three" in str(caught.value)
    assert caught.value.plugin is None


def test_a_single_error_is_no_group(manager_of, make_connection):
    error = ValueError("one")

    def cleanup(self):
        raise error

    manager = manager_of(make_connection("a", cleanup=cleanup))
    manager.start_plugins()
    with pytest.raises(PluginCleanupError) as caught:
        manager.stop_plugins()
    assert caught.value.__cause__ is error


def test_a_plugin_cannot_end_the_program_while_it_stops(manager_of, make_connection):
    def cleanup(self):
        raise SystemExit(3)

    manager = manager_of(make_connection("a", cleanup=cleanup), make_connection("b"))
    manager.start_plugins()
    with pytest.raises(PluginCleanupError, match="SystemExit"):
        manager.stop_plugins()
    assert state(manager, "b") == "stopped"


def test_with_reports_cleanup_errors(twins_dir):
    manager = PluginManager(twins_dir, STUCK, entry_points=False)
    with pytest.raises(PluginCleanupError), manager:
        pass
    manager.stop_plugins(force=True)


def test_with_cleans_up_after_an_error_in_its_body(twins_dir):
    manager = PluginManager(twins_dir, entry_points=False)
    with pytest.raises(ZeroDivisionError), manager:
        1 / 0  # noqa: B018
    assert len(manager) == 0


def test_running_calls_are_waited_for(running):
    entered, results = threading.Event(), []

    def work():
        entered.set()
        results.append(running.perform_action("echo", "sleep", {"seconds": 0.1}))

    thread = threading.Thread(target=work)
    thread.start()
    entered.wait()
    while not running.monitor.stats("echo").in_flight and thread.is_alive():
        pass
    running.stop_plugins()
    assert running.monitor.stats("echo").in_flight == 0
    thread.join()
    assert results == [None]


def test_new_calls_are_refused_while_it_stops(manager_of, make_connection):
    seen = []

    def cleanup(self):
        try:
            manager.perform_action("a", "x")
        except PluginStateError as error:
            seen.append(str(error))

    manager = manager_of(make_connection("a", cleanup=cleanup))
    manager.start_plugins()
    manager.stop_plugins()
    assert "stopping" in seen[0]


def test_a_stopped_plugins_object_is_released(manager_of, make_connection):
    manager = manager_of(make_connection("a"))
    manager.start_plugins()
    reference = weakref.ref(manager["a"])
    manager.stop_plugins()
    gc.collect()
    assert reference() is None


def test_the_native_instance_is_empty_after_cleanup(twin_dirs):
    with PluginManager(twin_dirs["native"], entry_points=False) as manager:
        echo = manager["echo"]
    with pytest.raises(PluginStateError, match="not initialized"):
        echo.perform_action("echo", {"value": 1})


def test_a_manager_that_is_dropped_is_freed(registry_of, make_connection):
    manager = PluginManager([], registry=registry_of(make_connection("a")), entry_points=False)
    manager.events.subscribe("*", lambda event, manager=manager: manager.status())
    with manager:
        plugin = weakref.ref(manager["a"])
    reference = weakref.ref(manager)
    del manager
    gc.collect()
    assert (reference(), plugin()) == (None, None)
