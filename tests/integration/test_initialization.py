"""Phase two: starting, in the order that dependencies need, one failure stopping no other."""

from __future__ import annotations

import asyncio
import threading

import pytest

from zerepy_plugins import PluginManager
from zerepy_plugins.errors import (
    PluginConfigError,
    PluginDependencyError,
    PluginExecutionError,
    PluginNotFoundError,
    PluginNotReady,
    PluginStateError,
)


def states(manager: PluginManager) -> dict[str, str]:
    return {status.name: str(status.state) for status in manager.status()}


def test_a_plain_life(twins):
    manager = twins()
    assert set(states(manager).values()) == {"registered"}
    started = manager.start_plugins()
    assert started.index("echo") < started.index("dependent")
    assert set(states(manager).values()) == {"running"}
    assert list(manager) == list(manager.plugins) == started
    manager.stop_plugins()
    assert set(states(manager).values()) == {"stopped"}
    assert len(manager) == 0


def test_with_starts_and_stops_everything(twins_dir):
    with PluginManager(twins_dir, entry_points=False) as manager:
        assert sorted(manager) == ["dependent", "echo", "fragile", "shout"]
        assert manager.perform_action("dependent", "ping") == "pong"
    assert set(states(manager).values()) == {"stopped"}


@pytest.mark.parametrize("name", [None, "dependent"])
def test_a_manager_that_has_not_loaded_does_so_first(twins_dir, name):
    manager = PluginManager(twins_dir, entry_points=False)
    assert len(manager.start_plugins(name)) == (2 if name else 4)
    assert len(manager.status()) == 4
    assert manager.perform_action("dependent", "ping") == "pong"
    manager.stop_plugins()


def test_a_second_life(running):
    running.stop_plugins()
    assert len(running.start_plugins()) == 4
    assert running.perform_action("echo", "echo", {"value": 1}) == 1


def test_starting_what_runs_starts_nothing(running):
    assert running.start_plugins() == []
    assert running.start_plugins("echo") == []


def test_one_plugin_is_started_with_what_it_needs(twins):
    manager = twins()
    assert manager.start_plugins("dependent") == ["echo", "dependent"]
    assert manager.start_plugins("shout") == ["shout"]
    assert states(manager)["fragile"] == "registered"


def test_mapping_access(running):
    assert running["echo"].name == "echo"
    assert "echo" in running
    assert "ecco" not in running
    assert len(running) == 4
    assert repr(running) == "<PluginManager: 4 plugins, 4 running>"
    with pytest.raises(PluginNotFoundError, match="echo"):
        running["ecco"]


def test_what_does_not_run_is_not_in_the_mapping(twins):
    manager = twins()
    assert "echo" not in manager
    assert manager.plugins == {}
    with pytest.raises(PluginStateError, match="registered"):
        manager["echo"]


def test_starting_an_unknown_plugin_offers_the_nearest(twins):
    with pytest.raises(PluginNotFoundError, match='Did you mean "shout"'):
        twins().start_plugins("shuot")


@pytest.mark.parametrize("method", ["stop_plugins", "enable", "disable", "describe"])
def test_other_operations_on_an_unknown_plugin_too(twins, method):
    with pytest.raises(PluginNotFoundError, match='"shout"'):
        getattr(twins(), method)("shuot")


def without_panics(schema):
    """Leave out what only Python and Rust can do."""
    if not isinstance(schema, dict):
        return schema
    kept = [key for key in schema if not key.startswith("panic")]
    return {key: without_panics(schema[key]) for key in kept}


def test_describe_is_the_same_for_all_kinds(twins, twin_dirs, kind):
    manager = twins()
    other = PluginManager(twin_dirs["native" if kind == "python" else "python"], entry_points=False)
    other.load_plugins()
    for name in states(manager):
        one, two = manager.describe(name), other.describe(name)
        for description in (one, two):
            del description["kind"], description["origin"]
            for action in description["actions"].values():
                action.pop("exec", None)
                action.pop("result", None)  # an ActionPlugin in Python cannot declare it
        if kind == "c":
            two = without_panics(two)
        assert one == two


def test_a_failing_initialize(twins):
    manager = twins({"fragile": {"config": {"options": {"fail_initialize": True}}}})
    assert "fragile" not in manager.start_plugins()
    assert states(manager)["fragile"] == "failed"
    [failure] = manager.failures
    assert (failure.stage, failure.plugin) == ("initialize", "fragile")
    assert isinstance(failure.error, PluginExecutionError)
    assert "initialize failed as told" in str(failure.error)
    [shown] = [status.failure for status in manager.status() if status.failure]
    assert str(shown.error) == str(failure.error)


def test_by_name_the_failure_is_the_error(twins):
    manager = twins({"fragile": {"config": {"options": {"fail_initialize": True}}}})
    with pytest.raises(PluginExecutionError, match="initialize failed as told") as caught:
        manager.start_plugins("fragile")
    assert caught.value.plugin == "fragile"


