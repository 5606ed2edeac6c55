"""What a plugin is given by its manager."""

from __future__ import annotations

import logging

import pytest

from zerepy_plugins import Event, PluginContext
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
    assert context.events is manager.events
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
    from zerepy_plugins import PluginManager

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
        PluginContext("a", {}, None, None).other = 1
