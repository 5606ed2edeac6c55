"""Plugins that are not well: asked, restarted, given up."""

from __future__ import annotations

import threading
import time

import pytest
from waiting import until

from zerepy_plugins import PluginMonitor
from zerepy_plugins.errors import InvalidParamsError, PluginExecutionError, PluginStateError

INTERVAL = 0.02
OF_HEALTH = ("plugin.unhealthy", "plugin.healthy", "plugin.restarted", "plugin.failed")


def status(manager, name):
    return next(status for status in manager.status() if status.name == name)


def listen(manager):
    """Collect what is told of health: names and reasons."""
    heard = []

    def hear(event):
        if event.name in OF_HEALTH:
            heard.append((event.name, event.data["plugin"]))

    manager.events.subscribe("plugin.*", hear)
    return heard


def test_the_reason_stands_in_the_status(sleeper, tmp_path):
    ill = tmp_path / "ill"
    manager = sleeper({"ill_file": str(ill)})
    manager.start_plugins()
    heard = listen(manager)
    check = manager.monitor.check_health
    assert check("sleeper")
    ill.touch()
    assert check("sleeper")  # an answer is kept for a second
    assert not check("sleeper", force=True)
    assert not check(manager["sleeper"])
    assert not status(manager, "sleeper").healthy
    assert "it says that it is not well" in status(manager, "sleeper").complaint
    assert 'zerepy_plugin_up{plugin="sleeper"} 0' in manager.metrics_text()
    ill.unlink()
    assert check("sleeper", force=True)
    assert (status(manager, "sleeper").healthy, status(manager, "sleeper").complaint) == (
        True,
        None,
    )
    assert heard == [("plugin.unhealthy", "sleeper"), ("plugin.healthy", "sleeper")]


def test_one_that_hangs_is_not_well(sleeper):
    manager = sleeper({"health_seconds": 0.2, "timeout": 0.05})
    manager.start_plugins()
    assert not manager.monitor.check_health("sleeper")
    assert "did not end within 0.05 s" in status(manager, "sleeper").complaint
    assert manager.monitor.stats("sleeper").still_running == 1
    assert manager.perform_action("sleeper", "nap", {"seconds": 0}) == 0
    until(lambda: manager.monitor.stats("sleeper").still_running == 0)


def test_it_is_restarted_and_well_again(sleeper, tmp_path):
    ill = tmp_path / "ill"
    manager = sleeper({"ill_file": str(ill)}, health_interval=INTERVAL)
    heard = listen(manager)
    manager.events.subscribe("plugin.restarted", lambda event: ill.unlink())
    manager.start_plugins()
    first = manager["sleeper"]
    ill.touch()
    until(lambda: ("plugin.healthy", "sleeper") in heard)
    assert [name for name, _ in heard] == [
        "plugin.unhealthy",
        "plugin.restarted",
        "plugin.healthy",
    ]
    assert manager["sleeper"] is not first
    assert manager.perform_action("sleeper", "nap", {"seconds": 0}) == 0
    assert status(manager, "sleeper").healthy


def test_one_that_stays_ill_is_given_up_and_can_be_started_again(sleeper, tmp_path):
    ill = tmp_path / "ill"
    manager = sleeper({"ill_file": str(ill)}, health_interval=INTERVAL, max_restarts=1)
    heard = listen(manager)
    manager.start_plugins()
    ill.touch()
    until(lambda: status(manager, "sleeper").state == "failed")
    until(lambda: len(heard) == 3)
    assert [name for name, _ in heard] == [
        "plugin.unhealthy",
        "plugin.restarted",
        "plugin.failed",
    ]
    failure = status(manager, "sleeper").failure
    assert failure.stage == "health"
    assert "still unhealthy after 1 restart:" in str(failure.error)
    with pytest.raises(PluginStateError, match="still unhealthy"):
        manager.perform_action("sleeper", "nap", {"seconds": 0})
    ill.unlink()
    manager.reload("sleeper")
    assert (status(manager, "sleeper").state, manager.failures) == ("running", [])


def test_one_whose_health_hangs_is_restarted_and_holds_nobody_up(sleeper):
    options = {"health_seconds": 0.3, "timeout": 0.03}
    manager = sleeper(options, health_interval=INTERVAL, max_restarts=1)
    heard = listen(manager)
    manager.start_plugins()
    until(lambda: ("plugin.restarted", "sleeper") in heard)
    assert manager.perform_action("sleeper", "nap", {"seconds": 0}) == 0
    manager.stop_plugins(force=True)


def test_what_depends_on_it_stops_first_and_says_why(manager_of, make_connection):
    order = []

    def cleanup(self):
        order.append(self.name)

    async def health(self):
        raise OSError("no route")

    manager = manager_of(
        make_connection("db", health=health, cleanup=cleanup),
        make_connection("app", requires=["db"], cleanup=cleanup),
        health_interval=INTERVAL,
        max_restarts=0,
    )
    manager.start_plugins()
    until(lambda: status(manager, "app").state == "skipped")
    assert order == ["app", "db"]
    assert (status(manager, "db").state, len(manager.failures)) == ("failed", 2)
    assert all("no route" in str(failure.error) for failure in manager.failures)


def test_state_is_handed_over(manager_of, make_connection):
    made, handed = [], []

    def initialize(self, config):
        made.append(self)

    members = {
        "initialize": initialize,
        "health": lambda self: self is not made[0],
        "save_state": lambda self: {"count": 7},
        "load_state": lambda self, state: handed.append(state),
    }
    manager = manager_of(make_connection("a", **members), health_interval=INTERVAL)
    manager.start_plugins()
    until(lambda: len(made) == 2 and status(manager, "a").healthy)
    assert handed == [{"count": 7}]


def test_calls_that_fail_are_ill_health_and_mistakes_of_callers_are_not(
    manager_of, make_connection
):
    def perform_action(self, action, params):
        raise InvalidParamsError("no") if action == "mistake" else OSError("gone")

    manager = manager_of(make_connection("a", perform_action=perform_action))
    manager.start_plugins()

    def fail(action):
        for _ in range(5):
            with pytest.raises(PluginExecutionError):
                manager.perform_action("a", action)

    fail("mistake")
    assert manager.monitor.check_health("a", force=True)
    fail("ask")
    assert not manager.monitor.check_health("a", force=True)
    assert "5 of its last 5 calls failed" in status(manager, "a").complaint


def test_nobody_watches_unless_asked_to(manager_of, make_connection):
    manager = manager_of(make_connection("a", health=lambda self: False))
    manager.start_plugins()
    names = [thread.name for thread in threading.enumerate()]
    assert "zerepy-supervisor" not in names
    assert status(manager, "a").healthy


def test_stopping_ends_it(manager_of, make_connection):
    asked = []

    def health(self):
        asked.append(time.monotonic())
        return True

    manager = manager_of(make_connection("a", health=health), health_interval=INTERVAL)
    manager.start_plugins()
    until(lambda: len(asked) > 2)
    manager.stop_plugins()
    until(lambda: "zerepy-supervisor" not in [thread.name for thread in threading.enumerate()])


def test_a_plugin_outside_managers_is_asked_itself(make_connection):
    monitor = PluginMonitor()
    assert monitor.check_health(make_connection("a", health=lambda self: True)())
    assert not monitor.check_health(make_connection("a", health=lambda self: 1 / 0)())


@pytest.mark.parametrize("interval", [0, -1, float("nan")])
def test_an_interval_is_more_than_nothing(manager_of, make_connection, interval):
    with pytest.raises(ValueError, match="more than 0"):
        manager_of(make_connection("a"), health_interval=interval)
