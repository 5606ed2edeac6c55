"""Many plugins that fail in every way at once: each ends where a small model says it must."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time

import pytest

from zerepy_plugins import PluginRegistry, discover_plugins
from zerepy_plugins.errors import PluginCleanupError, PluginNotReady

PLUGINS = 200
PATIENCE = 10  # seconds
# As many seeds: more of them with ZEREPY_CHAOS_SEEDS=50
SEEDS = range(int(os.environ.get("ZEREPY_CHAOS_SEEDS", "3")))
PYTHON_FAULTS = ["raise", "exit", "hang", "cancelled", "not_ready", "bad_cleanup", "bad_state"]
RUST_FAULTS = ["fail_initialize", "panic_initialize", "fail_cleanup", "panic_cleanup"]
FAILS_TO_START = {"raise", "exit", "hang", "cancelled", "fail_initialize", "panic_initialize"}
FAILS_TO_CLEAN_UP = {"bad_cleanup", "bad_state", "fail_cleanup", "panic_cleanup"}


def expected(faults: dict[str, str], needs: dict[str, list[str]]) -> dict[str, str]:
    """Say where each plugin is after the start; dependencies come first in `faults`."""
    states: dict[str, str] = {}
    for name, fault in faults.items():
        if any(states[needed] != "running" for needed in needs[name]):
            states[name] = "skipped"
        elif fault in FAILS_TO_START:
            states[name] = "failed"
        else:
            states[name] = "retrying" if fault == "not_ready" else "running"
    return states


def python_plugin(make_connection, name, fault, requires, held, over):
    def initialize(self, config):
        held.add(name)
        self.context.add_cleanup(lambda: held.discard(name))
        self.context.events.subscribe("*", lambda event: None)
        if fault == "raise":
            raise ValueError("as told")
        if fault == "exit":
            raise SystemExit(3)
        if fault == "not_ready":
            raise PluginNotReady("as told", 60)
        if fault == "hang":
            over.wait()

    async def initialize_until_cancelled(self, config):
        held.add(name)
        self.context.add_cleanup(lambda: held.discard(name))
        await asyncio.Event().wait()

    def cleanup(self):
        if fault == "bad_cleanup":
            raise OSError("as told")

    def save_state(self):
        return object() if fault == "bad_state" else {}

    begin = initialize_until_cancelled if fault == "cancelled" else initialize
    members = {"requires": requires, "initialize": begin, "cleanup": cleanup}
    return make_connection(name, save_state=save_state, **members)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_plugin_ends_where_it_must(seed, make_connection, manager_of, twin_dirs, tmp_path):
    chance = random.Random(seed)
    registry = PluginRegistry()
    fragile = discover_plugins(twin_dirs["native"])["fragile"]
    faults, needs, config = {}, {}, {}
    held: set[str] = set()
    over = threading.Event()
    hangs = 0
    for number in range(PLUGINS):
        name = f"p{number}"
        is_rust = number % 2 == 1
        fault = chance.choice(RUST_FAULTS if is_rust else PYTHON_FAULTS)
        fault = fault if chance.random() < 0.3 else "none"
        needs[name] = []
        if is_rust:
            config[name] = {"config": {"options": {fault: True} if fault != "none" else {}}}
            registry.register("connection", name, fragile)
        else:
            if fault in ("hang", "cancelled"):
                hangs += 1
                fault = fault if hangs <= 8 else "raise"
            needs[name] = sorted(
                {f"p{chance.randrange(number)}" for _ in range(chance.randrange(3))}
                if number
                else []
            )
            cls = python_plugin(make_connection, name, fault, needs[name], held, over)
            registry.register("connection", name, cls)
        faults[name] = fault
    manager = manager_of(
        registry=registry,
        config=config,
        state_dir=tmp_path,
        initialize_timeout=0.3,
        cleanup_timeout=2,
    )
    manager.start_plugins()
    states = expected(faults, needs)
    assert {status.name: str(status.state) for status in manager.status()} == states
    started = {name for name, state in states.items() if state == "running"}
    assert set(manager.plugins) == started
    failed = {failure.plugin for failure in manager.failures}
    assert failed == set(states) - started
    over.set()
    with pytest.raises(PluginCleanupError):
        manager.stop_plugins()
    stuck = {name for name in started if faults[name] in FAILS_TO_CLEAN_UP}
    after = {status.name: str(status.state) for status in manager.status()}
    assert {name for name in started if after[name] == "failed"} == stuck
    assert {after[name] for name in started - stuck} == {"stopped"}
    manager.stop_plugins(force=True)
    assert manager.plugins == {}
    deadline = time.monotonic() + PATIENCE
    while held and time.monotonic() < deadline:  # what was given up is undone when it ends
        time.sleep(0.005)
    assert held == set()
