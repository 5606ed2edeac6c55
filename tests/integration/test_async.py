"""Everything from within an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import threading

import pytest

from zerepy_plugins import PluginManager
from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginCleanupError,
    PluginExecutionError,
    PluginStateError,
)

PATIENCE = 20  # seconds


@pytest.fixture
async def app(twins_dir):
    """All twins of one kind, running."""
    async with PluginManager(twins_dir, entry_points=False) as manager:
        yield manager


def perform(manager, action, **params):
    return manager.perform_action_async("echo", action, params)


async def test_async_with(twins_dir):
    async with PluginManager(twins_dir, entry_points=False) as manager:
        assert sorted(manager) == ["dependent", "echo", "fragile", "shout"]
    assert len(manager) == 0


async def test_async_with_cleans_up_after_an_error(twins_dir):
    manager = PluginManager(twins_dir, entry_points=False)
    with pytest.raises(ZeroDivisionError):
        async with manager:
            1 / 0  # noqa: B018
    assert len(manager) == 0


async def test_async_with_reports_cleanup_errors(twins_dir):
    config = {"fragile": {"config": {"options": {"fail_cleanup": True}}}}
    manager = PluginManager(twins_dir, config, entry_points=False)
    with pytest.raises(PluginCleanupError):
        async with manager:
            pass
    await manager.stop_plugins_async(force=True)


async def test_lifecycle_methods(twins_dir):
    manager = PluginManager(twins_dir, entry_points=False)
    assert len(await manager.load_plugins_async()) == 4
    assert await manager.start_plugins_async("dependent") == ["echo", "dependent"]
    assert sorted(await manager.start_plugins_async()) == ["fragile", "shout"]
    assert await manager.stop_plugins_async("echo") == ["dependent", "echo"]
    assert len(await manager.stop_plugins_async()) == 2


@pytest.mark.parametrize(
    ("action", "params", "result"),
    [
        ("echo", {"value": [1, (2,)]}, [1, (2,)]),
        ("add", {"a": 1, "b": 2}, 3),
        ("sleep", {"seconds": 0}, None),
        ("sum", {"numbers": [1, 2.5]}, 3.5),
    ],
)
async def test_results(app, action, params, result):
    assert await app.perform_action_async("echo", action, params) == result


async def test_execute(app):
    assert await app.execute("shout", {"text": "a"}) == "A"
    assert await app["shout"].execute({"text": "a"}) == "A"


async def test_errors(app, kind):
    with pytest.raises(PluginExecutionError, match="boom") as caught:
        await perform(app, "fail", message="boom")
    assert caught.value.plugin == "echo"
    if kind == "python":
        assert isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(InvalidParamsError, match=r"params\.seconds"):
        await perform(app, "sleep", seconds=-1)
    with pytest.raises(InvalidParamsError, match="must not be empty"):
        await app.execute("shout", {"text": ""})
    stats = app.monitor.stats("echo")
    assert (stats.calls, stats.errors, stats.in_flight) == (2, 2, 0)


async def test_what_is_returned_is_a_coroutine(app):
    coroutine = perform(app, "echo", value=1)
    assert inspect.isawaitable(coroutine)
    assert asyncio.iscoroutine(coroutine)
    assert await coroutine == 1


async def test_nothing_happens_until_it_is_awaited(app):
    coroutine = perform(app, "echo", value=1)
    assert app.monitor.stats("echo").in_flight == 0
    coroutine.close()
    assert app.monitor.stats("echo").calls == 0


async def test_create_task(app):
    task = asyncio.create_task(perform(app, "sleep", seconds=0.01))
    assert await task is None


async def test_gather_runs_side_by_side(app):
    calls = [perform(app, "sleep", seconds=0.01) for _ in range(10)]
    calls += [perform(app, "echo", value=number) for number in range(10)]
    answers = await asyncio.gather(*calls)
    assert answers == [None] * 10 + list(range(10))
    assert app.monitor.stats("echo").calls == 20


async def test_the_loop_runs_while_an_action_blocks(app):
    sleeping = asyncio.create_task(perform(app, "sleep", seconds=0.05))
    turns = 0
    while not sleeping.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10


async def test_task_groups(app):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(perform(app, "add", a=n, b=n)) for n in range(5)]
    assert [task.result() for task in tasks] == [0, 2, 4, 6, 8]


async def until(condition):
    """Wait for what nothing in asyncio tells of."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def underway(manager):
    """Wait until a call of `echo` is running."""
    await until(lambda: manager.monitor.stats("echo").in_flight)


async def settled(manager):
    """Wait until the one call of `echo` has ended."""
    await until(lambda: manager.monitor.stats("echo").calls == 1)


async def test_cancel(app):
    task = asyncio.create_task(perform(app, "sleep", seconds=0.05))
    await underway(app)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await settled(app)
    assert await perform(app, "echo", value=1) == 1


