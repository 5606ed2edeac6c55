"""Phase three: calls, their errors, and who sees them. Equal for plugins of all kinds."""

from __future__ import annotations

import pickle
import threading

import pytest

from zerepy_plugins import Event, PluginManager, discover_plugins
from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginExecutionError,
    PluginNotFoundError,
    PluginStateError,
)

THING = {"name": "box", "size": {"width": 2.0, "height": 3}, "tags": ["big", "red"]}


@pytest.mark.parametrize(
    ("action", "params", "result"),
    [
        ("echo", {"value": {"a": [1, None, True]}}, {"a": [1, None, True]}),
        ("add", {"a": 1, "b": -3}, -2),
        ("add", {"a": 2**63 - 1, "b": 2**63 - 1}, 2**64 - 2),
        ("sum", {"numbers": [1, 2.5, 3]}, 6.5),
        ("sum", {"numbers": []}, 0.0),
        ("sum", {"numbers": [1e16, 1.0, -1e16]}, 0.0),
        ("sleep", {"seconds": 0}, None),
        (
            "describe",
            THING,
            {"summary": "box, big, red", "area": 6.0, "tag_count": 2, "priority": 1},
        ),
        (
            "describe",
            {"name": "x", "priority": 7},
            {"summary": "x", "area": None, "tag_count": 0, "priority": 7},
        ),
    ],
)
def test_results(running, action, params, result):
    answer = running.perform_action("echo", action, params)
    assert answer == result
    assert type(answer) is type(result)


@pytest.mark.parametrize(
    ("action", "params", "path"),
    [
        ("echo", {}, "params.value"),
        ("echo", None, "params.value"),
        ("add", {"a": 1}, "params.b"),
        ("add", {"a": 1.5, "b": 2}, "params.a: expected an integer, got a float"),
        ("add", {"a": True, "b": 2}, "params.a: expected an integer, got a bool"),
        ("add", {"a": 2**63, "b": 2}, "params.a"),
        ("add", [1, 2], "params: expected a dict, got a list"),
        ("fail", {"message": 3}, "params.message: expected a string, got an integer"),
        ("sum", {"numbers": "123"}, "params.numbers: expected a list, got a string"),
        ("sleep", {"seconds": -1}, "params.seconds"),
        ("describe", {"name": "x", "siez": 1}, "params.siez: unknown; the known ones are"),
        ("describe", {"name": "x", "size": {"width": 2}}, "params.size.height"),
    ],
)
def test_wrong_parameters_are_named_by_path(running, action, params, path):
    with pytest.raises(InvalidParamsError) as caught:
        running.perform_action("echo", action, params)
    assert path in str(caught.value)
    assert (caught.value.plugin, caught.value.code) == ("echo", "invalid_params")


def test_a_failing_action(running, kind):
    with pytest.raises(PluginExecutionError) as caught:
        running.perform_action("echo", "fail", {"message": "out of paper"})
    error = caught.value
    assert type(error) is PluginExecutionError
    assert 'action "fail" of plugin "echo"' in str(error)
    assert "out of paper" in str(error)
    assert (error.plugin, error.code) == ("echo", "execution_failed")
    if kind == "python":
        assert type(error.__cause__) is RuntimeError
        assert error.__cause__.__traceback__ is not None


def test_after_a_failure_the_next_call_works(running):
    with pytest.raises(PluginExecutionError):
        running.perform_action("echo", "fail", {"message": "no"})
    assert running.perform_action("echo", "echo", {"value": 1}) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda manager: manager.perform_action("ecco", "echo", {}),
        lambda manager: manager.perform_action_async("ecco", "echo", {}).send(None),
        lambda manager: manager.execute_sync("ecco", {}),
        lambda manager: manager.execute("ecco", {}).send(None),
    ],
)
def test_an_unknown_plugin_offers_the_nearest(running, call):
    with pytest.raises(PluginNotFoundError) as caught:
        call(running)
    assert caught.value.hint == 'Did you mean "echo"?'
    assert caught.value.plugin == "ecco"


