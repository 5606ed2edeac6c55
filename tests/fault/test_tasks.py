"""Async actions of Rust plugins when something ends early: their callers, loops and processes."""

from __future__ import annotations

import shutil
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIBRARY_NAME = "libzerepy_fixture_tasks.so"
TIMES = 5  # what depends on threads is repeated

HEAD = """
    import asyncio, gc, logging, os, signal, sys, threading, time, warnings
    from zerepy_plugins import PluginManager, discover_plugins
    from zerepy_plugins.errors import PluginError, PluginStateError

    logging.getLogger("zerepy_plugins").addHandler(logging.NullHandler())
    signal.alarm(40)  # a hang dies of it
    manager = PluginManager(sys.argv[1], entry_points=False)
    manager.load_plugins()
    manager.start_plugins()
    LONG = {"seconds": 60}

    def counts(**wanted):
        while True:
            counts = manager.perform_action("tasks", "counts")
            if wanted.items() <= counts.items():
                return
            time.sleep(0.001)

    def nap(seconds=60, manager=manager):
        return manager.perform_action_async("tasks", "nap", {"seconds": seconds})
"""


@pytest.fixture(scope="session")
def tasks_dir(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """A plugin directory with the library in it."""
    library = pytestconfig.rootpath / "target" / "release" / LIBRARY_NAME
    directory = tmp_path_factory.mktemp("tasks")
    shutil.copy(library, directory)
    return directory


@pytest.fixture
def check(run_child, tasks_dir) -> Callable[..., None]:
    """Run code in a child process that has to end well and in silence."""

    def run(code: str, times: int = 1) -> None:
        for _ in range(times):
            result = run_child(dedent(HEAD) + dedent(code), tasks_dir)
            assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    return run


def test_an_exit_right_after_the_loop(check):
    code = """
    async def main():
        naps = [asyncio.ensure_future(nap()) for _ in range(20)]
        naps += [asyncio.ensure_future(nap(0.001 * number)) for number in range(20)]
        await asyncio.sleep(0.01)
    asyncio.run(main())  # cancels what is left
    """
    check(code, TIMES)


def test_an_exit_with_calls_that_were_given_up(check):
    code = """
    calls = []
    async def main():
        for seconds in (0.05, 60):
            calls.append(nap(seconds))
            calls[-1].send(None)
    asyncio.run(main())
    """
    check(code, 2)  # each waits a second for what runs


ENDS_LATE = """
    class Late:
        def __del__(self, sleep=time.sleep):
            sleep(0.2)  # the interpreter is ending, and gives others a turn
    sys.late = Late()
"""


def test_an_exit_with_a_thread_that_waits(check):
    code = """
    call = lambda: manager.perform_action("tasks", "nap", LONG)
    threading.Thread(target=call, daemon=True).start()
    counts(running=1)
    """
    check(dedent(ENDS_LATE) + dedent(code), 3)


def test_an_exit_with_a_loop_in_a_thread(check):
    code = """
    async def main():
        await asyncio.gather(*(nap(60 if number % 2 else 0.01 * number) for number in range(20)))
    threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
    counts(running=10)
    """
    check(dedent(ENDS_LATE) + dedent(code), 3)


def test_an_exit_from_an_atexit_function(check):
    code = """
    import atexit
    def late():
        assert manager.perform_action("tasks", "nap", {"seconds": 0.01, "value": 1}) == 1
        manager.stop_plugins()
    atexit.register(late)
    """
    check(code)


INTERRUPT = """
    def interrupt():
        counts(running=1)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt, daemon=True).start()
"""


@pytest.mark.parametrize(
    "call",
    [
        'manager.perform_action("tasks", "nap", LONG)',
        'manager["tasks"].perform_action("nap", LONG)',
        "asyncio.run(main())",
    ],
    ids=["hosted", "direct", "awaited"],
)
def test_an_interrupt_cancels_the_task(check, call):
    code = f"""
    async def main():
        await nap()
    try:
        {call}
    except KeyboardInterrupt:
        counts(running=0, dropped=1)
        assert manager.perform_action("tasks", "nap", {{"seconds": 0, "value": 1}}) == 1
        manager.stop_plugins()
    else:
        raise AssertionError("not interrupted")
    """
    check(dedent(INTERRUPT) + dedent(code))


def test_plugins_are_stopped_after_their_calls_were_cancelled(check):
    code = """
    async def main():
        naps = [asyncio.ensure_future(nap()) for _ in range(50)]
        await asyncio.sleep(0)
        for each in naps:
            each.cancel()
        stopped = await manager.stop_plugins_async()
        first, *others = stopped
        assert first == "chaotic"
        assert others == ["sleeper", "careful", "tally", "countdown", "streams", "later", "tasks"]
    for _ in range(5):
        asyncio.run(main())
        manager.start_plugins()
    manager.stop_plugins()
    """
    check(code)


def test_a_loop_that_is_closed_with_calls_in_flight(check):
    code = """
    loop = asyncio.new_event_loop()
    async def main():
        calls = [nap(0.01), nap(60)]
        for call in calls:
            call.send(None)
        return calls
    calls = loop.run_until_complete(main())
    loop.close()
    time.sleep(0.05)  # one comes back to a loop that is closed
    del calls, main
    gc.collect()
    counts(running=0)
    assert asyncio.run(nap(0)) is None  # another loop is not affected
    manager.stop_plugins()
    """
    check(code, TIMES)


def test_a_call_that_was_given_up_says_nothing(check):
    code = """
    async def main():
        for _ in range(5):
            call = nap()
            call.send(None)
            call.close()
        counts(running=0)
        await asyncio.sleep(0.02)  # the outcomes come in
    asyncio.run(main())
    gc.collect()
    manager.stop_plugins()
    """
    check(code)


# The parent's runtime has threads; the child runs the code in the middle and must leave by itself.
USED = """
    assert manager.perform_action("tasks", "nap", {"seconds": 0, "value": 1}) == 1
    asyncio.run(nap(0))
"""
STILL_WORKS = """
    assert manager.perform_action("tasks", "nap", {"seconds": 0, "value": 2}) == 2
    manager.stop_plugins()
"""
CALLS = [
    'manager.perform_action("tasks", "nap", {"seconds": 0})',
    'manager["tasks"].perform_action("nap", {"seconds": 0})',
    'asyncio.run(manager.perform_action_async("tasks", "nap", {"seconds": 0}))',
    'manager.execute_sync("later", {"message": "a"})',
    'asyncio.run(manager.execute("later", {"message": "a"}))',
]


def joined(*parts: str) -> str:
    return "".join(map(dedent, parts))


@pytest.mark.parametrize("call", CALLS)
def test_a_forked_child_is_refused_the_parents_instance(check, forking, call):
    code = f"fork_and(lambda: refused(lambda: {call}))"
    check(joined(forking, USED, code, STILL_WORKS))


@pytest.mark.parametrize("call", CALLS)
def test_a_forked_child_is_refused_async_calls_of_a_new_instance(check, forking, call):
    code = f"""
    def in_child():
        with PluginManager(sys.argv[1], entry_points=False) as manager:
            refused(lambda: {call})
            assert manager.perform_action("tasks", "counts") == {{"running": 0, "dropped": 0}}
    fork_and(in_child)
    """
    check(joined(forking, USED, code, STILL_WORKS))


def test_a_forked_child_may_make_the_first_async_call(check, forking):
    code = """
    def in_child():
        with PluginManager(sys.argv[1], entry_points=False) as manager:
            assert manager.perform_action("tasks", "nap", {"seconds": 0, "value": 3}) == 3
            assert asyncio.run(manager.execute("later", {"message": "a"})) == "a"
    fork_and(in_child)
    """
    check(joined(forking, code, STILL_WORKS))


def test_a_forked_child_leaves_its_parents_tasks_alone(check, forking):
    code = """
    async def main():
        calls = [nap() for _ in range(20)]
        for call in calls:
            call.send(None)
        more = asyncio.ensure_future(nap(0.05))
        await asyncio.sleep(0)
        def in_child():
            for call in calls:
                call.close()
            calls.clear()
            gc.collect()
        fork_and(in_child)
        assert await more is None
        counts(running=20, dropped=0)
    asyncio.run(main())
    gc.collect()
    counts(running=0, dropped=20)
    """
    check(joined(forking, USED, code, STILL_WORKS), TIMES)
