"""Tools of real plugins: the same list and the same answers, whatever a plugin is written in."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from zerepy_plugins import ConnectionPlugin, PluginHooks, PluginManager
from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginExecutionError,
    PluginNotFoundError,
    PluginNotReady,
    PluginStateError,
    PluginVetoError,
)
from zerepy_plugins.tools import FORMATS, ToolError

WAIT_SECONDS = 10
ROOT = Path(__file__).parents[2]
NAMES = {
    *("echo__echo", "echo__add", "echo__fail", "echo__panic", "echo__sleep", "echo__sum"),
    *("echo__describe", "dependent__ping", "fragile__ping", "shout__execute"),
}


async def call_async(manager, name: str, arguments: Any = None, **kwargs: Any) -> Any:
    return await manager.call_tool_async(name, arguments, **kwargs)


async def call_sync(manager, name: str, arguments: Any = None, **kwargs: Any) -> Any:

    return await asyncio.to_thread(manager.call_tool, name, arguments, **kwargs)


@pytest.fixture(params=[call_sync, call_async], ids=["sync", "async"])
def call(request):
    return request.param


def test_all_actions_are_tools(running, kind: str) -> None:
    missing = {"echo__panic"} if kind == "c" else set()  # nothing panics in C
    assert {tool["name"] for tool in running.tools("mcp")} == NAMES - missing


@pytest.mark.parametrize("dialect", FORMATS)
def test_tools_are_the_same_in_every_language(twin_dirs, dialect: str) -> None:

    lists = []
    for directory in twin_dirs.values():
        with PluginManager(directory, entry_points=False) as manager:
            tools = manager.tools(dialect, exclude=["echo.panic", "shout"])
            lists.append(sorted(map(json.dumps, tools)))
    python, native, c = lists
    assert python == native
    assert len(c) == len(native)  # its author wrote fewer descriptions


async def test_calls_give_results(running, call) -> None:
    assert await call(running, "echo__add", {"a": 2, "b": 3}) == 5
    assert await call(running, "echo__add", '{"a": "2", "b": 3}') == 5
    assert await call(running, "echo__add", {"a": 2.0, "b": 3.0}) == 5
    assert await call(running, "shout__execute", {"text": "5"}) == "5"
    assert await call(running, "dependent__ping") == "pong"
    wei = 10**24
    assert await call(running, "echo__echo", {"value": wei}) == wei
    thing = {"name": "box", "size": '{"width": "2", "height": 3}', "tags": None, "priority": "4"}
    assert await call(running, "echo__describe", thing) == {
        "summary": "box",
        "area": 6.0,
        "tag_count": 0,
        "priority": 4,
    }


async def test_wrong_arguments_are_told_to_the_model(running, call) -> None:
    error = await call(running, "echo__add", {"a": "two", "c": 1})
    assert isinstance(error, ToolError)
    assert json.loads(json.dumps(error)) == error
    assert error["code"] == "invalid_params"
    told = {problem["path"]: (problem["expected"], problem["got"]) for problem in error["problems"]}
    assert told == {
        "params.a": ("integer", 'string "two"'),
        "params.b": ("integer", "nothing"),
    }
    first = error["problems"][0]
    assert (error["path"], error["expected"], error["got"]) == tuple(
        first[key] for key in ("path", "expected", "got")
    )
    assert error["hint"]
    unknown = await call(running, "echo__describe", {"nam": "box"})
    assert 'Did you mean "name"?' in unknown["message"]


async def test_what_the_plugin_refuses_is_told_too(running, call) -> None:
    error = await call(running, "shout__execute", {"text": ""})
    assert error["code"] == "invalid_params"
    assert "must not be empty" in error["message"]


async def test_failures_of_plugins_are_told(running, call, kind: str) -> None:
    error = await call(running, "echo__fail", {"message": "no luck"})
    assert (error["code"], error["plugin"]) == ("execution_failed", "echo")
    assert "no luck" in error["message"]
    panicked = await call(running, "echo__panic", {"message": "oh"})
    assert panicked["code"] == ("not_found" if kind == "c" else "plugin_panicked")


class Veto(PluginHooks):
    def pre_action(self):
        raise PluginVetoError("not on Sundays")


@pytest.mark.parametrize(
    ("arguments", "options", "code", "message"),
    [
        ({"x": "y"}, {}, "invalid_params", "params.x"),
        ([1], {}, "invalid_params", "must be an object"),
        ("{", {}, "invalid_params", "no JSON"),
        ("7", {}, "invalid_params", "must be an object"),
        ({"x": 1}, {"hooks": [Veto()]}, "vetoed", "not on Sundays"),
        ({"x": 1}, {"timeout": 0.05}, "timed_out", "0.05 s"),
        ({"x": 2}, {}, "execution_failed", "ValueError: not two"),
        ({"x": 3}, {}, "busy", "calls a second"),
        ({"x": 4}, {}, "not_ready", "warming up"),
    ],
)
async def test_every_failure_says_what_to_do(
    manager_of, make_connection, arguments: Any, options: dict[str, Any], code: str, message: str
) -> None:
    async def perform(self, action, params):
        if params["x"] == 2:
            raise ValueError("not two")
        if params["x"] == 4:
            raise PluginNotReady("warming up", hint="Wait", retry_after=3)
        if params["x"] == 1:
            await asyncio.sleep(60)

    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    policy = {"max_rate": 0.1, "burst": 2 if code != "busy" else 1}
    plugin = make_connection(
        "slow",
        actions={"wait": {"params": schema, "policy": policy}},
        perform_action=perform,
    )
    limits = {"slow": {"config": {"options": {"timeout": options.get("timeout", 60)}}}}
    manager = manager_of(plugin, config=limits, hooks=options.get("hooks", ()))
    await manager.start_plugins_async()
    if code == "busy":
        await manager.call_tool_async("slow__wait", arguments)
    before = json.dumps(arguments)
    error = await manager.call_tool_async("slow__wait", arguments)
    assert (error["code"], error["plugin"]) == (code, "slow")
    assert message in error["message"]
    assert error["hint"]
    assert (error["retry_after"] is not None) == (code in ("busy", "not_ready"))
    assert json.dumps(arguments) == before


async def test_errors_are_raised_where_that_is_asked_for(running, call) -> None:
    with pytest.raises(InvalidParamsError) as raised:
        await call(running, "echo__add", {"a": 1}, raise_errors=True)
    assert raised.value.problems[0]["path"] == "params.b"
    with pytest.raises(PluginExecutionError, match="no luck"):
        await call(running, "echo__fail", {"message": "no luck"}, raise_errors=True)
    with pytest.raises(PluginNotFoundError, match="echo__add"):
        await call(running, "echo__ad", raise_errors=True)


async def test_tools_of_plugins_that_do_not_run(running, call) -> None:
    running.stop_plugins("fragile")
    assert "fragile__ping" not in {tool["name"] for tool in running.tools("mcp")}
    error = await call(running, "fragile__ping")
    assert (error["code"], error["plugin"]) == ("wrong_state", "fragile")
    assert "stopped" in error["message"]
    with pytest.raises(PluginStateError):
        await call(running, "fragile__ping", raise_errors=True)
    assert (await call(running, "nobody__ping"))["code"] == "not_found"


def test_the_calls_are_counted(running) -> None:
    running.call_tool("echo__add", {"a": 1, "b": 1})
    running.call_tool("echo__add", {"a": "x"})  # refused before the plugin is asked
    assert running.monitor.stats("echo").calls == 1


class Poster(ConnectionPlugin):
    """A connection as ZerePy's: its actions are known by the instance, and are methods."""

    name, version = "poster", "1.0.0"

    class Parameter:
        def __init__(self, name: str, required: bool, type: type) -> None:  # noqa: A002
            self.name, self.required, self.type = name, required, type
            self.description = f"The {name}."

    class Action:
        def __init__(self, parameters: list[Any], description: str) -> None:
            self.parameters, self.description = parameters, description

    def initialize(self, config):
        parameters = [self.Parameter("text", True, str), self.Parameter("times", False, int)]
        self.actions = {
            "post-text": self.Action(parameters, "Posts."),
            "like": "",
            "half": "",
            "who": "",
            "odd": object(),
        }

    def cleanup(self): ...
    def is_configured(self):
        return True

    def configure(self):
        return True

    def post_text(self, text, times=1):
        return [text] * times

    def like(self, id: int):  # noqa: A002 - a name that actions have
        """Like a post.

        Args:
            id: Which.
        """
        return id

    @staticmethod
    def half(n: int) -> float:
        """Halve."""
        return n / 2

    @classmethod
    def who(cls, loud: bool = False):
        return cls.name.upper() if loud else cls.name

    def perform_action(self, action, params):
        return getattr(self, action.replace("-", "_"))(**params)