async def test_stop_waits_for_cancelled_work(app):
    task = asyncio.create_task(perform(app, "sleep", seconds=0.05))
    await underway(app)
    task.cancel()
    await asyncio.wait([task])
    assert "echo" in await app.stop_plugins_async()
    assert "echo" in await app.start_plugins_async()


async def test_wait_for(app):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(perform(app, "sleep", seconds=0.05), 0.001)
    await settled(app)
    assert await asyncio.wait_for(perform(app, "echo", value=1), PATIENCE) == 1


async def test_a_cancelled_call_counts_as_abandoned(app):
    outcomes = []
    app.monitor.add_observer(after=lambda *call: outcomes.append(call[2]))
    task = asyncio.create_task(perform(app, "sleep", seconds=0.02))
    await underway(app)
    task.cancel()
    await asyncio.wait([task])
    await settled(app)
    assert outcomes == ["abandoned"]


async def test_a_coroutine_cannot_be_awaited_twice(app):
    coroutine = perform(app, "echo", value=1)
    assert await coroutine == 1
    with pytest.raises(RuntimeError, match="already awaited"):
        await coroutine


async def test_close_before_start(app):
    coroutine = perform(app, "fail", message="boom")
    coroutine.close()
    coroutine.close()
    with pytest.raises(RuntimeError, match="already awaited"):
        await coroutine
    assert app.monitor.stats("echo").calls == 0


async def test_close_after_start(app):
    coroutine = perform(app, "sleep", seconds=0.01)
    coroutine.send(None)
    assert app.monitor.stats("echo").in_flight == 1
    coroutine.close()
    await settled(app)
    assert app.monitor.stats("echo").in_flight == 0


async def test_dropping_a_started_call_counts_it_out(app):
    coroutine = perform(app, "sleep", seconds=0.01)
    coroutine.send(None)
    del coroutine
    await settled(app)


async def test_throw_before_start(app):
    coroutine = perform(app, "echo", value=1)
    with pytest.raises(KeyError):
        coroutine.throw(KeyError("x"))
    with pytest.raises(RuntimeError):
        await coroutine


async def test_never_awaited_is_no_call(app):
    with pytest.warns(RuntimeWarning, match="never awaited"):
        perform(app, "fail", message="boom")
    assert app.monitor.stats("echo").calls == 0


async def test_a_stopped_plugin_is_told_when_it_is_awaited(twins_dir):
    manager = PluginManager(twins_dir, entry_points=False)
    await manager.load_plugins_async()
    coroutine = perform(manager, "echo", value=1)
    with pytest.raises(PluginStateError, match="registered"):
        await coroutine


async def test_stop_waits_for_running_calls(app):
    task = asyncio.create_task(perform(app, "sleep", seconds=0.05))
    await underway(app)
    await app.stop_plugins_async()
    assert app.monitor.stats("echo").in_flight == 0
    assert await task is None


async def test_sync_calls_of_sync_work_are_fine_within_a_loop(app):
    assert app.perform_action("echo", "add", {"a": 1, "b": 2}) == 3


async def test_sync_calls_of_async_work_are_a_clear_error(manager_of, make_action):
    manager = manager_of(make_action("a"))
    await manager.start_plugins_async()
    with pytest.raises(PluginStateError, match=r"async.*running event loop.*[Aa]wait") as caught:
        manager.execute_sync("a", {})
    assert caught.value.code == "wrong_state"
    assert await manager.execute("a", {"x": 1}) == {"x": 1}
    assert await asyncio.to_thread(manager.execute_sync, "a", {"x": 1}) == {"x": 1}


async def test_sync_start_of_an_async_plugin_is_a_clear_error(manager_of, make_connection):
    async def initialize(self, config):
        raise AssertionError("it was run")

    manager = manager_of(make_connection("a", initialize=initialize))
    with pytest.raises(PluginStateError, match="_async"):
        manager.start_plugins("a")


async def test_async_methods_run_on_the_callers_loop(manager_of, make_connection, make_action):
    loops = {}

    def remember(name):
        loops[name] = asyncio.get_running_loop()

    async def initialize(self, config):
        remember("initialize")

    async def cleanup(self):
        remember("cleanup")

    async def perform_action(self, action, params):
        remember("perform_action")

    async def execute(self, params):
        remember("execute")

    members = {"initialize": initialize, "cleanup": cleanup}
    manager = manager_of(
        make_connection("c", **members, perform_action=perform_action),
        make_action("a", execute=execute),
    )
    await manager.start_plugins_async()
    await manager.perform_action_async("c", "x")
    await manager.execute("a")
    await manager.stop_plugins_async()
    assert set(loops.values()) == {asyncio.get_running_loop()}
    assert len(loops) == 4


async def test_sync_methods_run_off_the_loops_thread(manager_of, make_connection, make_action):
    threads = {}

    def remember(name):
        threads[name] = threading.current_thread()

    manager = manager_of(
        make_connection(
            "c",
            initialize=lambda self, config: remember("initialize"),
            cleanup=lambda self: remember("cleanup"),
            perform_action=lambda self, action, params: remember("perform_action"),
        ),
        make_action("a", execute=lambda self, params: remember("execute")),
    )
    await manager.start_plugins_async()
    await manager.perform_action_async("c", "x")
    await manager.execute("a")
    await manager.stop_plugins_async()
    assert len(threads) == 4
    assert threading.current_thread() not in threads.values()