def test_an_unknown_action_of_a_native_plugin_offers_the_nearest(twin_dirs):
    with (
        PluginManager(twin_dirs["native"], entry_points=False) as manager,
        pytest.raises(PluginNotFoundError, match=r'has no action "ecco".*Did you mean "echo"'),
    ):
        manager.perform_action("echo", "ecco", {})


def test_an_unknown_action_of_a_python_plugin_is_its_own_business(twin_dirs):
    with (
        PluginManager(twin_dirs["python"], entry_points=False) as manager,
        pytest.raises(PluginExecutionError, match="there is no such action") as caught,
    ):
        manager.perform_action("echo", "ecco", {})
    assert isinstance(caught.value.__cause__, LookupError)


def test_connections_and_actions_are_called_by_their_own_methods(running):
    with pytest.raises(PluginStateError, match=r"execute\(\)"):
        running.perform_action("shout", "execute", {"text": "a"})
    with pytest.raises(PluginStateError, match=r"perform_action\(\)"):
        running.execute_sync("echo", {})


def test_calls_need_a_running_plugin(twins):
    manager = twins()
    with pytest.raises(PluginStateError, match=r'plugin "echo" is registered.*start_plugins'):
        manager.perform_action("echo", "echo", {"value": 1})
    manager.start_plugins()
    manager.stop_plugins()
    with pytest.raises(PluginStateError, match="stopped"):
        manager.perform_action("echo", "echo", {"value": 1})


def test_execute_sync(running):
    assert running.execute_sync("shout", {"text": "größe"}) == "GRÖSSE"


async def test_execute(running):
    assert await running.execute("shout", {"text": "a"}) == "A"


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"text": ""}, "text: must not be empty"),
        ({}, "params.text: required, but missing"),
        (None, "params.text: required, but missing"),
        ({"text": 3}, "params.text: expected a string, got an integer"),
    ],
)
async def test_params_are_validated_before_execute(running, params, problem):
    with pytest.raises(InvalidParamsError) as caught:
        running.execute_sync("shout", params)
    with pytest.raises(InvalidParamsError) as awaited:
        await running.execute("shout", params)
    assert str(caught.value) == str(awaited.value)
    assert str(caught.value).startswith('action "execute" of plugin "shout"')
    assert str(caught.value).endswith(problem)
    assert caught.value.plugin == "shout"
    assert running["shout"].validate_params(params or {}) == [problem]


def test_all_problems_are_told(manager_of, make_action):
    manager = manager_of(make_action("a", validate_params=lambda self, params: ["one", "two"]))
    manager.start_plugins()
    with pytest.raises(InvalidParamsError, match="one; two"):
        manager.execute_sync("a", {})


@pytest.mark.parametrize("answer", [None, [], ()])
def test_no_problems(manager_of, make_action, answer):
    manager = manager_of(make_action("a", validate_params=lambda self, params: answer))
    manager.start_plugins()
    assert manager.execute_sync("a", {"x": 1}) == {"x": 1}


@pytest.mark.parametrize("answer", [3, "no", [3], True])
def test_an_answer_of_validate_params_that_is_no_list_of_texts(manager_of, make_action, answer):
    manager = manager_of(make_action("a", validate_params=lambda self, params: answer))
    manager.start_plugins()
    with pytest.raises(PluginExecutionError) as caught:
        manager.execute_sync("a", {})
    assert not isinstance(caught.value, InvalidParamsError)


def test_a_validate_params_that_raises(manager_of, make_action):
    manager = manager_of(make_action("a", validate_params=lambda self, params: 1 / 0))
    manager.start_plugins()
    with pytest.raises(PluginExecutionError, match="ZeroDivisionError"):
        manager.execute_sync("a", {})


def test_python_plugins_get_the_callers_own_objects(manager_of, make_connection, make_action):
    manager = manager_of(
        make_connection("c", perform_action=lambda self, action, params: params),
        make_action("a", execute=lambda self, params: params),
    )
    manager.start_plugins()
    for params in ({"x": object()}, [], "text", {1: {2}}, object()):
        assert manager.perform_action("c", "x", params) is params
        assert manager.execute_sync("a", params) is params


