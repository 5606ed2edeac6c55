"""SIGTERM and Ctrl-C lead to an orderly stop; so does the end of the interpreter."""

from __future__ import annotations

import signal

import pytest

HEAD = """
    import asyncio, contextlib, logging, os, signal, sys, threading, time
    from zerepy_plugins import ConnectionPlugin, PluginManager, PluginRegistry
    from zerepy_plugins.errors import PluginNotReady

    logging.getLogger("zerepy_plugins").addHandler(logging.NullHandler())
    signal.alarm(40)  # a hang dies of it

    class Base(ConnectionPlugin):
        version = "1"
        def initialize(self, config):
            pass
        def cleanup(self):
            print("cleaned", self.name, flush=True)
        def is_configured(self):
            return True
        def configure(self):
            return True
        def perform_action(self, action, params):
            time.sleep(60)

    class A(Base):
        name = "a"

    class B(Base):
        name = "b"

    def manager_of(*classes, **kwargs):
        registry = PluginRegistry()
        for cls in classes:
            registry.register("connection", cls.name, cls)
        return PluginManager([], registry=registry, entry_points=False, **kwargs)

    def send(number, *, after=0.0):
        '''Send the signal from another thread, once the main thread is waiting.'''
        def kill():
            time.sleep(after)
            os.kill(os.getpid(), number)
        threading.Thread(target=kill, daemon=True).start()
"""
SOON = 0.1  # seconds after which the main thread is where it should be
IN_ORDER = "cleaned b\ncleaned a\n"
TERMINATED = 128 + signal.SIGTERM


@pytest.fixture
def run(run_child):
    def run(code: str) -> tuple[int, str, str]:
        result = run_child(HEAD + code)
        return result.returncode, result.stdout, result.stderr

    return run


@pytest.mark.parametrize(
    "wait",
    [
        "time.sleep(60)",
        "manager.perform_action('a', 'x')",
        "manager.perform_action('a', 'x', timeout=30)",
        "os.kill(os.getpid(), signal.SIGTERM)",
    ],
)
def test_sigterm_ends_a_with_block_and_stops_everything(run, wait):
    code = f"""
    with manager_of(A, B) as manager:
        send(signal.SIGTERM, after={SOON})
        {wait}
        raise AssertionError("not reached")
    """
    assert run(code) == (TERMINATED, IN_ORDER, "")


def test_sigterm_while_starting(run):
    code = """
    class Slow(Base):
        name = "slow"
        requires = ["a"]
        def initialize(self, config):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)

    with manager_of(A, Slow):
        raise AssertionError("not reached")
    """
    assert run(code) == (TERMINATED, "cleaned a\n", "")


def test_sigterm_ends_an_async_with_block(run):
    code = f"""
    async def main():
        async with manager_of(A, B):
            send(signal.SIGTERM, after={SOON})
            await asyncio.sleep(60)
            raise AssertionError("not reached")
    asyncio.run(main())
    """
    assert run(code) == (TERMINATED, IN_ORDER, "")


def test_sigterm_while_an_async_with_block_starts(run):
    code = """
    class Slow(Base):
        name = "slow"
        requires = ["a"]
        def initialize(self, config):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)

    async def main():
        async with manager_of(A, Slow):
            raise AssertionError("not reached")
    asyncio.run(main())
    """
    assert run(code) == (TERMINATED, "cleaned slow\ncleaned a\n", "")


def test_sigterm_is_given_back(run):
    code = """
    with manager_of(A), manager_of(B):
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    async def main():
        async with manager_of(A):
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    asyncio.run(main())
    """
    assert run(code) == (0, IN_ORDER + "cleaned a\n", "")


def test_somebody_elses_handler_is_left_alone(run):
    code = """
    def handler(number, frame):
        print("handled", flush=True)
    signal.signal(signal.SIGTERM, handler)

    async def main():
        async with manager_of(A):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0)
    with manager_of(A):
        os.kill(os.getpid(), signal.SIGTERM)
    asyncio.run(main())
    assert signal.getsignal(signal.SIGTERM) is handler
    """
    assert run(code) == (0, "handled\ncleaned a\n" * 2, "")


@pytest.mark.parametrize("where", ["switched off", "other thread"])
def test_it_is_not_handled_where_it_must_not_be(run, where):
    code = f"""
    def check():
        with manager_of(A, handle_signals={where != "switched off"}):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    thread = threading.Thread(target=check)
    thread.start() if {where == "other thread"} else check()
    {"thread.join()" if where == "other thread" else ""}
    """
    assert run(code) == (0, "cleaned a\n", "")