def test_calling_a_failed_plugin_says_why(twins):
    manager = twins({"fragile": {"config": {"options": {"fail_initialize": True}}}})
    manager.start_plugins()
    with pytest.raises(PluginStateError, match="initialize failed as told"):
        manager.perform_action("fragile", "ping")


def test_what_python_code_raised_is_the_cause(manager_of, make_connection):
    def initialize(self, config):
        raise OSError("no network")

    manager = manager_of(make_connection("a", initialize=initialize))
    manager.start_plugins()
    [failure] = manager.failures
    assert isinstance(failure.error.__cause__, OSError)
    assert "no network" in failure.traceback
    assert "test_initialization.py" in failure.traceback


def test_a_failed_plugin_can_be_started_again(manager_of, make_connection):
    attempts = []

    def initialize(self, config):
        attempts.append(self)
        if len(attempts) == 1:
            raise OSError("no network")

    manager = manager_of(make_connection("a", initialize=initialize))
    assert manager.start_plugins() == []
    assert manager.start_plugins() == ["a"]
    assert manager.failures == []
    assert attempts[0] is not attempts[1]


def test_a_plugins_own_plugin_error_stays_itself(manager_of, make_connection):
    error = PluginNotReady("warming up", 2.5)

    def initialize(self, config):
        raise error

    manager = manager_of(make_connection("a", initialize=initialize))
    with pytest.raises(PluginNotReady) as caught:
        manager.start_plugins("a")
    assert caught.value is error
    assert (error.plugin, error.retry_after) == ("a", 2.5)


def test_dependencies_start_first_whatever_the_order(manager_of, make_connection):
    order = []

    def initialize(self, config):
        order.append(self.name)

    def plugin(name, *requires):
        return make_connection(name, requires=list(requires), initialize=initialize)

    manager = manager_of(
        plugin("app", "db>=1", "cache"), plugin("cache", "net"), plugin("db", "net"), plugin("net")
    )
    assert manager.start_plugins() == ["net", "cache", "db", "app"]
    assert (order[0], sorted(order[1:3]), order[3]) == ("net", ["cache", "db"], "app")


@pytest.mark.parametrize(
    ("requires", "text"),
    [
        ("nothing", "which is missing"),
        ("dbb", 'Did you mean "db"'),
        ("db>=2", 'needs "db>=2", but "db" is 1.0.0'),
        ("db==1.*,!=1.0.0", "but"),
        ("db=>1", "requirement that is wrong"),
    ],
)
def test_a_dependency_that_is_not_met(manager_of, make_connection, requires, text):
    manager = manager_of(make_connection("a", requires=[requires]), make_connection("db"))
    assert manager.start_plugins() == ["db"]
    assert states(manager) == {"a": "failed", "db": "running"}
    [failure] = manager.failures
    assert failure.stage == "resolve"
    assert isinstance(failure.error, PluginDependencyError)
    assert text in str(failure.error)


@pytest.mark.parametrize("requires", ["db", "db>=1", "db >= 1.0, < 2", "db==1.0.*", "db~=1.0"])
def test_ranges_that_are_met(manager_of, make_connection, requires):
    manager = manager_of(make_connection("a", requires=[requires]), make_connection("db"))
    assert manager.start_plugins() == ["db", "a"]


def test_the_whole_graph_is_checked_before_anything_starts(manager_of, make_connection):
    started = []
    manager = manager_of(
        make_connection("a", initialize=lambda self, config: started.append("a")),
        make_connection("b", requires=["missing"]),
    )
    with pytest.raises(PluginDependencyError):
        manager.start_plugins("b")
    assert started == []


def test_a_circle_is_printed_as_a_path(manager_of, make_connection):
    manager = manager_of(
        make_connection("a", requires=["b"]),
        make_connection("b", requires=["c"]),
        make_connection("c", requires=["a"]),
        make_connection("outside", requires=["a"]),
        make_connection("free"),
    )
    assert manager.start_plugins() == ["free"]
    errors = {failure.plugin: str(failure.error) for failure in manager.failures}
    assert "a -> b -> c -> a" in errors["a"]
    assert "b -> c -> a -> b" in errors["b"]
    assert states(manager)["outside"] == "skipped"
    assert "a -> b -> c -> a" in errors["outside"]


def test_a_plugin_may_not_need_itself(manager_of, make_connection):
    manager = manager_of(make_connection("a", requires=["a"]))
    manager.start_plugins()
    assert "a -> a" in str(manager.failures[0].error)


def test_dependents_of_a_failed_plugin_are_skipped_with_the_chain(manager_of, make_connection):
    manager = manager_of(
        make_connection("db", initialize=lambda self, config: 1 / 0),
        make_connection("cache", requires=["db"]),
        make_connection("app", requires=["cache"]),
        make_connection("free"),
    )
    assert manager.start_plugins() == ["free"]
    assert states(manager) == {
        "db": "failed",
        "cache": "skipped",
        "app": "skipped",
        "free": "running",
    }
    reasons = {failure.plugin: str(failure.error) for failure in manager.failures}
    assert "ZeroDivisionError" in reasons["cache"]
    assert '"cache"' in reasons["app"]
    assert "db" in reasons["app"]