def test_params_left_out_are_an_empty_dict(manager_of, make_connection, make_action):
    manager = manager_of(make_connection("c"), make_action("a"))
    manager.start_plugins()
    assert manager.perform_action("c", "x") == ("x", {})
    assert manager.execute_sync("a") == {}


@pytest.mark.parametrize("params", [{}, [], 0, "", False])
def test_empty_params_stay_what_they_are(manager_of, make_connection, params):
    manager = manager_of(make_connection("c"))
    manager.start_plugins()
    assert manager.perform_action("c", "x", params)[1] is params


def test_arguments_may_be_named(running):
    answer = running.perform_action(plugin="echo", action="add", params={"a": 1, "b": 2})
    assert answer == 3
    assert running.execute_sync(plugin="shout", params={"text": "a"}) == "A"


def test_an_async_action_is_awaited_by_a_sync_call(manager_of, make_connection):
    async def perform_action(self, action, params):
        return action

    manager = manager_of(make_connection("a", perform_action=perform_action))
    manager.start_plugins()
    assert manager.perform_action("a", "x") == "x"


def test_a_plugins_own_plugin_error_stays_itself(manager_of, make_connection):
    error = InvalidParamsError("params.x: too large", hint="Make it smaller")

    def perform_action(self, action, params):
        raise error

    manager = manager_of(make_connection("a", perform_action=perform_action))
    manager.start_plugins()
    with pytest.raises(InvalidParamsError) as caught:
        manager.perform_action("a", "x")
    assert caught.value is error
    assert error.plugin == "a"


def test_a_plugin_named_in_an_error_stays_named(manager_of, make_connection):
    def perform_action(self, action, params):
        raise PluginExecutionError("the other one failed", plugin="other")

    manager = manager_of(make_connection("a", perform_action=perform_action))
    manager.start_plugins()
    with pytest.raises(PluginExecutionError) as caught:
        manager.perform_action("a", "x")
    assert caught.value.plugin == "other"


@pytest.mark.parametrize("raised", [KeyboardInterrupt, GeneratorExit])
def test_the_callers_wish_to_end_passes_through(manager_of, make_connection, raised):
    def perform_action(self, action, params):
        raise raised

    manager = manager_of(make_connection("a", perform_action=perform_action))
    manager.start_plugins()
    with pytest.raises(raised):
        manager.perform_action("a", "x")
    stats = manager.monitor.stats("a")
    assert stats.in_flight == 0


@pytest.mark.parametrize(
    "raised", [SystemExit(3), BaseException("odd"), BaseExceptionGroup("g", [SystemExit()])]
)
def test_a_plugin_cannot_end_the_program(manager_of, make_connection, raised):
    def perform_action(self, action, params):
        raise raised

    manager = manager_of(make_connection("a", perform_action=perform_action))
    manager.start_plugins()
    with pytest.raises(PluginExecutionError) as caught:
        manager.perform_action("a", "x")
    assert caught.value.__cause__ is raised


def test_calls_are_published(running):
    heard = []
    running.events.subscribe("echo.*", heard.append)
    running.events.subscribe("action.*", heard.append)
    running.perform_action("echo", "echo", {"value": "secret"})
    with pytest.raises(PluginExecutionError):
        running.perform_action("echo", "fail", {"message": "no"})
    running.execute_sync("shout", {"text": "a"})
    assert [event.name for event in heard] == [
        *("echo.echo.start", "echo.echo.success"),
        *("echo.fail.start", "echo.fail.failure"),
        *("action.shout.start", "action.shout.success"),
    ]
    assert {event.source for event in heard} == {"echo", "shout"}
    assert heard[0] == Event("echo.echo.start", None, "echo")
    assert "no" in heard[3].data["error"]
    assert "secret" not in repr(heard)


def test_plugins_call_each_other_through_the_context(manager_of, make_connection):
    def perform_action(self, action, params):
        return self.context.plugin("b").perform_action(action, params)

    manager = manager_of(
        make_connection("a", requires=["b"], perform_action=perform_action), make_connection("b")
    )
    manager.start_plugins()
    assert manager.perform_action("a", "x", {"y": 1}) == ("x", {"y": 1})


