"""Repeating calls, rates, concurrency and circuit breakers, for Python plugins and a Rust twin."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from pathlib import Path

import pytest
from quiet import Quiet

from zerepy_plugins import PluginManager, PluginRegistry
from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginBusyError,
    PluginConfigError,
    PluginExecutionError,
    PluginNotReady,
)

ROOT = Path(__file__).parents[2]


class Tally(Quiet):
    """The twin of `tally` in Rust, as far as it fails."""

    name = "tally"
    actions = {  # noqa: RUF012 - plugins are written so
        "flaky": {"description": "Fails at first.", "policy": {"idempotent": True}},
        "send": "Fails at first.",
    }

    def initialize(self, config):
        self.count = 0

    def perform_action(self, action, params):
        if type(params["times"]) is not int:
            raise InvalidParamsError("params.times: expected an integer")
        self.count += 1
        if self.count < params["times"]:
            raise PluginExecutionError("not yet", retryable=True)
        return self.count


@pytest.fixture(params=["python", "native"])
def tally(request, tmp_path):
    """Make managers of that kind's tally with a configuration; stopped after the test."""
    registry, made = PluginRegistry(), []
    if request.param == "python":
        registry.register("connection", "tally", Tally)
    else:
        library = ROOT / "target/release/libzerepy_fixture_tasks.so"
        shutil.copy(library, tmp_path / "tally.so")

    def make(config=None, **kwargs):
        settings = {"tally": {"config": config or {}}}
        manager = PluginManager(tmp_path, settings, registry=registry, entry_points=False, **kwargs)
        made.append(manager)
        manager.load_plugins()
        manager.start_plugins("tally")
        return manager

    yield make
    for manager in made:
        manager.stop_plugins(force=True)


def perform(manager, awaited, action, params):
    if awaited:

        async def call():
            return await manager.perform_action_async("tally", action, params)

        return asyncio.run(call())
    return manager.perform_action("tally", action, params)


each_way = pytest.mark.parametrize("awaited", [False, True], ids=["sync", "awaited"])


@each_way
def test_what_may_be_done_twice_is_repeated(tally, awaited):
    manager = tally({"options": {"retries": 2}})
    assert perform(manager, awaited, "flaky", {"times": 3}) == 3
    assert manager.monitor.stats("tally").errors == 2


@each_way
def test_it_is_given_up_after_so_many_times(tally, awaited):
    manager = tally({"options": {"retries": 1}})
    with pytest.raises(PluginExecutionError, match="not yet") as caught:
        perform(manager, awaited, "flaky", {"times": 5})
    assert caught.value.retryable
    assert manager.monitor.stats("tally").calls == 2


@each_way
def test_what_must_not_be_done_twice_never_is(tally, awaited):
    manager = tally({"options": {"retries": 5}})
    with pytest.raises(PluginExecutionError, match="not yet"):
        perform(manager, awaited, "send", {"times": 2})
    assert manager.monitor.stats("tally").calls == 1
    assert perform(manager, awaited, "send", {"times": 2}) == 2


def test_nothing_is_repeated_unless_it_is_allowed(tally):
    manager = tally()
    with pytest.raises(PluginExecutionError, match="not yet"):
        manager.perform_action("tally", "flaky", {"times": 2})
    assert manager.monitor.stats("tally").calls == 1


@each_way
def test_a_rate_refuses_and_says_when_to_come_again(tally, awaited):
    manager = tally({"actions": {"send": {"max_rate": 0.01, "burst": 2}}})
    for expected in (1, 2):
        assert perform(manager, awaited, "send", {"times": 0}) == expected
    with pytest.raises(PluginBusyError, match=r"limited to 0\.01 calls a second") as caught:
        perform(manager, awaited, "send", {"times": 0})
    assert 90 < caught.value.retry_after <= 100
    assert (caught.value.plugin, caught.value.code) == ("tally", "busy")
    assert manager.monitor.stats("tally").calls == 2
    assert perform(manager, awaited, "flaky", {"times": 0}) == 3


@each_way
def test_what_was_refused_did_not_run_and_is_repeated(tally, awaited):
    manager = tally({"actions": {"*": {"max_rate": 20, "retries": 3}}})
    assert [perform(manager, awaited, "send", {"times": 0}) for _ in range(3)] == [1, 2, 3]
    assert manager.monitor.stats("tally").errors == 0


