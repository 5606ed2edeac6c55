"""Plugins that are not ready yet: tried again in the background."""

from __future__ import annotations

import threading
import time

import pytest
from waiting import until

from zerepy_plugins import PluginManager
from zerepy_plugins.errors import PluginNotReady, PluginStateError


def supervisors():
    return [thread for thread in threading.enumerate() if thread.name == "zerepy-supervisor"]


def state(manager, name):
    return next(status.state for status in manager.status() if status.name == name)


def test_it_starts_by_itself_once_it_is_ready(sleeper, tmp_path):
    needed = tmp_path / "needed"
    manager = sleeper({"needs_file": str(needed), "retry_after": 0.01})
    with pytest.raises(PluginNotReady) as caught:
        manager.start_plugins("sleeper")
    assert caught.value.retry_after == 0.01
    status = next(status for status in manager.status() if status.name == "sleeper")
    assert (status.state, status.healthy) == ("retrying", False)
    assert "the file is not there" in str(status.failure.error)
    with pytest.raises(PluginStateError, match="tried again by itself"):
        manager.perform_action("sleeper", "nap", {"seconds": 0})
    needed.touch()
    until(lambda: state(manager, "sleeper") == "running")
    assert manager.perform_action("sleeper", "nap", {"seconds": 0}) == 0
    assert not manager.failures
    until(lambda: not supervisors())  # nothing is left to try


def test_what_needs_it_starts_after_it(manager_of, make_connection):
    tries = []

    def initialize(self, config):
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise PluginNotReady("warming up", retry_after=0.01)

    manager = manager_of(
        make_connection("db", initialize=initialize), make_connection("app", requires=["db"])
    )
    assert manager.start_plugins() == []
    assert state(manager, "app") == "skipped"
    until(lambda: state(manager, "app") == "running")
    assert list(manager.plugins) == ["db", "app"]
    assert tries[2] - tries[1] >= 0.01


def test_stopping_ends_it(manager_of, make_connection):
    def initialize(self, config):
        raise PluginNotReady("never", retry_after=600)

    manager = manager_of(make_connection("db", initialize=initialize))
    manager.start_plugins()
    assert supervisors()
    manager.stop_plugins()
    assert state(manager, "db") == "stopped"
    until(lambda: not supervisors())


def test_stopping_ends_it_whatever_the_plugin_is_written_in(sleeper, tmp_path):
    needed = tmp_path / "needed"
    manager = sleeper({"needs_file": str(needed), "retry_after": 0.05})
    with pytest.raises(PluginNotReady):
        manager.start_plugins("sleeper")
    manager.stop_plugins()
    assert state(manager, "sleeper") == "stopped"
    needed.touch()
    until(lambda: not supervisors())
    assert state(manager, "sleeper") == "stopped"


def test_nobody_waits_without_need(manager_of, make_connection):
    manager = manager_of(make_connection("a"))
    manager.start_plugins()
    assert not supervisors()


def test_a_manager_that_is_dropped_takes_its_thread_along(make_connection, registry_of):
    def initialize(self, config):
        raise PluginNotReady("never", retry_after=600)

    registry = registry_of(make_connection("db", initialize=initialize))
    manager = PluginManager([], registry=registry, entry_points=False)
    manager.load_plugins()
    manager.start_plugins()
    assert supervisors()
    del manager
    until(lambda: not supervisors())
