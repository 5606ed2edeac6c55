"""Starting, stopping, calling, streaming and subscribing from many threads at once: refusals, never
anything worse."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import threading
import time
from pathlib import Path

import pytest

from zerepy_plugins import discover_plugins
from zerepy_plugins.errors import PluginStateError

ROOT = Path(__file__).parents[2]
ROUNDS = 20
PATIENCE = 60  # seconds


@pytest.fixture
def streams(kind, tmp_path):
    """The class of a plugin whose actions yield items."""
    if kind == "python":
        source = ROOT / "tests/fixtures/plugins/streams_py"
        shutil.copytree(source, tmp_path / "streams_py", ignore=lambda *_: ["__pycache__"])
    else:
        shutil.copy(ROOT / "target/release/libzerepy_fixture_tasks.so", tmp_path)
    return discover_plugins(tmp_path)["streams"]


def test_lives_and_calls_at_once(twins, make_connection, streams):
    names = iter(range(1000))

    def register_one_more(manager, seed: int) -> None:
        name = f"extra-{seed}-{next(names)}"
        manager.registry.register("connection", name, make_connection(name))
        manager.load_plugins()  # or another thread was faster
        manager.start_plugins(name)
        assert manager.perform_action(name, "ask", 1) == ("ask", 1)

    manager = twins()
    manager.registry.register("connection", "streams", streams)
    manager.load_plugins()
    outcomes: list[str] = []
    manager.monitor.add_observer(after=lambda *call: outcomes.append(call[2]))
    unexpected: list[BaseException] = []
    over = threading.Event()

    def lead_lives(seed: int) -> None:
        chance = random.Random(seed)
        steps = [
            manager.start_plugins,
            manager.stop_plugins,
            lambda: manager.stop_plugins("echo"),
            lambda: manager.start_plugins("dependent"),
            lambda: manager.disable("shout"),
            lambda: manager.enable("shout"),
            lambda: manager.reload("echo"),
            lambda: manager.reload("dependent"),
            lambda: manager.stop_plugins("streams"),
            lambda: manager.reload("streams"),
            lambda: manager.update_config("fragile", {"options": {"fail_cleanup": False}}),
            lambda: manager.update_config("echo", {"options": {"seed": chance.random()}}),
            lambda: register_one_more(manager, seed),
            manager.load_plugins,
        ]
        for _ in range(ROUNDS):
            with contextlib.suppress(PluginStateError):
                chance.choice(steps)()

    def call() -> None:
        while not over.is_set():
            with contextlib.suppress(PluginStateError):
                assert manager.perform_action("echo", "echo", {"value": 1}) == 1
                assert manager.execute_sync("shout", {"text": "a"}) == "A"
                manager.perform_action("echo", "sleep", {"seconds": 0})
            assert manager.failures == []

    async def call_and_cancel(seed: int) -> None:
        chance = random.Random(seed)
        while not over.is_set():
            sleep = manager.perform_action_async("echo", "sleep", {"seconds": 0.001})
            task = asyncio.ensure_future(sleep)
            await asyncio.sleep(0)
            if chance.random() < 0.3:
                task.cancel()
            with contextlib.suppress(PluginStateError, asyncio.CancelledError):
                await task

    async def iterate(seed: int) -> None:
        chance = random.Random(seed)
        while not over.is_set():
            items = manager.perform_action_stream("streams", "count", {"end": 3})
            wanted = chance.randrange(1, 5)
            with contextlib.suppress(PluginStateError):
                async with contextlib.aclosing(items):
                    came = [await anext(items, None) for _ in range(wanted)]
                assert came == [0, 1, 2, None][:wanted]
            await asyncio.sleep(0.001)

    def subscribe(seed: int) -> None:
        chance = random.Random(seed)
        while not over.is_set():
            with contextlib.suppress(PluginStateError):
                context = manager[chance.choice(["echo", "streams"])].context
                undo = context.events.subscribe("echo.*", lambda event: None)
                if chance.random() < 0.9:  # what is left ends with the plugin
                    undo()
            time.sleep(0.001)  # others want a turn, too

    def guarded(work, *arguments) -> threading.Thread:
        def run() -> None:
            try:
                work(*arguments)
            except BaseException as error:
                unexpected.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    lives = [guarded(lead_lives, seed) for seed in range(3)]
    callers = [guarded(call) for _ in range(3)]
    callers += [guarded(lambda seed: asyncio.run(call_and_cancel(seed)), seed) for seed in range(2)]
    callers += [guarded(lambda: asyncio.run(iterate(0)))]
    callers += [guarded(subscribe, 0)]
    for thread in lives:
        thread.join(PATIENCE)
    over.set()
    for thread in callers:
        thread.join(PATIENCE)
    assert not [thread for thread in lives + callers if thread.is_alive()]
    assert unexpected == []
    manager.stop_plugins()
    assert manager.events._subscribers == {}
    stats = [manager.monitor.stats(status.name) for status in manager.status()]
    assert sum(each.in_flight for each in stats) == 0
    assert sum(each.calls for each in stats) == len(outcomes)  # each call had its one outcome
    manager.enable("shout")
    manager.start_plugins()
    known = [status.name for status in manager.status()]
    assert len(set(known)) == len(known) == 5 + next(names)
    assert sorted(known) == sorted(manager) == sorted(manager.plugins)
    registered = manager.registry.list_plugins().values()
    assert sorted(name for names in registered for name in names) == sorted(known)
    assert manager.perform_action("echo", "echo", {"value": 2}) == 2
