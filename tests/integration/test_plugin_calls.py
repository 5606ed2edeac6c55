"""Calls that plugins make of each other: hooks, repetitions and limits as for any other call."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from pathlib import Path

import pytest
from quiet import Quiet

from zerepy_plugins import PluginHooks, PluginManager, PluginRegistry
from zerepy_plugins.errors import PluginExecutionError, PluginVetoError

RELEASE = Path(__file__).parents[2] / "target/release"
PATIENCE = 5  # seconds; generous: what needs them does not come
LIMIT = 0.05  # seconds
LONG = 60  # seconds; nobody waits so long


class Callee(Quiet):
    """The twin of what is called in Rust: `tally` fails at first, `sleeper` takes its time."""

    actions = {"flaky": {"policy": {"idempotent": True}}}  # noqa: RUF012 - plugins are written so

    def initialize(self, config):
        self.count = 0

    def perform_action(self, action, params):
        return getattr(self, action)(**params)

    def flaky(self, times):
        self.count += 1
        if self.count < times:
            raise PluginExecutionError("not yet", retryable=True)
        return self.count

    send = flaky

    async def doze(self, seconds):
        await asyncio.sleep(seconds)
        return seconds

    def nap(self, seconds):
        time.sleep(seconds)
        return seconds


@pytest.fixture(params=["python", "native"])
def running(request, tmp_path):
    """Make managers of a caller in Rust, and a tally and a sleeper of that kind, with options."""
    shutil.copy(RELEASE / "libzerepy_fixture_services.so", tmp_path)
    registry, made = PluginRegistry(), []
    if request.param == "native":
        shutil.copy(RELEASE / "libzerepy_fixture_tasks.so", tmp_path)
    else:
        for name in ("tally", "sleeper"):
            registry.register("connection", name, type(name, (Callee,), {"name": name}))

    def make(**configs):
        settings = {name: {"config": config} for name, config in configs.items()}
        manager = PluginManager(tmp_path, settings, registry=registry, entry_points=False)
        made.append(manager)
        manager.load_plugins()
        manager.start_plugins()
        return manager

    yield make
    for manager in made:
        manager.stop_plugins(force=True)


@pytest.fixture(params=["call", "call_async"])
def call(request):
    """Have the plugin `caller` call another one, and wait or await."""

    def call(manager, plugin, action, params):
        target = {"plugin": plugin, "action": action, "params": params}
        return manager.perform_action("caller", request.param, target)

    return call


def stats(manager, plugin):
    reading = manager.monitor.stats(plugin)
    return reading.calls, reading.errors, reading.in_flight


class Watches(PluginHooks):
    """Notes the calls of one plugin, and does with them as it is told."""

    def __init__(self, watched, before=lambda params: None):
        self.watched, self.before, self.seen = watched, before, []

    def pre_action(self, plugin, action, params):
        if plugin.name == self.watched:
            self.seen.append(("before", action, dict(params)))
            return self.before(params)
        return None

    def post_action(self, plugin, action, params, result, error):
        if plugin.name == self.watched:
            self.seen.append(("after", action, dict(params), result, type(error).__name__))


def test_hooks_see_them_and_may_rewrite_the_params(running, call):
    manager, hooks = running(), Watches("tally", lambda params: {"times": params["times"] - 8})
    manager.add_hooks(hooks)
    assert call(manager, "tally", "flaky", {"times": 9}) == 1
    after = ("after", "flaky", {"times": 1}, 1, "NoneType")
    assert hooks.seen == [("before", "flaky", {"times": 9}), after]
    assert stats(manager, "tally") == (1, 0, 0)


def test_a_veto_keeps_them_from_happening(running, call):
    def veto(params):
        raise PluginVetoError("too dear")

    manager, hooks = running(), Watches("tally", veto)
    undo = manager.add_hooks(hooks)
    with pytest.raises(PluginExecutionError, match="too dear"):
        call(manager, "tally", "flaky", {"times": 1})
    assert hooks.seen[1] == ("after", "flaky", {"times": 1}, None, "PluginVetoError")
    assert stats(manager, "tally") == (1, 1, 0)
    undo()
    assert call(manager, "tally", "flaky", {"times": 1}) == 1  # the vetoed one had not happened


def test_hooks_learn_of_a_failure(running, call):
    manager, hooks = running(), Watches("tally")
    manager.add_hooks(hooks)
    with pytest.raises(PluginExecutionError, match="not yet"):
        call(manager, "tally", "send", {"times": 2})
    assert hooks.seen[1] == ("after", "send", {"times": 2}, None, "PluginExecutionError")


def test_what_interrupts_the_other_one_is_told(tmp_path, call):
    def interrupted(self):
        raise KeyboardInterrupt

    shutil.copy(RELEASE / "libzerepy_fixture_services.so", tmp_path)
    registry = PluginRegistry()
    members = {"name": "other", "interrupted": interrupted}
    registry.register("connection", "other", type("Other", (Callee,), members))
    with (
        PluginManager(tmp_path, registry=registry, entry_points=False) as manager,
        pytest.raises(PluginExecutionError, match=r'of plugin "other" was interrupted'),
    ):
        call(manager, "other", "interrupted", {})


@pytest.mark.parametrize("hooked", [False, True])
def test_what_may_be_done_twice_is_repeated(running, call, hooked):
    manager, hooks = running(tally={"options": {"retries": 3}}), Watches("tally")
    if hooked:
        manager.add_hooks(hooks)
    assert call(manager, "tally", "flaky", {"times": 3}) == 3
    assert stats(manager, "tally") == (3, 2, 0)
    assert [it[0] for it in hooks.seen] == ["before", "after"] * 3 * hooked
    with pytest.raises(PluginExecutionError, match="not yet"):
        call(manager, "tally", "send", {"times": 9})
    assert stats(manager, "tally") == (4, 3, 0)


def test_what_was_refused_did_not_run_and_is_repeated(running, call):
    manager = running(tally={"actions": {"send": {"max_rate": 20, "retries": 3}}})
    assert [call(manager, "tally", "send", {"times": 0}) for _ in range(3)] == [1, 2, 3]
    assert stats(manager, "tally") == (3, 0, 0)


def test_rates_and_breakers_hold(running, call):
    send = {"breaker": {"failures": 2, "pause": 60}}
    flaky = {"max_rate": 0.01, "retries": 0}
    manager = running(tally={"actions": {"send": send, "flaky": flaky}})
    for expected in ("not yet", "not yet", "failed 2 times in a row"):
        with pytest.raises(PluginExecutionError, match=expected):
            call(manager, "tally", "send", {"times": 9})
    assert call(manager, "tally", "flaky", {"times": 0}) == 3
    with pytest.raises(PluginExecutionError, match=r"limited to 0\.01 calls a second"):
        call(manager, "tally", "flaky", {"times": 0})
    assert stats(manager, "tally") == (3, 2, 0)


@pytest.mark.parametrize("hooked", [False, True])
@pytest.mark.parametrize("action", ["doze", "nap"])
def test_time_limits_hold(running, call, action, hooked):
    manager = running(sleeper={"options": {"timeout": LIMIT}})
    if hooked:
        manager.add_hooks(Watches("sleeper"))
    assert call(manager, "sleeper", action, {"seconds": 0}) == 0
    seconds = 0.2 if action == "nap" else LONG  # no thread can be stopped
    before = time.monotonic()
    with pytest.raises(PluginExecutionError, match=f"did not end within {LIMIT} s"):
        call(manager, "sleeper", action, {"seconds": seconds})
    assert time.monotonic() - before < PATIENCE
    assert stats(manager, "sleeper") == (2, 1, 0)
    assert manager.monitor.stats("sleeper").timeouts == 1
    deadline = time.monotonic() + PATIENCE
    while manager.monitor.stats("sleeper").still_running and time.monotonic() < deadline:
        time.sleep(0.005)
    assert manager.monitor.stats("sleeper").still_running == 0


@pytest.mark.parametrize("running", ["native"], indirect=True)  # Python's own work goes on
@pytest.mark.parametrize("hooked", [False, True])
def test_whoever_is_dropped_takes_them_along(running, hooked):
    manager = running(sleeper={"options": {"timeout": LONG}})
    if hooked:
        manager.add_hooks(Watches("sleeper"))
    target = {"plugin": "sleeper", "action": "doze", "params": {"seconds": LONG}}
    manager.perform_action("caller", "call_and_drop", target)
    deadline = time.monotonic() + PATIENCE
    while manager.monitor.stats("sleeper").in_flight and time.monotonic() < deadline:
        time.sleep(0.005)
    assert manager.monitor.stats("sleeper").in_flight == 0
    assert manager.monitor.stats("sleeper").errors == 0


def test_many_at_once_each_end_once(running, call):
    """Some fail, some take too long, some are repeated: each has the outcome it must have."""
    manager = running(
        sleeper={"options": {"timeout": LIMIT}}, tally={"actions": {"send": {"max_concurrent": 64}}}
    )
    outcomes = []

    def work(number):
        for _ in range(4):
            plugin, action, params = [
                ("tally", "send", {"times": 0}),
                ("sleeper", "doze", {"seconds": 0.001}),
                ("sleeper", "doze", {"seconds": LONG}),
            ][number % 3 if number % 4 else 0]
            try:
                outcomes.append(type(call(manager, plugin, action, params)).__name__)
            except PluginExecutionError as error:
                outcomes.append("late" if "did not end" in str(error) else str(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE * 4)
    assert sorted(outcomes) == ["float"] * 4 + ["int"] * 8 + ["late"] * 4
    assert stats(manager, "sleeper") == (8, 4, 0)
    assert stats(manager, "tally") == (8, 0, 0)
