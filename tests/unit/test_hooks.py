"""Hooks: mixed into a plugin or beside it, with the arguments they ask for."""

from __future__ import annotations

import pytest

from zerepy_plugins import PluginHooks
from zerepy_plugins.errors import (
    PluginCleanupError,
    PluginConfigError,
    PluginExecutionError,
    PluginVetoError,
)

NAMES = ["pre_initialize", "post_initialize", "pre_cleanup", "post_cleanup"]
AROUND_ACTIONS = ["pre_action", "post_action"]


def logging_hooks(log: list, label: str) -> PluginHooks:
    body = {name: lambda self, name=name: log.append((label, name)) for name in NAMES}
    return type("Hooks", (PluginHooks,), body)()


def test_all_do_nothing_by_default():
    hooks = PluginHooks()
    assert [getattr(hooks, name)() for name in NAMES + AROUND_ACTIONS] == [None] * 6


def test_mixed_into_a_plugin_they_surround_its_steps(manager_of, make_connection):
    log = []
    members = {name: lambda self, name=name: log.append(name) for name in NAMES}
    members |= {
        "initialize": lambda self, config: log.append("initialize"),
        "cleanup": lambda self: log.append("cleanup"),
    }
    manager = manager_of(make_connection("a", **members))
    manager.start_plugins()
    manager.stop_plugins()
    assert log == [
        *("pre_initialize", "initialize", "post_initialize"),
        *("pre_cleanup", "cleanup", "post_cleanup"),
    ]


def test_the_mixin_class_works_too(manager_of, make_connection):
    log = []

    class Mine(PluginHooks):
        def post_initialize(self):
            log.append(self.name)

    plain = make_connection("a")
    manager = manager_of(type("Hooked", (Mine, plain), {"name": "a"}))
    manager.start_plugins()
    assert log == ["a"]


def test_the_managers_hooks_are_the_outer_ones(manager_of, make_connection):
    log = []
    members = {name: lambda self, name=name: log.append(("own", name)) for name in NAMES}
    hooks = [logging_hooks(log, "first"), logging_hooks(log, "second")]
    manager = manager_of(make_connection("a", **members), hooks=hooks)
    manager.start_plugins()
    manager.stop_plugins()
    before, after = ["first", "second", "own"], ["own", "second", "first"]
    assert [label for label, _ in log] == before + after + before + after
    assert [name for _, name in log] == [name for name in NAMES for _ in range(3)]


def test_they_see_every_plugin_and_what_they_ask_for(twins):
    seen = []

    class Watcher:
        def pre_initialize(self, plugin):
            seen.append(("pre", plugin.name))

        def post_initialize(self, config, plugin, error):
            seen.append(("post", plugin.name, config, error))

        def post_cleanup(self, **everything):
            seen.append(("cleaned", sorted(everything), everything["plugin"].name))

    config = {"echo": {"config": {"options": {"color": "red"}}}}
    manager = twins(config, hooks=[Watcher()])
    manager.start_plugins("dependent")
    manager.stop_plugins()
    arguments = ["config", "error", "plugin"]
    assert seen == [
        ("pre", "echo"),
        ("post", "echo", {"options": {"color": "red"}}, None),
        ("pre", "dependent"),
        ("post", "dependent", {}, None),
        ("cleaned", arguments, "dependent"),
        ("cleaned", arguments, "echo"),
    ]


def test_async_hooks_are_awaited(manager_of, make_connection):
    log = []

    async def post_initialize(self):
        log.append("awaited")

    manager = manager_of(make_connection("a", post_initialize=post_initialize))
    manager.start_plugins()
    assert log == ["awaited"]


def test_hooks_added_later_can_be_taken_away(manager_of, make_connection):
    log = []
    manager = manager_of(make_connection("a"))
    undo = manager.add_hooks(logging_hooks(log, "late"))
    manager.start_plugins()
    undo()
    undo()
    manager.stop_plugins()
    assert log == [("late", "pre_initialize"), ("late", "post_initialize")]


def test_a_failing_pre_initialize_keeps_the_plugin_from_starting(manager_of, make_connection):
    calls = []
    plugin = make_connection(
        "a",
        pre_initialize=lambda self: 1 / 0,
        initialize=lambda self, config: calls.append("initialize"),
    )
    manager = manager_of(plugin)
    with pytest.raises(PluginExecutionError, match="pre_initialize") as caught:
        manager.start_plugins("a")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert calls == []
    assert manager.status()[0].state == "failed"


def test_after_a_failed_start_only_hooks_that_take_the_error_run(manager_of, make_connection):
    seen = []

    class WithoutError:
        def post_initialize(self, plugin):
            seen.append("must not be called")

    class WithError:
        def post_initialize(self, plugin, error):
            seen.append((plugin.name, error))

    def initialize(self, config):
        raise ValueError("no luck")

    plugin = make_connection("a", initialize=initialize)
    manager = manager_of(plugin, hooks=[WithoutError(), WithError()])
    manager.start_plugins()
    [(name, error)] = seen
    assert name == "a"
    assert isinstance(error, PluginExecutionError)
    assert isinstance(error.__cause__, ValueError)


