"""What a plugin is given by its manager."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import threading
import time
import weakref

import pytest

from zerepy_plugins import Event, EventBus, PluginContext, PluginManager
from zerepy_plugins.errors import PluginCleanupError, PluginNotFoundError, PluginStateError


def test_it_is_there_before_initialize(manager_of, make_connection):
    seen = {}

    def initialize(self, config):
        seen.update(context=self.context, config=config)

    manager = manager_of(
        make_connection("a", initialize=initialize), config={"a": {"config": {"x": [1]}}}
    )
    manager.start_plugins()
    context = seen["context"]
    assert isinstance(context, PluginContext)
    assert context.config is seen["config"]
    assert context.config == {"x": [1]}
    assert isinstance(context.events, EventBus)
    assert context is manager["a"].context


def test_every_kind_of_plugin_has_one(running):
    assert {name: plugin.context.logger.name for name, plugin in running.plugins.items()} == {
        name: f"zerepy_plugins.plugin.{name}" for name in ("echo", "shout", "fragile", "dependent")
    }


def test_the_logger_is_the_plugins_own(manager_of, make_connection, caplog):
    def initialize(self, config):
        self.context.logger.warning("hello")

    manager_of(make_connection("a", initialize=initialize)).start_plugins()
    [record] = [record for record in caplog.records if record.getMessage() == "hello"]
    assert (record.name, record.levelno) == ("zerepy_plugins.plugin.a", logging.WARNING)


def test_plugins_find_each_other(manager_of, make_connection):
    found = {}

    def initialize(self, config):
        found["b"] = self.context.plugin("b")

    manager = manager_of(
        make_connection("a", initialize=initialize, requires=["b"]), make_connection("b")
    )
    assert manager.start_plugins() == ["b", "a"]
    assert found["b"] is manager["b"]


def test_a_plugin_that_does_not_run_is_not_given(manager_of, make_connection):
    manager = manager_of(make_connection("a"), make_connection("b"))
    manager.start_plugins("a")
    context = manager["a"].context
    with pytest.raises(PluginStateError, match="registered"):
        context.plugin("b")
    with pytest.raises(PluginNotFoundError):
        context.plugin("zzz")


def test_a_context_outlives_its_manager(registry_of, make_connection):
    manager = PluginManager([], registry=registry_of(make_connection("a")), entry_points=False)
    with manager:
        context = manager["a"].context
    del manager
    with pytest.raises(PluginStateError):
        context.plugin("a")


def test_events_reach_the_managers_bus(manager_of, make_connection):
    heard = []

    def perform_action(self, action, params):
        self.context.events.publish(Event("a.said", params, "a"))

    manager = manager_of(make_connection("a", perform_action=perform_action))
    manager.events.subscribe("a.said", heard.append)
    manager.start_plugins()
    manager.perform_action("a", "say", {"word": "hi"})
    assert heard == [Event("a.said", {"word": "hi"}, "a")]


def test_cleanup_functions_run_after_cleanup_newest_first(manager_of, make_connection):
    log = []

    def initialize(self, config):
        for number in range(3):
            self.context.add_cleanup(lambda number=number: log.append(number))

    plugin = make_connection("a", initialize=initialize, cleanup=lambda self: log.append("cleanup"))
    manager = manager_of(plugin)
    manager.start_plugins()
    manager.stop_plugins()
    assert log == ["cleanup", 2, 1, 0]


def test_they_run_whatever_fails_and_all_errors_are_told(manager_of, make_connection):
    log = []

    def initialize(self, config):
        self.context.add_cleanup(lambda: log.append("first"))
        self.context.add_cleanup(lambda: 1 / 0)
        self.context.add_cleanup(lambda: log.append("last"))

    def cleanup(self):
        raise ValueError("stuck")

    manager = manager_of(make_connection("a", initialize=initialize, cleanup=cleanup))
    manager.start_plugins()
    with pytest.raises(PluginCleanupError) as caught:
        manager.stop_plugins()
    assert log == ["last", "first"]
    causes = [type(error.__cause__) for error in caught.value.__cause__.exceptions]
    assert causes == [ValueError, ZeroDivisionError]


def test_after_a_failed_initialize_they_run_and_cleanup_does_not(manager_of, make_connection):
    log = []

    def initialize(self, config):
        self.context.add_cleanup(lambda: log.append("released"))
        raise ValueError("no luck")

    plugin = make_connection("a", initialize=initialize, cleanup=lambda self: log.append("cleanup"))
    assert manager_of(plugin).start_plugins() == []
    assert log == ["released"]


def test_nothing_but_its_slots():
    with pytest.raises(AttributeError):
        PluginContext("a", {}, EventBus(), None).other = 1


PATIENCE = 10  # seconds


async def for_ever():
    await asyncio.Event().wait()


def leaks(caplog) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if (record.name, record.levelname) == ("zerepy_plugins.lifecycle", "WARNING")
    ]


@pytest.fixture(params=["context", "events"])
def subscribe(request):
    """Subscribe in either way that a plugin has."""
    if request.param == "context":
        return lambda context, *args: context.subscribe(*args)
    return lambda context, *args: context.events.subscribe(*args)


def test_what_is_left_at_the_release_is_ended_and_named(running, caplog, subscribe):
    heard = []
    context = running["echo"].context
    subscribe(context, "mine.*", heard.append)
    tasks = [context.create_task(for_ever(), name=name) for name in ("poll", "sync")]
    running.events.publish(Event("mine.a"))
    running.stop_plugins("echo")
    running.events.publish(Event("mine.b"))
    assert [event.name for event in heard] == ["mine.a"]
    assert all(task.cancelled() for task in tasks)
    [warning] = leaks(caplog)
    assert "'echo' left 2 tasks (poll, sync) and 1 subscription (mine.*)" in warning


def test_what_the_plugin_ended_itself_is_no_leak(running, caplog, subscribe):
    context = running["echo"].context
    undo = subscribe(context, "mine", print)
    undo()
    undo()
    subscribe(context, "mine", print)
    assert context.events.unsubscribe("mine", print)
    subscribe(context, "mine", print)
    running.events.clear_subscribers("mine")
    task = context.create_task(for_ever())
    task.cancel()
    context.create_task(asyncio.sleep(0)).result(PATIENCE)
    context.add_cleanup(lambda: None)
    _wait_until(lambda: not context._tasks.names())
    running.stop_plugins("echo")
    assert leaks(caplog) == []


def _wait_until(true):
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_all_is_released_even_if_cleanup_raises(manager_of, make_connection, caplog):
    log = []

    async def work():
        try:
            await for_ever()
        finally:
            await asyncio.sleep(0.01)
            log.append("task")

    def initialize(self, config):
        self.context.add_cleanup(lambda: log.append("function"))
        self.context.subscribe("*", lambda event: log.append(event.name))
        self.context.create_task(work(), name="work")
        self.begun = self.context.create_task(asyncio.sleep(0))

    manager = manager_of(make_connection("a", initialize=initialize, cleanup=lambda self: 1 / 0))
    manager.start_plugins()
    manager["a"].begun.result(PATIENCE)
    with pytest.raises(PluginCleanupError):
        manager.stop_plugins()
    log = [entry for entry in log if not entry.startswith("plugin.")]
    assert log == ["task", "function"]  # functions come last: tasks may use what they release
    assert "1 task (work) and 1 subscription (*)" in leaks(caplog)[0]


def test_after_a_failed_initialize_nothing_is_left_and_nobody_is_blamed(
    manager_of, make_connection, caplog
):
    made = []

    def initialize(self, config):
        made.append(self.context.create_task(for_ever()))
        self.context.subscribe("a", print)
        raise ValueError("no luck")

    manager = manager_of(make_connection("a", initialize=initialize))
    assert manager.start_plugins() == []
    assert made[0].cancelled()
    assert leaks(caplog) == []


def test_what_a_task_raises_is_logged_and_kept(running, caplog):
    async def fails():
        raise ValueError("no luck")

    async def exits():
        raise SystemExit(3)

    context = running["echo"].context
    with pytest.raises(ValueError, match="no luck"):
        context.create_task(fails(), name="fails").result(PATIENCE)
    with pytest.raises(SystemExit):
        context.create_task(exits(), name="exits").result(PATIENCE)
    assert context.create_task(asyncio.sleep(0, 7)).result(PATIENCE) == 7  # the loop still runs
    _wait_until(lambda: len(caplog.records) >= 2)
    texts = [record.getMessage() for record in caplog.records]
    assert texts == [f"task {name!r} of plugin 'echo' failed" for name in ("fails", "exits")]


async def test_tasks_and_handlers_run_on_the_loop_that_started_the_plugin(
    manager_of, make_connection
):
    seen = []

    async def note(*_):
        seen.append(asyncio.get_running_loop())

    def initialize(self, config):
        def work():
            self.context.subscribe("a", note)
            self.task = self.context.create_task(note())

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    manager = manager_of(make_connection("a", initialize=initialize))
    async with manager:
        await asyncio.wrap_future(manager["a"].task)
        await manager.events.publish(Event("a"))
    assert seen == [asyncio.get_running_loop()] * 2


async def test_a_stop_on_the_loop_itself_does_not_wait_for_its_tasks(manager_of, make_connection):
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work():
        begun.set()
        try:
            await for_ever()
        finally:
            ended.set()

    def initialize(self, config):
        self.context.create_task(work())

    manager = manager_of(make_connection("a", initialize=initialize))
    manager.start_plugins()
    await begun.wait()
    before = time.monotonic()
    manager.stop_plugins()
    assert time.monotonic() - before < 4  # less than it would wait for
    async with asyncio.timeout(PATIENCE):
        await ended.wait()


def test_a_task_cancelled_before_it_began_leaves_no_warning(running):
    async def main():
        context = running["echo"].context
        context.create_task(for_ever()).cancel()

    asyncio.run(main())
    running.stop_plugins("echo")
    gc.collect()


def test_after_the_release_nothing_can_be_acquired(running):
    context = running["echo"].context
    running.stop_plugins("echo")
    with pytest.raises(PluginStateError, match="cleaned up") as caught:
        context.create_task(for_ever())
    assert caught.value.plugin == "echo"
    for subscribe in (context.subscribe, context.events.subscribe):
        with pytest.raises(PluginStateError, match="cleaned up") as caught:
            subscribe("a", print)
        assert caught.value.plugin == "echo"
    assert running.events._subscribers == {}
    with pytest.raises(PluginStateError, match="cleaned up"):
        context.add_cleanup(print)


def test_a_restarted_plugin_keeps_only_its_own(manager_of, make_connection):
    def initialize(self, config):
        self.context.events.subscribe(f"{self.name}.*", print)

    names = ("a", "b")
    manager = manager_of(*(make_connection(name, initialize=initialize) for name in names))
    manager.events.subscribe("host", print)
    for _ in range(2):
        manager.start_plugins()
        assert set(manager.events._subscribers) == {"host", "a.*", "b.*"}
        manager.stop_plugins("a")
        assert set(manager.events._subscribers) == {"host", "b.*"}
    manager.stop_plugins()
    assert manager.events._subscribers == {"host": [print]}


def test_a_bus_its_views_and_their_handlers_are_collected(registry_of, make_connection):
    class Handler:
        def __call__(self, event):
            pass

    gone = []

    def initialize(self, config):
        handler = Handler()
        handler.plugin = self  # which has the view, which has the bus, which has the handler
        gone.append(weakref.ref(handler))
        self.context.events.subscribe("*", handler)

    registry = registry_of(make_connection("a", initialize=initialize))
    manager = PluginManager([], registry=registry, entry_points=False)
    manager.load_plugins()
    manager.start_plugins()
    gc.collect()
    assert gone[0]() is not None
    del manager
    gc.collect()
    assert gone[0]() is None


def test_threads_that_acquire_during_the_release_leave_nothing(manager_of, make_connection):
    """Each either acquires something that is released, or is refused."""
    acquired, released, heard = [], [], []

    def work(context):
        with contextlib.suppress(PluginStateError):
            while True:
                context.subscribe("after", heard.append)
                context.add_cleanup(lambda: released.append(1))
                acquired.append(context.create_task(for_ever()))

    manager = manager_of(make_connection("a"))
    for _ in range(5):
        manager.start_plugins()
        thread = threading.Thread(target=work, args=(manager["a"].context,))
        thread.start()
        manager.stop_plugins()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        manager.events.publish(Event("after"))
    assert heard == []
    assert len(released) - len(acquired) in range(6)  # one may be refused its task only
    _wait_until(lambda: all(task.done() for task in acquired))


def test_a_cleanup_function_may_add_others_while_it_runs(running):
    log, context = [], running["echo"].context

    def function():
        log.append("first")
        context.add_cleanup(lambda: log.append("second"))

    context.add_cleanup(function)
    running.stop_plugins("echo")
    assert log == ["first", "second"]


def test_all_is_released_even_if_cleanup_hangs(sleeper, caplog):
    manager, log = sleeper({"cleanup_seconds": 0.3}, cleanup_timeout=0.1), []
    manager.start_plugins("sleeper")
    context = manager["sleeper"].context
    task = context.create_task(for_ever(), name="poll")
    context.subscribe("mine.*", log.append)
    context.add_cleanup(lambda: log.append("function"))
    with pytest.raises(PluginCleanupError, match="did not end within"):
        manager.stop_plugins()
    manager.events.publish(Event("mine.a"))
    assert (log, task.cancelled()) == (["function"], True)
    text = "'sleeper' left 1 task (poll) and 1 subscription (mine.*) after cleanup()"
    assert any(text in warning for warning in leaks(caplog))
    _wait_until(lambda: manager.monitor.stats("sleeper").late)


def test_a_task_that_does_not_end_is_named(running, caplog, monkeypatch):
    from zerepy_plugins import context as module

    monkeypatch.setattr(module, "_MAX_TASK_END", 0.05)
    release = threading.Event()
    begun = threading.Event()

    async def stubborn():
        begun.set()
        try:
            await for_ever()
        finally:
            while not release.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.01)

    running["echo"].context.create_task(stubborn(), name="stubborn")
    assert begun.wait(PATIENCE)
    running.stop_plugins("echo")
    assert any("'stubborn' of plugin 'echo' did not end" in text for text in leaks(caplog))
    release.set()