async def test_a_sync_method_that_returns_an_awaitable(manager_of, make_action):
    async def work():
        return "done"

    manager = manager_of(make_action("a", execute=lambda self, params: work()))
    await manager.start_plugins_async()
    assert await manager.execute("a") == "done"


async def test_a_sync_method_that_raises_stop_iteration(manager_of, make_action):
    """A future cannot hold it; nobody may wait for ever because of that."""

    def execute(self, params):
        raise StopIteration(3)

    manager = manager_of(make_action("a", execute=execute))
    await manager.start_plugins_async()
    with pytest.raises(PluginExecutionError, match="StopIteration"):
        await asyncio.wait_for(manager.execute("a"), 5)
    with pytest.raises(PluginExecutionError, match="StopIteration"):
        manager.execute_sync("a")


async def test_an_async_action_that_is_cancelled_sees_it(manager_of, make_action):
    seen = []
    entered = asyncio.Event()

    async def execute(self, params):
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    manager = manager_of(make_action("a", execute=execute))
    await manager.start_plugins_async()
    task = asyncio.create_task(manager.execute("a"))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]
    assert manager.monitor.stats("a").in_flight == 0


async def test_errors_of_async_actions(manager_of, make_action):
    async def execute(self, params):
        await asyncio.sleep(0)
        raise KeyError("x")

    manager = manager_of(make_action("a", execute=execute))
    await manager.start_plugins_async()
    with pytest.raises(PluginExecutionError) as caught:
        await manager.execute("a")
    assert isinstance(caught.value.__cause__, KeyError)
    assert manager.monitor.stats("a").errors == 1


async def test_context_variables_reach_the_plugin(manager_of, make_connection, make_action):
    variable = contextvars.ContextVar("variable", default="unset")

    async def execute(self, params):
        return variable.get()

    manager = manager_of(
        make_connection("c", perform_action=lambda self, action, params: variable.get()),
        make_action("a", execute=execute),
    )
    await manager.start_plugins_async()
    variable.set("set")
    assert await manager.execute("a") == "set"
    assert await manager.perform_action_async("c", "x") == "set"


async def test_params_are_the_callers_own(manager_of, make_action):
    manager = manager_of(make_action("a"))
    await manager.start_plugins_async()
    params = {"x": object()}
    assert await manager.execute("a", params) is params


def test_one_manager_in_two_loops_after_each_other(twins):
    manager = twins()

    async def use():
        await manager.start_plugins_async()
        results = [
            await perform(manager, "sleep", seconds=0),
            await manager.execute("shout", {"text": "a"}),
        ]
        await manager.stop_plugins_async()
        return results

    assert [asyncio.run(use()) for _ in range(2)] == [[None, "A"]] * 2


def test_the_loop_of_the_start_is_not_remembered(twins):
    manager = twins()
    context = contextvars.copy_context()
    with asyncio.Runner() as runner:
        runner.run(manager.start_plugins_async(), context=context)
    assert context.run(manager.execute_sync, "shout", {"text": "a"}) == "A"
    assert len(context.run(manager.stop_plugins)) == 4


def test_loops_on_several_threads(running):
    answers = []

    async def use(number):
        calls = [perform(running, "add", a=number, b=n) for n in range(20)]
        answers.extend(await asyncio.gather(*calls, perform(running, "sleep", seconds=0.001)))

    threads = [threading.Thread(target=asyncio.run, args=(use(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(answers) == 84


def test_a_loop_that_is_closed_before_its_call_ends(running):
    async def abandon():
        task = asyncio.ensure_future(perform(running, "sleep", seconds=0.05))
        await underway(running)
        task.cancel()

    asyncio.run(abandon())
    assert running.perform_action("echo", "echo", {"value": 1}) == 1


async def test_calls_given_up_while_they_wait_for_a_thread_never_run(app, kind):
    calls = [asyncio.create_task(perform(app, "sleep", seconds=0.02)) for _ in range(600)]
    await underway(app)
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    await app.stop_plugins_async("echo")  # not an error: nothing begins any more


async def test_a_coroutine_that_comes_too_late_is_closed(manager_of, make_connection):
    entered, leave = threading.Event(), threading.Event()

    async def answer():
        return 1

    def perform_action(self, action, params):
        entered.set()
        leave.wait(10)
        return answer()  # nobody awaits it: a warning, if nobody closes it either

    manager = manager_of(make_connection("a", perform_action=perform_action))
    await manager.start_plugins_async()
    task = asyncio.ensure_future(manager.perform_action_async("a", "x"))
    assert await asyncio.to_thread(entered.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    leave.set()
    await asyncio.get_running_loop().shutdown_default_executor()  # the call has returned
    gc.collect()
