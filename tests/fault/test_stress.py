"""Starting, stopping and calling from many threads at once: refusals, never anything worse."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading

from zerepy_plugins.errors import PluginStateError

ROUNDS = 30
PATIENCE = 60  # seconds


def test_lives_and_calls_at_once(twins):
    manager = twins()
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
            assert (len(manager.status()), manager.failures) == (4, [])

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
    assert [manager.monitor.stats(name).in_flight for name in ("echo", "shout")] == [0, 0]
    manager.enable("shout")
    assert len(manager.start_plugins()) == 4
    assert manager.perform_action("echo", "echo", {"value": 2}) == 2
