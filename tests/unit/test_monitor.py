"""The monitor: counts, latencies, health, observers."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from zerepy_plugins import PluginMonitor, PluginRegistry, PluginStats
from zerepy_plugins.errors import PluginExecutionError, PluginNotFoundError


@pytest.fixture
def monitor():
    return PluginMonitor()


def test_an_unused_plugin_has_zeros(monitor):
    assert monitor.stats("nobody") == PluginStats()
    assert monitor.plugins() == []


def test_plugins_are_given_by_name_or_as_themselves(monitor, make_connection):
    plugin = make_connection("a")()
    with monitor.track_usage(plugin):
        pass
    with monitor.track_usage("a"):
        pass
    assert monitor.stats(plugin).calls == monitor.stats("a").calls == 2
    assert monitor.plugins() == ["a"]


def test_track_usage_times_and_counts(monitor):
    before = time.time()
    with monitor.track_usage("a"):
        assert monitor.stats("a").in_flight == 1
    stats = monitor.stats("a")
    assert (stats.calls, stats.errors, stats.timeouts, stats.in_flight) == (1, 0, 0, 0)
    assert 0 <= stats.p50 <= stats.p95 <= stats.p99 <= stats.max
    assert stats.last_error is None
    assert stats.last_used == pytest.approx(before, abs=60)


def test_track_usage_counts_errors_and_lets_them_pass(monitor):
    with pytest.raises(ValueError, match="bad"), monitor.track_usage("a"):
        raise ValueError("bad")
    stats = monitor.stats("a")
    assert (stats.calls, stats.errors, stats.last_error) == (1, 1, "ValueError: bad")


def test_track_usage_counts_a_use_without_a_with_statement_too(monitor):
    monitor.track_usage("a")
    stats = monitor.stats("a")
    assert (stats.calls, stats.errors, stats.in_flight) == (1, 0, 0)


def test_a_timer_can_be_nested(monitor):
    timer = monitor.track_usage("a")
    with timer, timer:
        assert monitor.stats("a").in_flight == 2
    assert monitor.stats("a").calls == 2


def test_calls_are_counted(running):
    for number in range(10):
        running.perform_action("echo", "echo", {"value": number})
    for _ in range(3):
        with pytest.raises(PluginExecutionError):
            running.perform_action("echo", "fail", {"message": "no"})
    stats = running.monitor.stats("echo")
    assert (stats.calls, stats.errors, stats.in_flight) == (13, 3, 0)
    assert "no" in stats.last_error
    assert 0 < stats.p50 <= stats.p95 <= stats.p99 <= stats.max
    assert running.monitor.stats(running["echo"]).calls == 13


def test_readings_without_a_call_between_are_equal(monitor):
    with monitor.track_usage("a"):
        pass
    assert len({monitor.stats("a") for _ in range(50)}) == 1


def test_refused_calls_do_not_count(twins):
    manager = twins()
    with pytest.raises(Exception, match="registered"):
        manager.perform_action("echo", "echo", {"value": 1})
    assert manager.monitor.stats("echo") == PluginStats()


def test_counts_survive_a_restart(running):
    running.execute_sync("shout", {"text": "a"})
    running.stop_plugins("shout")
    running.start_plugins("shout")
    running.execute_sync("shout", {"text": "a"})
    assert running.monitor.stats("shout").calls == 2


def test_a_monitor_can_be_shared(monitor, manager_of, make_connection):
    for _ in range(2):
        manager = manager_of(make_connection("a"), monitor=monitor)
        assert manager.monitor is monitor
        manager.start_plugins()
        manager.perform_action("a", "x")
    assert monitor.stats("a").calls == 2


def test_a_plugin_whose_name_is_none_is_named_instead(manager_of, make_connection):
    made = type("A", (make_connection("a"),), {"name": 3})
    registry = PluginRegistry()
    registry.register("connection", "a", made)
    manager = manager_of(registry=registry)
    manager.start_plugins()
    with pytest.raises(TypeError, match=r"must be a str.*registered under"):
        manager.monitor.check_health(manager["a"])
    assert manager.monitor.check_health("a")


def test_observers_see_calls_until_undone(running):
    seen = []

    def before(plugin, action):
        seen.append(("before", plugin, action))

    def after(plugin, action, outcome, seconds):
        seen.append((outcome, plugin, action, seconds >= 0))

    undo = running.monitor.add_observer(before, after)
    running.perform_action("echo", "echo", {"value": 1})
    with pytest.raises(PluginExecutionError):
        running.perform_action("echo", "fail", {"message": "no"})
    running.execute_sync("shout", {"text": "a"})
    undo()
    undo()
    running.perform_action("echo", "echo", {"value": 1})
    assert seen == [
        ("before", "echo", "echo"),
        ("success", "echo", "echo", True),
        ("before", "echo", "fail"),
        ("failure", "echo", "fail", True),
        ("before", "shout", "execute"),
        ("success", "shout", "execute", True),
    ]


def test_one_of_the_two_functions_is_enough(running):
    seen = []
    running.monitor.add_observer(after=lambda *arguments: seen.append(len(arguments)))
    running.monitor.add_observer(before=lambda *arguments: seen.append(len(arguments)))
    running.perform_action("echo", "echo", {"value": 1})
    assert seen == [2, 4]


def test_an_observer_must_be_callable(running):
    with pytest.raises(TypeError, match="callable"):
        running.monitor.add_observer(after=3)


def test_a_failing_observer_is_shown_and_touches_nothing(running, monkeypatch):
    shown = []
    monkeypatch.setattr(sys, "unraisablehook", lambda info: shown.append(info.exc_type))
    running.monitor.add_observer(before=lambda plugin, action: 1 / 0, after=lambda: None)
    assert running.perform_action("echo", "echo", {"value": 1}) == 1
    assert shown == [ZeroDivisionError, TypeError]


def test_health_of_a_running_plugin(running):
    assert running.monitor.check_health("echo") is True
    assert running.monitor.check_health(running["echo"]) is True
    assert running.monitor.check_health("dependent") is True  # says nothing of its health


def test_a_plugin_that_does_not_run_is_not_healthy(twins):
    assert twins().monitor.check_health("echo") is False


def test_health_of_an_unknown_plugin_is_an_error(running):
    with pytest.raises(PluginNotFoundError, match="echo"):
        running.monitor.check_health("ecco")


def test_ill_health_shows_in_the_status(manager_of, make_connection, caplog):
    answers = iter([False, "yes", ""])

    def health(self):
        return next(answers)

    manager = manager_of(make_connection("a", health=health))
    manager.start_plugins()
    assert manager.status()[0].healthy is True
    for expected in (False, True, False):
        assert manager.monitor.check_health("a", force=True) is expected
        assert manager.status()[0].healthy is expected
    told = "it says that it is not well"
    assert manager.status()[0].complaint == told
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_a_health_that_raises_is_ill_and_logged(manager_of, make_connection, caplog):
    manager = manager_of(make_connection("a", health=lambda self: 1 / 0))
    manager.start_plugins()
    assert manager.monitor.check_health("a") is False
    assert "division by zero" in manager.status()[0].complaint
    assert any("plugin unhealthy" in record.getMessage() for record in caplog.records)


def test_an_async_health_is_awaited(manager_of, make_connection):
    async def health(self):
        return False

    manager = manager_of(make_connection("a", health=health))
    manager.start_plugins()
    assert manager.monitor.check_health("a") is False


def test_many_threads_lose_no_call(running):
    def work():
        for number in range(200):
            running.perform_action("echo", "echo", {"value": number})

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = running.monitor.stats("echo")
    assert (stats.calls, stats.errors, stats.in_flight) == (800, 0, 0)


def samples(text: str) -> dict[str, float]:
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_the_sum_of_latencies_is_there(monitor):
    for _ in range(3):
        with monitor.track_usage("a"):
            time.sleep(0.001)
    stats = monitor.stats("a")
    assert stats.max < stats.total <= 3 * stats.max
    assert stats.total >= 0.003


def test_all_numbers_as_text_for_prometheus(running):
    for _ in range(3):
        running.perform_action("echo", "echo", {"value": 1})
    with pytest.raises(PluginExecutionError):
        running.perform_action("echo", "fail", {"message": "no"})
    running.monitor.track_usage('odd "name"')
    running.events.subscribe("plugin.*", lambda event: None)
    running.stop_plugins("shout")
    text = running.metrics_text()
    found, stats = samples(text), running.monitor.stats("echo")
    for name, value in {
        "up": 1,
        "calls_total": 4,
        "errors_total": 1,
        "timeouts_total": 0,
        "in_flight": 0,
        "latency_seconds_count": 4,
        "latency_seconds_sum": stats.total,
    }.items():
        assert found[f'zerepy_plugin_{name}{{plugin="echo"}}'] == value
    for quantile, value in (("0.5", stats.p50), ("0.95", stats.p95), ("0.99", stats.p99)):
        name = f'zerepy_plugin_latency_seconds{{plugin="echo",quantile="{quantile}"}}'
        assert found[name] == value
    assert found['zerepy_plugin_state{plugin="shout",state="stopped"}'] == 1
    assert found['zerepy_plugin_up{plugin="shout"}'] == 0
    assert found['zerepy_plugin_calls_total{plugin="odd \\"name\\""}'] == 1
    published = running.events.stats()["published"]
    assert found["zerepy_events_published_total"] == published > 0
    assert found["zerepy_events_dropped_total"] == 0
    assert text == running.metrics_text()
