"""Streams when something ends early: their loops, their processes, the user's patience."""

from __future__ import annotations

import shutil
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = """
    import asyncio, gc, logging, os, signal, sys, threading, time, warnings
    from zerepy_plugins import PluginManager
    from zerepy_plugins.errors import PluginError, PluginStateError

    logging.getLogger("zerepy_plugins").addHandler(logging.NullHandler())
    signal.alarm(40)  # a hang dies of it
    manager = PluginManager(sys.argv[1], entry_points=False)
    manager.load_plugins()
    manager.start_plugins()

    def counts(**wanted):
        while True:
            counts = manager.perform_action("streams", "counts")
            if wanted.items() <= counts.items():
                return
            time.sleep(0.001)

    def hang():
        return manager.perform_action_stream("streams", "hang")

    def count(end=100, manager=manager):
        return manager.perform_action_stream("streams", "count", {"end": end})

    async def collect(stream):
        return [item async for item in stream]
"""


@pytest.fixture(params=["python", "native"])
def streams_dir(request, tmp_path: Path, pytestconfig: pytest.Config) -> Path:
    """A plugin directory with the plugins of one kind in it."""
    if request.param == "python":
        source = pytestconfig.rootpath / "tests/fixtures/plugins/streams_py"
        shutil.copytree(source, tmp_path / "streams_py", ignore=lambda *_: ["__pycache__"])
    else:
        library = pytestconfig.rootpath / "target/release/libzerepy_fixture_tasks.so"
        shutil.copy(library, tmp_path)
    return tmp_path


@pytest.fixture
def check(run_child, streams_dir) -> Callable[..., None]:
    """Run code in a child process that has to end well and in silence."""

    def run(code: str) -> None:
        result = run_child(dedent(HEAD) + dedent(code), streams_dir)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    return run


def test_an_exit_with_open_streams(check):
    code = """
    kept = []
    async def main():
        kept.extend([count(), hang()])
        await anext(kept[0])
        kept.append(asyncio.ensure_future(anext(kept[1])))
        async for _ in count():
            break
        await asyncio.sleep(0.01)
    asyncio.run(main())
    """
    check(code)


def test_an_exit_with_a_loop_in_a_thread(check):
    code = """
    class Late:
        def __del__(self, sleep=time.sleep):
            sleep(0.2)  # the interpreter is ending, and gives others a turn
    sys.late = Late()
    async def forever():
        while True:
            await collect(count())
    def in_thread():
        try:
            asyncio.run(forever())
        except (PluginError, RuntimeError):
            pass  # asyncio may be refused worker threads by then
    threading.Thread(target=in_thread, daemon=True).start()
    while manager.monitor.stats("streams").calls < 10:
        time.sleep(0.001)
    """
    check(code)


def test_a_loop_that_is_closed_with_open_streams(check):
    code = """
    loop = asyncio.new_event_loop()
    async def main():
        streams = [count(), hang()]
        await anext(streams[0])
        step = anext(streams[1])
        step.send(None)
        return streams, step
    streams, step = loop.run_until_complete(main())
    loop.close()
    del step, main
    assert manager.monitor.stats("streams").in_flight == 1
    assert asyncio.run(collect(streams[0])) == list(range(1, 100))  # another loop may go on
    del streams
    gc.collect()
    assert manager.monitor.stats("streams").in_flight == 0
    assert asyncio.run(collect(count(3))) == [0, 1, 2]
    manager.stop_plugins()
    """
    check(code)


def test_an_interrupt_ends_the_stream(check):
    code = """
    def interrupt():
        counts(open=1)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        asyncio.run(collect(hang()))
    except KeyboardInterrupt:
        counts(open=0)
        assert asyncio.run(collect(count(3))) == [0, 1, 2]
        manager.stop_plugins()
    else:
        raise AssertionError("not interrupted")
    """
    check(code)


def test_what_is_given_up_says_nothing(check):
    code = """
    async def main():
        for _ in range(5):
            step = anext(hang())
            step.send(None)
            step.close()
            step = anext(hang())
            step.send(None)
            del step
            anext(count())  # never awaited: it has not begun
            await anext(count())
        await asyncio.sleep(0.02)  # the outcomes come in
    asyncio.run(main())
    gc.collect()
    counts(open=0)
    manager.stop_plugins()
    """
    check(code)


def test_a_forked_child_leaves_its_parents_streams_alone(check, request):
    of_python = request.node.callspec.params["streams_dir"] == "python"
    code = f"""
    OF_PYTHON = {of_python}
    warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, about forks with threads

    def in_child(stream):
        asyncio.events._set_running_loop(None)
        if OF_PYTHON:
            assert asyncio.run(collect(stream)) == list(range(1, 100))
            return
        try:
            asyncio.run(collect(stream))
        except PluginStateError as error:
            assert "fork" in str(error), error
        else:
            raise AssertionError("not refused")
        try:
            asyncio.run(collect(count()))
        except PluginStateError as error:
            assert "fork" in str(error), error

    async def main():
        stream = count()
        await anext(stream)
        child = os.fork()
        if child == 0:
            signal.alarm(10)  # a hang dies of it
            status = 1
            try:
                in_child(stream)
                del stream
                gc.collect()
                status = 0
            except BaseException:
                import traceback
                traceback.print_exc()
            finally:
                os._exit(status)
        status = os.waitpid(child, 0)[1]
        assert os.waitstatus_to_exitcode(status) == 0, os.waitstatus_to_exitcode(status)
        assert await collect(stream) == list(range(1, 100))
    asyncio.run(main())
    counts(open=0)
    manager.stop_plugins()
    """
    check(code)