def test_skipped_plugins_start_once_the_cause_is_mended(manager_of, make_connection):
    broken = [True]

    def initialize(self, config):
        if broken:
            raise OSError(broken.pop())

    manager = manager_of(
        make_connection("db", initialize=initialize), make_connection("app", requires=["db"])
    )
    assert manager.start_plugins() == []
    assert manager.start_plugins() == ["db", "app"]
    assert manager.failures == []


def test_the_dependent_twin_is_skipped_without_echo(twins):
    manager = twins({"echo": {"config": {"enabled": False}}})
    assert sorted(manager.start_plugins()) == ["fragile", "shout"]
    assert states(manager) == {
        "echo": "disabled",
        "dependent": "skipped",
        "fragile": "running",
        "shout": "running",
    }
    assert "disabled" in str(manager.failures[0].error)


def test_disable_and_enable(running):
    running.disable("echo")
    assert states(running)["echo"] == "disabled"
    assert states(running)["dependent"] == "stopped"
    with pytest.raises(PluginStateError, match="enable"):
        running.start_plugins("echo")
    with pytest.raises(PluginStateError, match="disabled"):
        running.perform_action("echo", "echo", {"value": 1})
    running.disable("echo")
    running.enable("echo")
    running.enable("echo")
    assert running.start_plugins() == ["echo", "dependent"]


def test_async_initialize_is_awaited(manager_of, make_connection):
    async def initialize(self, config):
        await asyncio.sleep(0)
        self.ready = config

    async def cleanup(self):
        await asyncio.sleep(0)
        self.ready = None

    manager = manager_of(make_connection("a", initialize=initialize, cleanup=cleanup))
    manager.start_plugins()
    plugin = manager["a"]
    assert plugin.ready == {}
    manager.stop_plugins()
    assert plugin.ready is None


def test_initialize_gets_config_and_init_may_too(manager_of, make_connection):
    seen = []
    plugin = make_connection(
        "a",
        __init__=lambda self, config: seen.append(config),
        initialize=lambda self, config: seen.append(config),
    )
    manager = manager_of(plugin, config={"a": {"config": {"options": {"x": 1}}}})
    manager.start_plugins()
    assert seen == [{"options": {"x": 1}}] * 2


@pytest.mark.parametrize("operation", ["start_plugins", "stop_plugins", "load_plugins"])
def test_plugins_may_not_start_or_stop_plugins_while_they_start(
    manager_of, make_connection, operation
):
    seen = []

    def initialize(self, config):
        try:
            getattr(manager, operation)()
        except PluginStateError as error:
            seen.append(str(error))

    manager = manager_of(make_connection("a", initialize=initialize))
    manager.start_plugins()
    if operation != "load_plugins":
        assert "within start_plugins" in seen[0]
    assert states(manager) == {"a": "running"}


def test_threads_that_start_at_once_start_each_plugin_once(manager_of, make_connection):
    started = []

    def plugin(number):
        return make_connection(
            f"p{number}", initialize=lambda self, config: started.append(self.name)
        )

    manager = manager_of(*(plugin(number) for number in range(20)))
    threads = [threading.Thread(target=manager.start_plugins) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(started) == sorted(manager)
    assert len(started) == 20


def test_managers_are_independent(twins_dir):
    one, two = (PluginManager(twins_dir, entry_points=False) for _ in range(2))
    with one, two:
        assert one["echo"] is not two["echo"]
        one.stop_plugins()
        assert two.perform_action("echo", "echo", {"value": 1}) == 1


def test_wrong_constructor_arguments_are_told(tmp_path):
    with pytest.raises(PluginConfigError, match=r"nowhere\.json"):
        PluginManager([], tmp_path / "nowhere.json")
    with pytest.raises(TypeError):
        PluginManager(3)


def test_lifecycle_events(twins):
    manager = twins()
    heard = []
    manager.events.subscribe("plugin.*", lambda event: heard.append((event.name, event.data)))
    manager.start_plugins("echo")
    manager.stop_plugins()
    names = ["initializing", "running", "stopping", "stopped"]
    assert [name for name, _ in heard] == [f"plugin.{name}" for name in names]
    assert {data["plugin"] for _, data in heard} == {"echo"}
    assert [data["from"] for _, data in heard] == ["registered", *names[:-1]]


def test_the_event_of_a_failure_holds_the_error(twins):
    manager = twins({"fragile": {"config": {"options": {"fail_initialize": True}}}})
    heard = []
    manager.events.subscribe("plugin.failed", heard.append)
    manager.start_plugins()
    [event] = heard
    assert event.source == "host"
    assert "initialize failed as told" in event.data["error"]
