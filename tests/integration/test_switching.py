"""Switching plugins off and on takes its turn with starting, stopping, reloading and updating."""

from __future__ import annotations

import threading

import pytest

from zerepy_plugins import PluginState
from zerepy_plugins.errors import PluginStateError

PROMPT = 20  # seconds; generous: a deadlock ends after 60


def state_of(manager, name):
    return next(status.state for status in manager.status() if status.name == name)


def test_it_waits_for_a_start_of_the_same_plugin(sleeper):
    manager, seen, initializing = sleeper({"initialize_seconds": 0.1}), [], threading.Event()

    def note(event):
        if event.data["plugin"] == "sleeper":
            seen.append(event.name.removeprefix("plugin."))
            initializing.set()

    manager.events.subscribe("plugin.*", note)
    starting = threading.Thread(target=manager.start_plugins, args=("sleeper",))
    starting.start()
    assert initializing.wait(PROMPT)
    manager.disable("sleeper")
    starting.join()
    assert seen == ["initializing", "running", "stopping", "stopped", "disabled"]


def test_from_many_threads_it_ends_as_the_last_one_wants(sleeper):
    manager = sleeper()
    moves = [
        lambda: manager.start_plugins("sleeper"),
        lambda: manager.stop_plugins("sleeper"),
        lambda: manager.update_config("sleeper", {"options": {"health_seconds": 0.0}}),
        lambda: manager.disable("sleeper"),
        lambda: manager.enable("sleeper"),
    ]
    unexpected: list[BaseException] = []

    def repeat(move):
        for _ in range(10):
            try:
                move()
            except PluginStateError as error:
                if "is disabled and cannot be started" not in str(error):
                    unexpected.append(error)

    threads = [threading.Thread(target=repeat, args=(move,)) for move in moves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PROMPT)
    assert not any(thread.is_alive() for thread in threads)
    assert unexpected == []
    manager.disable("sleeper")
    assert state_of(manager, "sleeper") == PluginState.DISABLED
    manager.enable("sleeper")
    assert manager.start_plugins("sleeper") == ["sleeper"]
    assert manager.perform_action("sleeper", "nap", {"seconds": 0}) == 0


@pytest.mark.parametrize("verb", ["disable", "enable", "stop_plugins"])
@pytest.mark.parametrize(
    ("place", "is_async"),
    [(place, is_async) for place in ("pre_initialize", "initialize") for is_async in (False, True)]
    + [("event", False)],
)
@pytest.mark.parametrize("limit", [None, 60.0])
def test_from_within_a_plugins_own_start_it_is_refused(
    manager_of, make_connection, verb, place, is_async, limit
):
    managers, refused, done = [], [], threading.Event()

    def switch(*_):
        try:
            getattr(managers[0], verb)("a")
        except PluginStateError as error:
            refused.append(str(error))
        finally:
            done.set()

    async def switch_async(*_):
        switch()

    members = {}
    if place == "initialize":
        members["initialize"] = switch_async if is_async else switch
    elif place == "pre_initialize":
        hook = switch_async if is_async else switch
        members["pre_initialize"] = lambda self: hook()
    manager = manager_of(make_connection("a", **members), initialize_timeout=limit)
    managers.append(manager)
    if place == "event":
        manager.events.subscribe("plugin.initializing", switch)
    starting = threading.Thread(target=manager.start_plugins, daemon=True)
    starting.start()
    starting.join(PROMPT)
    assert not starting.is_alive()
    assert done.wait(PROMPT)
    assert refused == [
        f"{verb} was called by a plugin or hook within start_plugins. Call it from outside, after "
        "that one returned"
    ]
    assert state_of(manager, "a") == PluginState.RUNNING