@pytest.mark.parametrize("way", ["sync", "awaited"])
def test_calls_through_the_context_are_calls_through_the_manager(running, make_connection, way):
    seen = []

    async def perform_async(self, action, params):
        return await self.context.call_async(*action.split("."), params, timeout=9)

    def perform(self, action, params):
        return self.context.call(*action.split("."), params, timeout=9)

    def pre_action(self, plugin, action):
        seen.append((plugin.name, action))

    made = make_connection("a", perform_action=perform if way == "sync" else perform_async)
    running.registry.register("connection", "a", made)
    running.load_plugins()
    running.start_plugins()
    running.add_hooks(type("Sees", (), {"pre_action": pre_action})())
    assert running.perform_action("a", "echo.echo", {"value": 1}) == 1
    assert running.perform_action("a", "shout.execute", {"text": "a"}) == "A"
    assert seen[:2] == [("a", "echo.echo"), ("echo", "echo")]
    assert seen[2:] == [("a", "shout.execute"), ("shout", "execute")]
    with pytest.raises(PluginExecutionError, match="no luck"):
        running.perform_action("a", "echo.fail", {"message": "no luck"})
    for action, text in (("shout.other", "has no action"), ("nobody.x", "no plugin is called")):
        with pytest.raises(PluginNotFoundError, match=text):
            running.perform_action("a", action)
    assert (running.monitor.stats("echo").calls, running.monitor.stats("echo").errors) == (2, 1)
    assert running.monitor.stats("shout").calls == 1


def test_a_plugin_may_call_through_its_manager(manager_of, make_connection):
    def perform_action(self, action, params):
        return manager.perform_action("a", action, params - 1) if params else "bottom"

    manager = manager_of(make_connection("a", perform_action=perform_action))
    manager.start_plugins()
    assert manager.perform_action("a", "x", 20) == "bottom"
    assert manager.monitor.stats("a").calls == 21


def test_the_plugin_itself_can_be_called(running):
    echo = running["echo"]
    assert echo.perform_action("add", {"a": 1, "b": 2}) == 3
    assert (echo.is_configured(), echo.configure(), echo.health()) == (True, True, True)
    assert running.monitor.stats("echo").calls == 0


def test_native_plugins_can_be_subclassed(twin_dirs, manager_of):
    native = discover_plugins(twin_dirs["native"])["echo"]

    class Louder(native):
        def perform_action(self, action, params=None):
            return super().perform_action(action, params), "!"

    manager = manager_of(Louder)
    manager.start_plugins()
    assert manager.perform_action("echo", "add", {"a": 1, "b": 2}) == (3, "!")


def test_native_plugins_cannot_be_pickled(twin_dirs):
    with pytest.raises(TypeError, match="shared library"):
        pickle.dumps(discover_plugins(twin_dirs["native"])["echo"]())


def test_descriptions_say_how_an_action_runs(twin_dirs):
    manager = PluginManager(twin_dirs["native"], entry_points=False)
    manager.load_plugins()
    actions = manager.describe("echo")["actions"]
    assert {name for name, action in actions.items() if action["exec"] == "blocking"} == {"sleep"}


def test_threads_call_at_once(running):
    wrong = []

    def work(number):
        for value in range(100):
            params = {"a": value, "b": number}
            answer = running.perform_action("echo", "add", params)
            wrong.extend([params] if answer != value + number else [])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert running.monitor.stats("echo").calls == 800


def test_blocking_native_calls_run_side_by_side(twin_dirs):
    """Two sleeps meet at a barrier in Python: each releases the interpreter."""
    with PluginManager(twin_dirs["native"], entry_points=False) as manager:
        in_flight = []

        def work():
            manager.perform_action("echo", "sleep", {"seconds": 0.05})

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        while manager.monitor.stats("echo").calls < 2:
            in_flight.append(manager.monitor.stats("echo").in_flight)
        for thread in threads:
            thread.join()
    assert max(in_flight) == 2
