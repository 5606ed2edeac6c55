"""Time limits of initialize, cleanup and what goes with them; what is slow is told of."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import pytest
from waiting import until

from zerepy_plugins import discover_plugins
from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginCleanupError,
    PluginExecutionError,
    PluginTimeoutError,
)

LIMIT = 0.02
BOUND = 5  # seconds; generous: whoever waits for what hangs waits for ever


def counts(manager, name="sleeper"):
    stats = manager.monitor.stats(name)
    return stats.timeouts, stats.still_running, stats.late


def test_an_initialize_that_hangs_fails_and_is_undone_when_it_ends(sleeper):
    manager = sleeper({"initialize_seconds": 0.2}, initialize_timeout=LIMIT)
    with pytest.raises(PluginTimeoutError, match='initialize of plugin "sleeper" did not end'):
        manager.start_plugins("sleeper")
    failure = next(failure for failure in manager.failures if failure.plugin == "sleeper")
    assert (failure.stage, failure.error.code) == ("initialize", "timed_out")
    assert counts(manager)[1:] == (1, 0)
    until(lambda: counts(manager)[1:] == (0, 1))
    states = {status.name: status.state for status in manager.status()}
    assert states["sleeper"] == "failed"


def test_a_late_initialize_is_cleaned_up(manager_of, make_connection):
    released, cleaned = threading.Event(), threading.Event()
    manager = manager_of(
        make_connection(
            "a",
            initialize=lambda self, config: released.wait(BOUND),
            cleanup=lambda self: cleaned.set(),
        ),
        initialize_timeout=LIMIT,
    )
    assert manager.start_plugins() == []
    assert not cleaned.is_set()
    released.set()
    assert cleaned.wait(BOUND)
    assert manager.status()[0].state == "failed"


def test_an_async_initialize_is_cancelled(manager_of, make_connection):
    ends = []

    async def initialize(self, config):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    manager = manager_of(make_connection("a", initialize=initialize), initialize_timeout=LIMIT)
    with pytest.raises(PluginTimeoutError, match="it was cancelled"):
        manager.start_plugins("a")
    assert ends == ["cancelled"]


def test_a_cleanup_that_hangs_is_a_failure_and_force_drops_it(sleeper):
    manager = sleeper({"cleanup_seconds": 0.2}, cleanup_timeout=LIMIT)
    manager.start_plugins("sleeper")
    with pytest.raises(PluginCleanupError, match="did not end within") as caught:
        manager.stop_plugins()
    assert isinstance(caught.value.__cause__, PluginTimeoutError)
    with pytest.raises(PluginCleanupError, match="still running since it was last stopped"):
        manager.stop_plugins()
    until(lambda: counts(manager)[1:] == (0, 1))
    assert {status.name: status.state for status in manager.status()}["sleeper"] == "failed"
    assert "sleeper" in manager.stop_plugins(force=True)


async def test_the_limit_of_an_action_covers_the_check_of_its_parameters(sleeper):
    manager = sleeper()
    await manager.start_plugins_async("careful")

    async def outcomes(seconds, limit):
        awaited = manager.execute("careful", {"seconds": seconds}, timeout=limit)
        waited = asyncio.to_thread(
            manager.execute_sync, "careful", {"seconds": seconds}, timeout=limit
        )
        return await asyncio.gather(awaited, waited, return_exceptions=True)

    beat, ticks = asyncio.get_running_loop(), []
    tick = beat.call_later(0.05, lambda: ticks.append(1))
    for error in await outcomes(1, 0.2):
        assert isinstance(error, PluginTimeoutError)
        assert 'action "execute" of plugin "careful" did not end within 0.2 s' in str(error)
        if manager.status()[0].kind == "python":
            assert str(error).startswith("validate_params of action")
            assert "it is still running" in str(error)
    assert ticks == [1]  # nothing blocked the loop
    tick.cancel()
    assert counts(manager, "careful")[0] == 2
    await asyncio.to_thread(until, lambda: counts(manager, "careful") == (2, 0, 2))
    for limit in (None, BOUND):
        assert await outcomes(0.01, limit) == [0.01, 0.01]
        for error in await outcomes(-0.01, limit):
            assert isinstance(error, InvalidParamsError)
            assert "seconds: must not be negative" in str(error)


async def test_what_a_check_raises_or_lists_is_the_same_with_a_limit(manager_of, make_action):
    raised, listed = ValueError("no"), [1]

    def validate_params(self, params):
        if params["how"] == "raise":
            raise raised
        return listed

    manager = manager_of(make_action("a", validate_params=validate_params))
    await manager.start_plugins_async()
    for how in ("raise", "list"):
        texts = set()
        for limit in (None, 60):
            with pytest.raises(PluginExecutionError) as caught:
                await manager.execute("a", {"how": how}, timeout=limit)
            texts.add(str(caught.value))
            with pytest.raises(PluginExecutionError) as caught:
                await asyncio.to_thread(manager.execute_sync, "a", {"how": how}, timeout=limit)
            texts.add(str(caught.value))
        assert len(texts) == 1, texts


def test_a_stop_has_a_limit_for_all_together(sleeper):
    manager = sleeper({"cleanup_seconds": 0.5}, stop_timeout=0.05)
    manager.start_plugins("sleeper")
    with pytest.raises(PluginCleanupError, match='cleanup of plugin "sleeper" did not end'):
        manager.stop_plugins()
    until(lambda: counts(manager)[1:] == (0, 1))


def test_a_save_that_hangs_holds_neither_stop_nor_reload_up(sleeper, tmp_path):
    options = {"save_seconds": 0.3}
    manager = sleeper(options, cleanup_timeout=0.1, state_dir=tmp_path)
    manager.start_plugins("sleeper")
    file = tmp_path / "sleeper.json"
    file.write_text("before")
    old, why = manager["sleeper"], 'save_state of plugin "sleeper" did not end within 0.1 s'
    with pytest.raises(PluginTimeoutError, match=why):
        manager.save_state()
    with pytest.raises(PluginTimeoutError, match=why):
        manager.reload("sleeper")
    assert manager["sleeper"] is old
    assert manager.perform_action("sleeper", "nap", {"seconds": 0}) == 0
    until(lambda: counts(manager)[1:] == (0, 2))
    with pytest.raises(PluginCleanupError, match=why):
        manager.stop_plugins()
    until(lambda: counts(manager)[1:] == (0, 3))
    assert manager.stop_plugins(force=True) == ["sleeper"]
    assert file.read_text() == "before"


def test_a_load_that_hangs_fails_the_start_and_is_undone_when_it_ends(sleeper, tmp_path):
    options = {"initialize_seconds": 0.05, "save_seconds": 0.01, "load_seconds": 0.3}
    manager = sleeper(options, initialize_timeout=0.15, state_dir=tmp_path)
    manager.start_plugins("sleeper")
    manager.stop_plugins()
    with pytest.raises(PluginTimeoutError, match='load_state of plugin "sleeper" did not end'):
        manager.start_plugins("sleeper")
    assert "within 0.15 s" in str(manager.failures[-1].error)
    until(lambda: counts(manager)[1:] == (0, 1))
    states = {status.name: status.state for status in manager.status()}
    assert states["sleeper"] == "failed"


def test_a_load_that_hangs_keeps_a_reload_from_replacing_the_old_one(sleeper, tmp_path):
    options = {"save_seconds": 0.01, "load_seconds": 0.3}
    manager = sleeper(options, initialize_timeout=0.1, state_dir=tmp_path)
    manager.start_plugins("sleeper")
    old = manager["sleeper"]
    with pytest.raises(PluginTimeoutError, match='load_state of plugin "sleeper" did not end'):
        manager.reload("sleeper")
    assert manager["sleeper"] is old
    assert manager.perform_action("sleeper", "nap", {"seconds": 0}) == 0
    until(lambda: counts(manager)[1:] == (0, 1))


def test_a_reconfigure_that_hangs_leaves_the_old_settings_in_force(sleeper):
    manager = sleeper({"reconfigure_seconds": 0.0}, initialize_timeout=0.1)
    manager.start_plugins("sleeper")
    old, before = manager["sleeper"], manager.describe("sleeper")["config"]
    with pytest.raises(PluginTimeoutError, match='reconfigure of plugin "sleeper"') as caught:
        manager.update_config("sleeper", {"options": {"reconfigure_seconds": 0.3}})
    assert "within 0.1 s; it is still running" in str(caught.value)
    assert "The old settings stay in force" in caught.value.hint
    assert manager["sleeper"] is old
    assert manager.describe("sleeper")["config"] == before == old.context.config
    assert manager.perform_action("sleeper", "nap", {"seconds": 0}) == 0
    until(lambda: counts(manager)[1:] == (0, 1))
    changed = manager.update_config("sleeper", {"options": {"reconfigure_seconds": 0.01}})
    assert changed == ["options.reconfigure_seconds"]
    assert old.context.config["options"]["reconfigure_seconds"] == 0.01


def test_a_save_within_its_limit_is_as_ever(sleeper, tmp_path):
    manager = sleeper({"save_seconds": 0.01}, cleanup_timeout=BOUND, state_dir=tmp_path)
    manager.start_plugins("sleeper")
    assert manager.save_state() == ["sleeper"]
    assert json.loads((tmp_path / "sleeper.json").read_text())["state"] == 0.01


def test_slow_steps_are_told_of_at_half_the_limit_of_the_plugin(sleeper, caplog):
    options = {"timeout": 0.4, "initialize_seconds": 0.25, "cleanup_seconds": 0.25}
    manager, events = sleeper(options), []
    manager.events.subscribe("plugin.slow", lambda event: events.append(event.data))
    manager.start_plugins("sleeper")
    manager.stop_plugins()
    steps = ("initialize", "cleanup")
    assert events == [{"plugin": "sleeper", "step": step, "limit": 0.4} for step in steps]
    assert all(f"{step} is slow" in caplog.text for step in steps)


@pytest.mark.parametrize("kind", ["python", "native"], indirect=True)
def test_waiting_for_a_dependency_is_not_charged(manager_of, make_connection, twins_dir):
    waited_for = make_connection("echo", initialize=lambda self, config: time.sleep(0.4))
    dependent = discover_plugins(twins_dir)["dependent"]
    config = {"dependent": {"config": {"options": {"timeout": 0.3}}}}
    manager = manager_of(waited_for, dependent, config=config)
    assert manager.start_plugins() == ["echo", "dependent"]


@pytest.mark.parametrize("action", ["nap", "doze", "nod"])  # Rust: blocking, async, inline
async def test_a_slow_action_is_told_of_once(sleeper, caplog, action):
    manager, events = sleeper(), []
    await manager.start_plugins_async("sleeper")
    manager.events.subscribe("plugin.slow", lambda event: events.append(event.data))

    def call(seconds, limit):
        return manager.perform_action("sleeper", action, {"seconds": seconds}, timeout=limit)

    told = {"plugin": "sleeper", "step": "action", "action": action, "limit": 0.2}
    assert await asyncio.to_thread(call, 0, 60) == 0
    assert events == []
    assert await asyncio.to_thread(call, 0.12, 0.2) == 0.12
    assert events == [told]
    params = {"seconds": 0.12}
    assert await manager.perform_action_async("sleeper", action, params, timeout=0.2) == 0.12
    assert events == [told] * 2
    assert caplog.text.count(f"{action} is slow") == 2


async def test_a_slow_coroutine_is_told_of_once(manager_of, make_action):
    async def execute(self, params):
        await asyncio.sleep(0.12)

    manager, events = manager_of(make_action("a", execute=execute)), []
    await manager.start_plugins_async()
    manager.events.subscribe("plugin.slow", lambda event: events.append(event.data["action"]))
    await manager.execute("a", timeout=0.2)
    await asyncio.to_thread(manager.execute_sync, "a", timeout=0.2)
    assert events == ["execute"] * 2


def test_without_a_limit_everything_runs_on_the_calling_thread(manager_of, make_connection):
    threads = []

    def note(self, *_):
        threads.append(threading.current_thread())

    manager = manager_of(
        make_connection("a", initialize=note, cleanup=note),
        initialize_timeout=None,
        cleanup_timeout=None,
    )
    manager.start_plugins()
    manager.stop_plugins()
    assert threads == [threading.current_thread()] * 2


def test_only_a_plugin_bound_to_its_thread_runs_on_the_calling_one(manager_of, make_connection):
    threads = {"bound": [], "free": []}

    def note(self, *_):
        threads[self.name].append(threading.current_thread())
        if self.name == "bound":
            time.sleep(LIMIT * 3)

    steps = {"initialize": note, "cleanup": note, "reconfigure": note}
    manager = manager_of(
        make_connection("bound", bound_to_thread=True, **steps),
        make_connection("free", **steps),
        initialize_timeout=LIMIT * 2,
        cleanup_timeout=LIMIT * 2,
    )
    assert sorted(manager.start_plugins()) == ["bound", "free"]
    for name in threads:
        manager.update_config(name, {"options": {"new": 1}})
    manager.stop_plugins()
    assert threads["bound"] == [threading.current_thread()] * 3
    assert len(threads["free"]) == 3
    assert threading.current_thread() not in threads["free"]
