"""MCP servers hosted as plugins: an ordinary connection, whatever its server does."""

from __future__ import annotations

import asyncio
import os
import random
import re
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from zerepy_plugins import PluginManager
from zerepy_plugins.errors import (
    PluginConfigError,
    PluginExecutionError,
    PluginNotFoundError,
    PluginStateError,
)
from zerepy_plugins.mcp import connection_class

SERVER = Path(__file__).parents[1] / "fixtures" / "mcp" / "server.py"
WAIT_SECONDS = 10


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-I", "-S", str(SERVER), *map(str, arguments)]


def entry(name: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "type": "mcp", "config": {"options": options}}


def host(*entries: dict[str, Any]) -> PluginManager:
    manager = PluginManager([], list(entries), entry_points=False)
    manager.load_plugins()
    return manager


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """What the server wrote down."""
    return tmp_path / "notes"


@pytest.fixture
def files(notes: Path):
    with host(entry("files", command=command(notes))) as manager:
        yield manager


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_tools_are_the_actions(files) -> None:
    described = files.describe("files")
    assert (described["category"], described["kind"], described["state"]) == (
        "connection",
        "python",
        "running",
    )
    assert list(described["actions"]) == [
        *("read", "fs/count", "stat", "fail", "die", "hang", "grow"),
    ]
    read = files.tools("anthropic", include="files.read")[0]
    assert (read["name"], read["description"]) == ("files__read", "Reads a file.")
    assert read["input_schema"]["required"] == ["path"]


def test_calls(files) -> None:
    assert files.perform_action("files", "read", {"path": "a"}) == "content of a"
    assert files.perform_action("files", "fs/count", {"path": "a"}) == 4
    assert files.perform_action("files", "stat")["size"] == 1
    assert files.call_tool("files__read", '{"path": "b"}') == "content of b"
    assert files.call_tool("files__read", {})["path"] == "params.path"
    assert files.monitor.stats("files").calls == 4
    with pytest.raises(PluginExecutionError, match="tool 'fail' of MCP server 'files': no such"):
        files.perform_action("files", "fail")
    with pytest.raises(PluginNotFoundError, match="no tool 'raed'"):
        files.perform_action("files", "raed")


async def test_it_serves_any_event_loop(notes: Path) -> None:
    manager = host(entry("files", command=command(notes)))
    async with manager:
        calls = [manager.call_tool_async("files__read", {"path": str(n)}) for n in range(20)]
        assert await asyncio.gather(*calls) == [f"content of {n}" for n in range(20)]
        other_loop = asyncio.to_thread(
            asyncio.run, manager.call_tool_async("files__read", {"path": "x"})
        )
        assert await other_loop == "content of x"


async def test_cancelling_a_call_tells_the_server(files, notes: Path) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(files.perform_action_async("files", "hang"), 0.05)
    assert await files.perform_action_async("files", "read", {"path": "a"}) == "content of a"
    async with asyncio.timeout(WAIT_SECONDS):
        while not notes.exists():  # noqa: ASYNC110, ASYNC240 - another process writes it
            await asyncio.sleep(0.01)
    assert notes.read_text() == "cancelled\n"  # noqa: ASYNC240 - a few bytes


def test_the_server_ends_with_the_plugin(notes: Path) -> None:
    with host(entry("files", command=command(notes))) as manager:
        pid = manager.perform_action("files", "stat")["pid"]
        assert manager.monitor.check_health("files")
        assert manager["files"].is_configured()
        assert manager["files"].configure()
    assert not is_alive(pid)
    assert notes.read_text() == "ended\n"