def test_a_connection_as_zerepy_writes_them(manager_of) -> None:
    manager = manager_of(Poster)
    assert manager.describe("poster")["actions"] == {}
    manager.start_plugins()
    assert set(manager.describe("poster")["actions"]) == {
        *("post-text", "like", "half", "who"),
    }
    post, like, half, who = manager.tools("anthropic")
    assert (post["name"], post["description"]) == ("poster__post-text", "Posts.")
    assert post["input_schema"] == {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "The text."},
            "times": {"type": "integer", "description": "The times."},
        },
        "required": ["text"],
    }
    assert like["description"] == "Like a post."
    assert like["input_schema"]["properties"] == {
        "id": {"type": "integer", "description": "Which."}
    }
    assert manager.call_tool("poster__post-text", {"text": "5", "times": "2"}) == ["5", "5"]
    assert manager.call_tool("poster__like", {"id": "7"}) == 7
    assert half["input_schema"]["properties"] == {"n": {"type": "integer"}}
    assert manager.call_tool("poster__half", {"n": "7"}) == 3.5
    assert who["input_schema"]["properties"] == {"loud": {"type": "boolean", "default": False}}
    assert manager.call_tool("poster__who", {"loud": "true"}) == "POSTER"


def test_actions_of_the_class_may_be_such_objects(manager_of, make_connection) -> None:
    action = Poster.Action([Poster.Parameter("text", True, str)], "Posts.")
    manager = manager_of(make_connection("p", actions={"post": action}))
    params = manager.describe("p")["actions"]["post"]["params"]
    assert (params["required"], params["properties"]["text"]["type"]) == (["text"], "string")