@each_way
def test_a_breaker_leaves_alone_what_keeps_failing(tally, awaited):
    breaker = {"failures": 2, "pause": 0.05}
    manager = tally({"actions": {"send": {"breaker": breaker}}})
    for _ in range(2):
        with pytest.raises(PluginExecutionError, match="not yet"):
            perform(manager, awaited, "send", {"times": 9})
    with pytest.raises(PluginBusyError, match="failed 2 times in a row"):
        perform(manager, awaited, "send", {"times": 0})
    time.sleep(0.06)
    with pytest.raises(PluginExecutionError, match="not yet"):
        perform(manager, awaited, "send", {"times": 9})
    with pytest.raises(PluginBusyError):
        perform(manager, awaited, "send", {"times": 0})
    time.sleep(0.06)
    assert [perform(manager, awaited, "send", {"times": 0}) for _ in range(3)] == [4, 5, 6]


def test_mistakes_of_callers_do_not_open_a_breaker(tally):
    manager = tally({"actions": {"send": {"breaker": {"failures": 1, "pause": 60}}}})
    for _ in range(3):
        with pytest.raises(InvalidParamsError):
            manager.perform_action("tally", "send", {"times": "many"})
    assert manager.perform_action("tally", "send", {"times": 0}) == 1


@pytest.mark.parametrize(
    "actions",
    [{"send": {"max_rat": 1}}, {"send": {"max_rate": 0}}, {"*": {"retries": -1}}, {"send": 3}, []],
)
def test_what_is_no_policy_is_told_with_its_path(tally, actions):
    manager = tally()
    with pytest.raises(PluginConfigError, match=r"config\.actions"):
        manager.update_config("tally", {"actions": actions})


def test_a_policy_is_shown_and_checked_where_it_is_declared(make_connection, manager_of, tally):
    shown = tally().describe("tally")["actions"]
    assert shown["flaky"]["policy"] == {"idempotent": True}
    assert "policy" not in shown["send"]
    wrong = make_connection("a", actions={"ask": {"policy": {"idempotnt": True}}})
    with pytest.raises(PluginConfigError, match="idempotnt"):
        manager_of(wrong)


def test_as_many_calls_run_at_once_as_may(make_connection, manager_of):
    inside, gate = threading.Semaphore(0), threading.Event()

    def perform_action(self, action, params):
        inside.release()
        assert gate.wait(20)
        return "done"

    made = make_connection("a", perform_action=perform_action)
    config = {"a": {"config": {"actions": {"ask": {"max_concurrent": 2}}}}}
    manager = manager_of(made, config=config)
    manager.start_plugins()
    results = []
    callers = [
        threading.Thread(target=lambda: results.append(manager.perform_action("a", "ask")))
        for _ in range(2)
    ]
    for caller in callers:
        caller.start()
        assert inside.acquire(timeout=20)
    with pytest.raises(PluginBusyError, match="runs 2 times already"):
        manager.perform_action("a", "ask")
    gate.set()
    for caller in callers:
        caller.join()
    assert results == ["done", "done"]
    assert manager.perform_action("a", "ask") == "done"


def test_what_an_error_asks_for_is_waited(make_connection, manager_of):
    times = []

    def perform_action(self, action, params):
        times.append(time.monotonic())
        if len(times) < 2:
            raise PluginNotReady("later", retry_after=0.25)
        return "done"

    actions = {"ask": {"policy": {"idempotent": True, "retries": 1}}}
    manager = manager_of(make_connection("a", actions=actions, perform_action=perform_action))
    manager.start_plugins()
    assert manager.perform_action("a", "ask") == "done"
    assert times[1] - times[0] >= 0.25


async def test_a_cancelled_wait_ends_at_once(make_connection, manager_of):
    def perform_action(self, action, params):
        raise PluginNotReady("later", retry_after=600)

    actions = {"ask": {"policy": {"idempotent": True, "retries": 9}}}
    manager = manager_of(make_connection("a", actions=actions, perform_action=perform_action))
    await manager.start_plugins_async()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(manager.perform_action_async("a", "ask"), 0.1)
    assert manager.monitor.stats("a").in_flight == 0


def test_an_action_plugin_declares_its_policy_on_the_class(make_action, manager_of):
    calls = []

    def execute(self, params):
        calls.append(params)
        if len(calls) < 3:
            raise PluginExecutionError("not yet", retryable=True)
        return len(calls)

    made = make_action("a", execute=execute, policy={"idempotent": True, "retries": 2})
    manager = manager_of(made)
    manager.start_plugins()
    assert manager.execute_sync("a", {}) == 3