def test_a_failing_post_initialize_makes_the_start_fail_and_cleans_up(manager_of, make_connection):
    calls = []
    plugin = make_connection(
        "a", post_initialize=lambda self: 1 / 0, cleanup=lambda self: calls.append("cleanup")
    )
    manager = manager_of(plugin)
    assert manager.start_plugins() == []
    assert calls == ["cleanup"]
    assert isinstance(manager.failures[0].error.__cause__, ZeroDivisionError)


def test_failing_cleanup_hooks_are_reported_and_stop_nothing(manager_of, make_connection):
    calls = []
    plugin = make_connection(
        "a",
        pre_cleanup=lambda self: 1 / 0,
        cleanup=lambda self: calls.append("cleanup"),
        post_cleanup=lambda self: [][0],
    )
    manager = manager_of(plugin)
    manager.start_plugins()
    with pytest.raises(PluginCleanupError) as caught:
        manager.stop_plugins()
    assert calls == ["cleanup"]
    causes = [type(error.__cause__) for error in caught.value.__cause__.exceptions]
    assert causes == [ZeroDivisionError, IndexError]


def test_post_cleanup_is_told_what_cleanup_raised(manager_of, make_connection):
    seen = []

    def post_cleanup(self, error):
        seen.append(type(error.__cause__))

    plugin = make_connection("a", cleanup=lambda self: 1 / 0, post_cleanup=post_cleanup)
    manager = manager_of(plugin)
    manager.start_plugins()
    with pytest.raises(PluginCleanupError):
        manager.stop_plugins()
    assert seen == [ZeroDivisionError]


def test_hooks_may_not_start_plugins(manager_of, make_connection):
    manager = manager_of(make_connection("a", post_initialize=lambda self: manager.start_plugins()))
    assert manager.start_plugins() == []
    assert "within start_plugins" in str(manager.failures[0].error)


@pytest.mark.parametrize(
    ("hook", "parameters", "named"),
    [
        ("pre_action", "self, parms", "'parms'|\"parms\""),
        ("pre_action", "self, result", "result"),
        ("post_action", "self, *, outcome", "outcome"),
        ("pre_initialize", "self, action", "action"),
        ("post_cleanup", "self, error, /", "error"),
    ],
)
def test_a_hook_that_asks_for_too_much_is_refused(
    manager_of, make_connection, hook, parameters, named
):
    namespace = {}
    exec(f"class Hooks:\n    def {hook}({parameters}): pass", namespace)
    manager = manager_of(make_connection("a"))
    with pytest.raises(PluginConfigError, match=f"Hooks.{hook}.*{named}") as caught:
        manager.add_hooks(namespace["Hooks"]())
    assert "may take any of plugin, config" in caught.value.hint


def test_a_class_instead_of_an_instance_is_refused(manager_of, make_connection):
    with pytest.raises(PluginConfigError, match="instance instead of the class"):
        manager_of(make_connection("a")).add_hooks(PluginHooks)


@pytest.mark.parametrize("given", ["hooks", type("Hooks", (), {"before_action": print})()])
def test_what_has_no_hook_at_all_is_refused(manager_of, make_connection, given):
    manager = manager_of(make_connection("a"))
    with pytest.raises(PluginConfigError, match=r"has no hooks.*pre_action"):
        manager.add_hooks(given)


def test_so_is_a_plugin_with_such_a_hook(manager_of, make_connection):
    manager = manager_of(make_connection("a", pre_action=lambda self, parms: None))
    with pytest.raises(PluginConfigError, match="parms"):
        manager.start_plugins("a")


def test_arguments_with_defaults_are_left_alone(manager_of, make_connection):
    seen = []

    class Hooks:
        def post_initialize(self, plugin, *args, mine=3):
            seen.append((plugin.name, args, mine))

    manager_of(make_connection("a"), hooks=[Hooks()]).start_plugins()
    assert seen == [("a", (), 3)]


def test_an_unknown_policy_is_refused(manager_of, make_connection):
    with pytest.raises(ValueError, match='"raise", "collect" or "log"'):
        manager_of(make_connection("a")).add_hooks(PluginHooks(), on_error="ignore")


def test_a_logged_error_does_not_keep_a_plugin_from_starting(manager_of, make_connection, caplog):
    class Hooks:
        def pre_initialize(self):
            raise ValueError("not today")

    manager = manager_of(make_connection("a"))
    manager.add_hooks(Hooks(), on_error="log")
    assert manager.start_plugins() == ["a"]
    assert "not today" in caplog.text


def test_a_veto_keeps_a_plugin_from_starting_under_every_policy(manager_of, make_connection):
    class Hooks:
        def pre_initialize(self, plugin):
            raise PluginVetoError(f"{plugin.name} is not for production")

    manager = manager_of(make_connection("a"))
    manager.add_hooks(Hooks(), on_error="log")
    with pytest.raises(PluginVetoError, match="not for production"):
        manager.start_plugins("a")
