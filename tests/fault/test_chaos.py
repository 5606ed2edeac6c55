"""Many plugins that fail in every way at once, and are called: all ends where a small model says.

A seed that fails stands in the test's name; the same seed makes the same plugins and calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import struct
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from zerepy_plugins import PluginHooks, PluginManager, PluginRegistry
from zerepy_plugins.errors import (
    PluginCleanupError,
    PluginConfigError,
    PluginExecutionError,
    PluginNotFoundError,
    PluginNotReady,
    PluginPanicError,
    PluginStateError,
    PluginTimeoutError,
    PluginVetoError,
)

PLUGINS = 200
CALLS = 150  # of each caller
MAX_HANGS = 8  # each takes a whole time limit
PATIENCE = 10  # seconds
# As many seeds: more of them with ZEREPY_CHAOS_SEEDS=50
SEEDS = range(int(os.environ.get("ZEREPY_CHAOS_SEEDS", "3")))

HANGS = {"hang", "cancelled"}
NOT_YET = {"not_ready", "ready_later"}
FAILS_TO_START = HANGS | {"raise", "exit", "pre_initialize", "post_initialize", "bad_config"}
FAILS_TO_START |= {"fail_initialize", "panic_initialize"}
FAILS_TO_CLEAN_UP = {"bad_cleanup", "bad_state", "pre_cleanup", "post_cleanup"}
FAILS_TO_CLEAN_UP |= {"fail_cleanup", "panic_cleanup"}
ILL = {"ill", "raising_health"}
ANY_PYTHON = sorted(
    HANGS | NOT_YET | ILL | {"raise", "exit", "pre_initialize", "post_initialize", "bad_config"}
)
ANY_PYTHON += ["bad_cleanup", "bad_state", "pre_cleanup", "post_cleanup", "bad_name"]
ANY_RUST = ["fail_initialize", "panic_initialize", "fail_cleanup", "panic_cleanup", "bad_config"]
ANY_RUST += ["ill", *sorted(NOT_YET)]
BAD_CLASSES = [
    {"version": 3},
    {"version": property(lambda self: 1 / 0)},
    {"actions": object()},
    {"actions": [1, 2]},
    {"requires": property(lambda self: 1 / 0)},
    {"config_schema": 3},
]

# What an action comes to; a class is an error.
OK = "ok"
ALIKE = {"ask": OK, "later": OK, "fail": PluginExecutionError, "hang": PluginTimeoutError}
OF_PYTHON = {"garbage": OK, "exits": PluginExecutionError, "items": PluginStateError}
OF_RUST = {"pass_on": OK, "unheard_of": PluginNotFoundError, "items": PluginStateError}
OF_C = {"answer": PluginExecutionError}
OUTCOMES = {"python": ALIKE | OF_PYTHON, "rust": ALIKE | OF_RUST, "c": OF_C}
HOOKED = {
    f"{moment} {policy}": OK if policy == "log" else PluginExecutionError
    for moment in ("pre", "post")
    for policy in ("raise", "collect", "log")
} | {"veto": PluginVetoError}
KINDS_OF_COUNTS = ("calls", "errors", "timeouts")
# A tape that says it has a node, which is none.
BROKEN_TAPE = struct.pack("<Q", 1) + b"\xff" * 16


class World:
    """The plugins, what is wrong with each, and what they need."""

    def __init__(self, seed, sources, make_connection, path):
        self.chance = random.Random(seed)
        self.registry, self.config = PluginRegistry(), {}
        self.faults: dict[str, str] = {}
        self.needs: dict[str, list[str]] = {}
        self.kinds: dict[str, str] = {}
        self.held: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.ready = path / "ready"
        for number in range(PLUGINS):
            self.add(f"p{number}", number, sources, make_connection)

    def add(self, name, number, sources, make_connection):
        kind = self.kinds[name] = ("python", "rust", "python", "rust", "c")[number % 5]
        faults = {"python": ANY_PYTHON, "rust": ANY_RUST, "c": ["none"]}[kind]
        fault = self.chance.choice(faults) if self.chance.random() < 0.4 else "none"
        if fault in HANGS and sum(it in HANGS for it in self.faults.values()) >= MAX_HANGS:
            fault = "raise"
        self.faults[name] = fault
        count = self.chance.choice([0, 0, 0, 1, 2]) if number else 0
        needed = sorted({f"p{self.chance.randrange(number)}" for _ in range(count)})
        self.needs[name] = needed
        options = {"fault": 3 if fault == "bad_config" else fault}
        if fault in NOT_YET:
            missing = self.ready.with_name("never")
            options["needs_file"] = str(self.ready if fault == "ready_later" else missing)
        if kind == "python":
            made = python_plugin(self, make_connection, name, fault)
        else:
            made = type(name.title(), (sources[kind],), {"name": name, "requires": needed})
            options = options if kind == "rust" else {}
        self.config[name] = {"config": {"options": options}}
        self.registry.register("connection", name, made)

    def states(self, ready):
        """Say where each plugin is after the start; dependencies come first."""
        states: dict[str, str] = {}
        for name, fault in self.faults.items():
            if any(states[needed] != "running" for needed in self.needs[name]):
                states[name] = "failed" if fault == "bad_config" else "skipped"
            elif fault in FAILS_TO_START:
                states[name] = "failed"
            elif fault == "not_ready" or (fault == "ready_later" and not ready):
                states[name] = "retrying"
            else:
                states[name] = "running"
        return states

    @contextlib.contextmanager
    def holding(self, what):
        with self.lock:
            self.held[what] += 1
        try:
            yield
        finally:
            self.release(what)

    def release(self, what):
        with self.lock:
            self.held[what] -= 1

    def what_is_held(self):
        with self.lock:
            return +self.held


def python_plugin(world, make_connection, name, fault):
    async def for_ever(self):
        with world.holding(f"a task of {name}"):
            await asyncio.Event().wait()

    def acquire(self):
        with world.lock:
            world.held[name] += 1
        self.context.add_cleanup(lambda: world.release(name))
        self.context.events.subscribe("*", lambda event: None)
        self.context.subscribe("nothing", lambda event: None)
        self.context.create_task(for_ever(self))

    def initialize(self, config):
        acquire(self)
        needed = config["options"].get("needs_file")
        if needed and not Path(needed).exists():
            raise PluginNotReady("as told", 60 if fault == "not_ready" else 0.05)
        if fault == "raise":
            raise ValueError("as told")
        if fault == "exit":
            raise SystemExit(3)
        if fault == "hang":
            world.over.wait()
        return object()  # which is nobody's business

    async def initialize_until_cancelled(self, config):
        acquire(self)
        await asyncio.Event().wait()

    def fails_at(moment):
        def step(self):
            if fault == moment:
                raise OSError("as told")

        return step

    def health(self):
        if fault == "raising_health":
            raise SystemExit(3)
        return [] if fault == "ill" else ["garbage, but true"]

    schema = {"properties": {"options": {"properties": {"fault": {"type": "string"}}}}}
    moments = ("pre_initialize", "post_initialize", "pre_cleanup", "post_cleanup")
    made = make_connection(
        name,
        requires=world.needs[name],
        config_schema=schema,
        initialize=initialize_until_cancelled if fault == "cancelled" else initialize,
        cleanup=fails_at("bad_cleanup"),
        health=health,
        save_state=lambda self: object() if fault == "bad_state" else {},
        perform_action=lambda self, action, params: ACTIONS[action](world, params),
        **{moment: fails_at(moment) for moment in moments},
    )
    return type(name.title(), (made,), {"name": 3}) if fault == "bad_name" else made


async def later(world, params):
    await asyncio.sleep(0.001)
    return params["value"]


async def hang(world, params):
    with world.holding("hanging"):
        await asyncio.Event().wait()


async def items(world, params):
    with world.holding("a stream"):
        for item in range(3):
            yield item


def fail(world, params):
    raise LookupError("as told")


def exits(world, params):
    raise SystemExit(3)


ACTIONS = {"later": later, "hang": hang, "items": items, "fail": fail, "exits": exits}
ACTIONS |= {"ask": lambda world, params: params["value"], "garbage": lambda *_: object()}


class Faulty(PluginHooks):
    """Raises around the actions whose parameters ask for it."""

    def __init__(self, policy):
        self.policy = policy

    def pre_action(self, params):
        asked = params.get("hook") if isinstance(params, dict) else None
        if asked == "veto":
            raise PluginVetoError("as told")
        if asked == f"pre {self.policy}":
            raise LookupError("before, as told")

    def post_action(self, params, error):
        if isinstance(params, dict) and params.get("hook") == f"post {self.policy}":
            raise LookupError("after, as told")


class Caller:
    """Calls plugins that run, and counts what has to come of it; `steady` ones are not stopped."""

    def __init__(self, world, manager, steady, others, seed, hooked):
        self.world, self.manager, self.hooked = world, manager, hooked
        self.names, self.steady = steady + others, steady
        self.chance = random.Random(seed)
        self.calls: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.timeouts: Counter[str] = Counter()
        self.unexpected: list[str] = []

    def request(self):
        """Choose a plugin, an action, parameters and a limit; say what has to come of it."""
        name = self.chance.choice(self.names)
        kind = self.world.kinds[name]
        action, outcome = self.chance.choice(list(OUTCOMES[kind].items()))
        params = BROKEN_TAPE if kind == "c" else {"value": self.chance.random()}
        if action == "pass_on":
            params |= {"plugin": self.chance.choice(self.steady), "action": "ask"}
            if self.world.kinds[params["plugin"]] == "c" or params["plugin"] == name:
                outcome = PluginExecutionError  # it has no such action, or is its own caller
        if action == "ask" and self.chance.random() < 0.5 and self.hooked:
            params["hook"], outcome = self.chance.choice(list(HOOKED.items()))
        return name, action, params, outcome

    def note(self, name, action, params, outcome, came):
        """Count a call that was let in, and compare."""
        if isinstance(came, PluginStateError) and "must be running" in str(came):
            return  # it was being stopped, and never let in
        self.calls[name] += 1
        self.errors[name] += outcome != OK
        self.timeouts[name] += outcome is PluginTimeoutError
        if action == "pass_on" and params["plugin"] != name:
            self.note_inner(params["plugin"], came)
        fits = type(came) is outcome if outcome != OK else not isinstance(came, Exception)
        if fits and action in ("ask", "later") and outcome == OK:
            fits = came == params["value"]
        if not fits:
            self.unexpected.append(f"{name}.{action}({params}): {came!r}, not {outcome}")

    def note_inner(self, name, came):
        self.calls[name] += 1
        self.errors[name] += self.world.kinds[name] == "c"

    def run(self):
        for _ in range(CALLS):
            name, action, params, outcome = self.request()
            timeout = 0.02 if action == "hang" else None
            try:
                came = self.manager.perform_action(name, action, params, timeout=timeout)
            except Exception as error:
                came = error
            self.note(name, action, params, outcome, came)

    async def run_async(self):
        for _ in range(CALLS):
            name, action, params, outcome = self.request()
            if action == "items":
                await self.iterate(name)
            elif action == "hang":
                await self.give_up(name)
            else:
                try:
                    came = await self.manager.perform_action_async(name, action, params)
                except Exception as error:
                    came = error
                self.note(name, action, params, outcome, came)

    async def iterate(self, name):
        stream = self.manager.perform_action_stream(name, "items")
        wanted = self.chance.randrange(1, 5)
        try:
            async with contextlib.aclosing(stream) as left:
                came = [await anext(left, None) for _ in range(wanted)]
        except Exception as error:
            came = error
        self.note(name, "items", {}, OK, came)
        if isinstance(came, list) and came != [0, 1, 2, None][:wanted]:
            self.unexpected.append(f"{name}.items: {came}")

    async def give_up(self, name):
        task = asyncio.ensure_future(self.manager.perform_action_async(name, "hang", {"value": 0}))
        await asyncio.sleep(0.001)
        task.cancel()
        [came] = await asyncio.gather(task, return_exceptions=True)
        came = OK if isinstance(came, asyncio.CancelledError) else came
        self.note(name, "hang", {}, OK, came)


def wait_for(read, wanted):
    """Wait until what is read is as it must be."""
    deadline = time.monotonic() + PATIENCE
    while (found := read()) != wanted and time.monotonic() < deadline:
        time.sleep(0.005)
    assert found == wanted


def states_of(manager):
    return {status.name: str(status.state) for status in manager.status()}


def check_start(world, manager):
    states = world.states(ready=False)
    wait_for(lambda: states_of(manager), states)  # some are tried again already
    failed = {name for name, state in states.items() if state != "running"}
    wait_for(lambda: {failure.plugin for failure in manager.failures}, failed)
    for failure in manager.failures:
        check_chain(world, states, failure)


def check_chain(world, states, failure):
    """Whoever was skipped is told through whom it goes back to what failed."""
    name, text = failure.plugin, str(failure.error)
    while states[name] == "skipped":
        ways = (f'"{name}" needs', f'"{name}", which needs')
        told = [it for it in world.needs[name] if any(f'{way} "{it}"' in text for way in ways)]
        assert told, (name, text)
        name = told[0]
    assert states[name] in ("failed", "retrying")


def restart(manager, names, over):
    """Stop plugins that nobody needs, and start them again, until it is over."""
    while not over.is_set():
        for name in names:
            manager.stop_plugins(name)
            manager.start_plugins(name)


def call_from_all_sides(world, manager, steady, restarted, seed, hooked):
    """Call plugins from threads and from a loop, and stop some meanwhile; check all that came."""
    callers = [Caller(world, manager, steady, restarted, f"{seed}/{at}", hooked) for at in range(3)]
    works = [callers[0].run, callers[1].run, lambda: asyncio.run(callers[2].run_async())]
    over, failed = threading.Event(), []

    def guarded(work):
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    work = lambda: restart(manager, restarted, over)  # noqa: E731
    restarts = threading.Thread(target=guarded, args=(work,))
    for thread in (restarts, *threads):
        thread.start()
    world.ready.touch()  # and so others come up meanwhile
    for thread in threads:
        thread.join(PATIENCE * 3)
    over.set()
    restarts.join(PATIENCE)
    assert not [thread for thread in (restarts, *threads) if thread.is_alive()]
    assert failed == []
    assert [it for caller in callers for it in caller.unexpected] == []
    for name in steady + restarted:
        reading = manager.monitor.stats(name)
        seen = reading.calls, reading.errors, reading.timeouts, reading.in_flight
        counts = [sum((getattr(it, kind) for it in callers), Counter()) for kind in KINDS_OF_COUNTS]
        assert seen == (*(count[name] for count in counts), 0), name


def check_health(world, manager):
    for name in manager.plugins:
        if world.kinds[name] != "c":  # which says nothing of it
            assert manager.monitor.check_health(name) is (world.faults[name] not in ILL), name


def poison(manager, names):
    """Have plugins in Rust panic: each takes no more calls, and nobody else feels it."""
    for name in names:
        calls = manager.monitor.stats(name).calls
        with pytest.raises(PluginPanicError):
            manager.perform_action(name, "panic")
        with pytest.raises(PluginStateError, match="panicked before"):
            manager.perform_action(name, "ask", {"value": 1})
        assert manager.monitor.stats(name).calls == calls + 2


def check_stop(world, manager, started):
    stuck = {name for name in started if world.faults[name] in FAILS_TO_CLEAN_UP}
    with pytest.raises(PluginCleanupError):
        manager.stop_plugins()
    after = states_of(manager)
    assert {name for name in started if after[name] == "failed"} == stuck
    assert {after[name] for name in started - stuck} == {"stopped"}
    manager.stop_plugins(force=True)
    assert manager.plugins == {}
    assert manager.events._subscribers == {}


def manager_of(world, path, policies):
    limits = {"initialize_timeout": 0.3, "cleanup_timeout": 2}
    sources = {"registry": world.registry, "entry_points": False, "state_dir": path}
    manager = PluginManager([], world.config, **sources, **limits)
    for policy in policies:
        manager.add_hooks(Faulty(policy), on_error=policy)
    manager.load_plugins()
    return manager


def live(world, manager, seed, hooked):
    """Start, call and stop all plugins, and check each step against the model."""
    manager.start_plugins()
    check_start(world, manager)
    steady, needed = list(manager.plugins), {it for names in world.needs.values() for it in names}
    healthy = [name for name in steady if world.faults[name] == "none"]
    restarted = [name for name in healthy if name not in needed][:5]
    steady = [name for name in steady if name not in restarted]
    call_from_all_sides(world, manager, steady, restarted, seed, hooked)
    states = world.states(ready=True)
    wait_for(lambda: states_of(manager), states)
    check_health(world, manager)
    poison(manager, [name for name in healthy if world.kinds[name] == "rust"][:3])
    world.over.set()
    check_stop(world, manager, {name for name, state in states.items() if state == "running"})


def held_in_rust(sources):
    """Count instances, handlers and streams, of whatever manager there was in this process."""
    gc.collect()
    probe = sources["rust"]()
    probe.initialize({})
    held = probe.perform_action("held", {})
    probe.cleanup()
    return held


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed{seed}")
def test_all_end_where_they_must(seed, make_connection, sources, host_threads, tmp_path):
    before = host_threads(), held_in_rust(sources)
    world = World(seed, sources, make_connection, tmp_path)
    for number, members in enumerate(BAD_CLASSES):
        name = f"bad{number}"
        with pytest.raises(PluginConfigError):
            world.registry.register("connection", name, make_connection(name, **members))
    policies = ("raise", "collect", "log") if seed % 2 == 0 else ()
    manager = manager_of(world, tmp_path, policies)
    try:
        live(world, manager, seed, hooked=bool(policies))
    finally:
        world.over.set()
        manager.stop_plugins(force=True)
    del manager
    wait_for(world.what_is_held, Counter())
    wait_for(lambda: (host_threads(), held_in_rust(sources)), before)