def test_ctrl_c_while_a_start_hangs(run):
    code = """
    class Slow(Base):
        name = "slow"
        requires = ["a"]
        def initialize(self, config):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
    began = time.monotonic()
    try:
        with manager_of(A, Slow):
            raise AssertionError("not reached")
    except KeyboardInterrupt:
        assert time.monotonic() - began < 20
        print("interrupted", flush=True)
    """
    assert run(code) == (0, "cleaned a\ninterrupted\n", "")


def test_ctrl_c_ends_the_wait_for_running_calls(run):
    code = f"""
    def on_stopping(event):
        if event.data["plugin"] == "a":
            send(signal.SIGINT, after={SOON})
    with contextlib.suppress(KeyboardInterrupt), manager_of(A, B) as manager:
        manager.events.subscribe("plugin.stopping", on_stopping)
        call = lambda: manager.perform_action("a", "x")
        threading.Thread(target=call, daemon=True).start()
        while not manager.monitor.stats("a").in_flight:
            time.sleep(0.001)
        began = time.monotonic()
    assert time.monotonic() - began < 4, "the wait for calls went on"
    print("done", flush=True)
    """
    assert run(code) == (0, IN_ORDER + "done\n", "")


def test_a_second_ctrl_c_ends_all_waiting(run):
    code = """
    class Stuck(Base):
        name = "stuck"
        def cleanup(self):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
    began = time.monotonic()
    with contextlib.suppress(KeyboardInterrupt), manager_of(A, Stuck, cleanup_timeout=30):
        pass
    assert time.monotonic() - began < 20
    print("done", flush=True)
    """
    assert run(code) == (0, "done\n", "")


def test_the_end_of_the_interpreter_stops_what_still_runs(run):
    code = """
    manager = manager_of(A, B)
    manager.load_plugins()
    manager.start_plugins()
    sys.exit(3)
    """
    assert run(code) == (3, IN_ORDER, "")


def test_it_stops_async_plugins_too(run):
    code = """
    class Async(Base):
        name = "a"
        async def cleanup(self):
            await asyncio.sleep(0)
            print("cleaned async", flush=True)
    async def main():
        manager.load_plugins()
        await manager.start_plugins_async()
    manager = manager_of(Async)
    asyncio.run(main())
    """
    assert run(code) == (0, "cleaned async\n", "")


def test_a_cleanup_that_calls_another_plugin_may_do_so_at_the_end(run):
    code = """
    class Store(Base):
        name = "store"
        def perform_action(self, action, params):
            print(action, flush=True)
    class User(Base):
        name = "user"
        requires = ["store"]
        def cleanup(self):
            manager.perform_action("store", "flush")
    manager = manager_of(Store, User)
    manager.load_plugins()
    manager.start_plugins()
    """
    assert run(code) == (0, "flush\ncleaned store\n", "")


def test_the_end_waits_for_no_cleanup_that_hangs(run):
    code = """
    class Stuck(Base):
        name = "stuck"
        requires = ["a"]
        def cleanup(self):
            time.sleep(60)
    manager = manager_of(A, Stuck, cleanup_timeout=0.05)
    manager.load_plugins()
    manager.start_plugins()
    """
    assert run(code) == (0, "cleaned a\n", "")


def test_the_end_with_somebody_still_retrying(run):
    code = """
    class Never(Base):
        name = "never"
        def initialize(self, config):
            raise PluginNotReady("no", retry_after=0.001)
    manager = manager_of(A, Never)
    manager.load_plugins()
    manager.start_plugins()
    time.sleep(0.05)
    """
    for _ in range(5):
        assert run(code) == (0, "cleaned a\n", "")


def test_the_end_with_an_initialize_still_running(run):
    code = """
    class Slow(Base):
        name = "slow"
        def initialize(self, config):
            time.sleep(0.3)
    class Late:
        def __del__(self, sleep=time.sleep):
            sleep(0.4)  # the interpreter is ending, and gives others a turn
    sys.late = Late()
    manager = manager_of(A, Slow, initialize_timeout=0.1)
    manager.load_plugins()
    manager.start_plugins()
    """
    assert run(code) == (0, "cleaned a\n", "")


def test_a_forked_child_leaves_the_plugins_to_its_parent(run):
    code = """
    manager = manager_of(A)
    manager.load_plugins()
    manager.start_plugins()
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
    """
    assert run(code) == (0, "cleaned a\n", "")