def test_a_server_that_dies_is_told_of_and_can_be_started_again(
    files, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(PluginExecutionError, match=r"cannot call 'die' .* about to die"):
        files.perform_action("files", "die")
    assert not files.monitor.check_health("files")
    with pytest.raises(PluginExecutionError):
        files.perform_action("files", "read", {"path": "a"})
    files.reload("files")
    assert files.monitor.check_health("files")
    assert files.perform_action("files", "read", {"path": "a"}) == "content of a"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"command": ["/nonexistent/server"]}, "FileNotFoundError"),
        ({"command": [sys.executable, "-c", "import sys; sys.exit('boom')"]}, "boom"),
        ({"url": "http://127.0.0.1:9/mcp"}, "cannot connect to MCP server 'bad'"),
    ],
)
def test_a_server_that_cannot_be_reached(options: dict[str, Any], why: str, notes: Path) -> None:
    manager = host(entry("bad", **options), entry("good", command=command(notes)))
    assert manager.start_plugins() == ["good"]
    (failure,) = manager.failures
    assert (failure.plugin, failure.stage) == ("bad", "initialize")
    assert why in str(failure.error)
    manager.stop_plugins()


@pytest.mark.parametrize(
    "options",
    [
        *({}, {"command": []}, {"command": ["a"], "url": "b"}, {"comand": ["a"]}),
        *({"command": ["a"], "headers": {}}, {"url": "b", "env": {}}),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    (failure,) = host(entry("files", **options)).failures
    assert isinstance(failure.error, PluginConfigError)
    assert "options" in str(failure.error)


def test_environment_and_directory_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = 'import os, sys; sys.exit(f\'{os.environ["T"]} {os.getcwd()} {"LEAK" in os.environ}\')'
    options = {"command": [sys.executable, "-c", code], "env": {"T": "x"}, "cwd": str(tmp_path)}
    monkeypatch.setenv("LEAK", "secret")
    manager = host(entry("files", **options))
    manager.start_plugins()
    assert f"x {tmp_path} False" in str(manager.failures[0].error)
    assert manager.describe("files")["config"]["options"]["env"] == "***"


def test_the_configuration_in_the_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILES_TOKEN", "x")
    monkeypatch.setenv("REMOTE_TOKEN", "y")
    text = (SERVER.parents[3] / "docs" / "tools.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    manager = PluginManager([], tomllib.loads(block), entry_points=False)
    assert manager.load_plugins() == ["files", "remote"]
    assert manager.failures == []


def test_a_type_that_does_not_exist_is_refused_at_once() -> None:
    with pytest.raises(PluginConfigError, match='no plugin type "mpc"') as raised:
        PluginManager([], [{"name": "x", "type": "mpc"}])
    assert raised.value.hint == 'Did you mean "mcp"?'


def test_a_plugin_that_is_not_started_refuses_calls() -> None:
    plugin = connection_class("my-files")()
    assert (plugin.name, type(plugin).__name__) == ("my-files", "MyFilesMcpConnection")
    assert not plugin.is_configured()
    assert not asyncio.run(plugin.health())
    asyncio.run(plugin.cleanup())
    with pytest.raises(PluginStateError, match="not connected"):
        asyncio.run(plugin.perform_action("read", {}))


def test_torn_down_in_any_order() -> None:
    order = random.Random(7)
    names = ["a", "b", "c", "d", "e"]
    for _round in range(10):
        manager = host(*(entry(name, command=command()) for name in names))
        assert sorted(manager.start_plugins()) == names
        pids = [manager.perform_action(name, "stat")["pid"] for name in names]
        for name in order.sample(names, len(names)):
            assert manager.stop_plugins(name) == [name]
        assert not any(map(is_alive, pids))
        assert manager.failures == []


def test_a_server_that_never_answers_is_given_up_and_ended(notes, monkeypatch) -> None:
    monkeypatch.setattr("zerepy_plugins.mcp.connection._CONNECT_SECONDS", 1)
    code = f"echo $$ > '{notes}'; exec sleep 600"
    silent = entry("silent", command=["sh", "-c", code])
    manager = PluginManager([], [silent], entry_points=False, initialize_timeout=None)
    manager.load_plugins()
    with pytest.raises(PluginExecutionError, match="'silent': TimeoutError: no answer for 1 s"):
        manager.start_plugins("silent")
    pid = int(notes.read_text())
    ends = time.monotonic() + WAIT_SECONDS
    while is_alive(pid) and time.monotonic() < ends:
        time.sleep(0.02)
    assert not is_alive(pid)