def test_a_plugin_that_cannot_tell_does_not_stop_the_others(
    manager_of, make_connection, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self):
        raise RuntimeError("not today")

    good = make_connection("good", actions={"ping": "Pings."})
    manager = manager_of(make_connection("bad", actions=property(broken)), good)
    manager.start_plugins()
    assert [tool["name"] for tool in manager.tools("mcp")] == ["good__ping"]
    assert "actions of plugin 'bad' cannot be read" in caplog.text
    assert manager.call_tool("good__ping", {"a": 1}) == ("ping", {"a": 1})
    assert manager.call_tool("bad__x")["code"] == "not_found"


@pytest.mark.parametrize("dialect", ["openai-strict", "gemini"])
def test_a_schema_that_is_none_keeps_no_other_tool_from_being_listed(
    manager_of, make_connection, caplog: pytest.LogCaptureFixture, dialect
) -> None:
    bad = {"go": {"params": {"type": "object", "properties": ["text"]}}}
    good = {"go": {"params": {"type": "object", "properties": {}}}}
    classes = [make_connection("bad", actions=bad), make_connection("good", actions=good)]
    manager = manager_of(*classes)
    manager.start_plugins()
    [tool] = manager.tools(dialect)
    assert "good__go" in repr(tool)
    assert "'bad__go' cannot be offered" in caplog.text


def test_parameters_that_are_no_object_stand_in_one(manager_of, make_connection) -> None:
    actions = {"say": {"params": {"type": "array", "items": {"type": "integer"}}}}
    manager = manager_of(make_connection("list", actions=actions))
    manager.start_plugins()
    (tool,) = manager.tools("anthropic")
    assert tool["input_schema"]["required"] == ["params"]
    assert manager.call_tool("list__say", {"params": "[1, 2]"}) == ("say", [1, 2])


def test_an_async_plugin_says_how_to_call_it_within_a_loop(manager_of, make_action) -> None:

    manager = manager_of(make_action("later"))
    manager.start_plugins()

    async def within() -> Any:
        assert await manager.call_tool_async("later__execute", {"a": 1}) == {"a": 1}
        return manager.call_tool("later__execute", {"a": 1})

    error = asyncio.run(within())
    assert error["code"] == "wrong_state"
    assert "Await" in error["hint"]


@pytest.fixture(params=["python", "native"])
def streams(request, tmp_path: Path):
    """Plugins whose actions yield items, in Python and in Rust."""
    if request.param == "python":
        source = ROOT / "tests/fixtures/plugins/streams_py"
        shutil.copytree(source, tmp_path / "streams_py", ignore=lambda *_: ["__pycache__"])
    else:
        shutil.copy(ROOT / "target/release/libzerepy_fixture_tasks.so", tmp_path / "tasks.so")
    with PluginManager(tmp_path, entry_points=False) as manager:
        yield manager


async def test_items_of_streams_are_collected(streams, call) -> None:
    assert await call(streams, "streams__count", {"end": 3}) == [0, 1, 2]
    error = await call(streams, "streams__fail", {"at": 2})
    assert (error["code"], error["plugin"]) == ("execution_failed", "streams")
    assert "no luck" in error["message"]


async def test_a_stream_that_is_too_long_is_ended(streams, call) -> None:
    error = await call(streams, "streams__count", {"end": 10_001})
    assert error["code"] == "execution_failed"
    assert "more than 10000 items" in error["message"]
    async with asyncio.timeout(WAIT_SECONDS):  # what Rust still produces ends on its own thread
        while (await call(streams, "streams__counts"))["open"]:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


def test_the_result_of_a_stream_is_a_list(manager_of, make_connection) -> None:
    actions = {"count": {"exec": "stream", "result": {"type": "integer"}}}
    manager = manager_of(make_connection("s", actions=actions))
    manager.start_plugins()
    (tool,) = manager.tools("mcp")
    items = {"type": "array", "items": {"type": "integer"}}
    assert tool["outputSchema"]["properties"]["result"] == items


def test_importing_the_package_imports_no_tools(run_child) -> None:
    done = run_child(
        """
        import sys, zerepy_plugins
        manager = zerepy_plugins.PluginManager([], entry_points=False)
        heavy = ("zerepy_plugins.tools", "zerepy_plugins.mcp", "mcp", "importlib.metadata")
        assert not [name for name in heavy if name in sys.modules]
        assert manager.tools() == []
        assert "mcp" not in sys.modules
        """
    )
    assert done.returncode == 0, done.stderr
