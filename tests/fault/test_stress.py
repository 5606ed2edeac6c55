"""Starting, stopping and calling from many threads at once: refusals, never anything worse."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading

from zerepy_plugins.errors import PluginStateError

ROUNDS = 30
PATIENCE = 60  # seconds


def test_lives_and_calls_at_once(twins, make_connection):
    names = iter(range(1000))

    def register_one_more(manager, seed: int) -> None:
        name = f"extra-{seed}-{next(names)}"
        manager.registry.register("connection", name, make_connection(name))
        manager.load_plugins()  # or another thread was faster
        manager.start_plugins(name)
        assert manager.perform_action(name, "ask", 1) == ("ask", 1)

    manager = twins()
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
    for thread in lives:
        thread.join(PATIENCE)
    over.set()
    for thread in callers:
        thread.join(PATIENCE)
    assert not [thread for thread in lives + callers if thread.is_alive()]
    assert unexpected == []
    manager.stop_plugins()
    stats = [manager.monitor.stats(status.name) for status in manager.status()]
    assert sum(each.in_flight for each in stats) == 0
    assert sum(each.calls for each in stats) == len(outcomes)  # each call had its one outcome
    manager.enable("shout")
    manager.start_plugins()
    known = [status.name for status in manager.status()]
    assert len(set(known)) == len(known) == 4 + next(names)
    assert sorted(known) == sorted(manager) == sorted(manager.plugins)
    registered = manager.registry.list_plugins().values()
    assert sorted(name for names in registered for name in names) == sorted(known)
    assert manager.perform_action("echo", "echo", {"value": 2}) == 2
