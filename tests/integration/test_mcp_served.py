"""`zpl mcp serve`: plugins for any MCP client, in a process that ends in order."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("mcp")

from mcp import Client, MCPError, StdioServerParameters

from zerepy_plugins import PluginManager
from zerepy_plugins.mcp.server import build_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_SECONDS = 60
HANDSHAKE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


def arguments(*directories: Path, options: tuple[str, ...] = ()) -> list[str]:
    dirs = [part for directory in directories for part in ("--plugins", str(directory))]
    return ["-W", "error", "-m", "zerepy_plugins", "mcp", "serve", *dirs, *options]


@contextmanager
def serving(*directories: Path, options: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """A server process of the test's own; it must have ended by the end of the block."""
    with subprocess.Popen(
        [sys.executable, *arguments(*directories, options=options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
            process.wait(WAIT_SECONDS)
        finally:
            process.kill()


def ask(process: subprocess.Popen[str], method: str, params: dict[str, Any], number: int) -> Any:
    request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    assert answer["id"] == number, answer
    return answer["result"]


@pytest.fixture
def noisy(plugin_dir, tmp_path: Path) -> Path:
    """A plugin that prints wherever it can, and writes a file when it is cleaned up."""
    plugin_dir.connection(
        "noisy.py",
        "noisy",
        head="import os, subprocess\nprint('imported')",
        actions="actions = {'say': 'Says.', 'child': 'Starts a process.'}",
        initialize="def initialize(self, config): print('initialized')",
        cleanup=f"def cleanup(self): open({str(tmp_path / 'cleaned')!r}, 'w').close()",
        perform_action="""def perform_action(self, action, params):
            print('called')
            if action == 'child':
                subprocess.run(['sh', '-c', 'cat; echo from the child'], check=True)
            return 'said'""",
    )
    return plugin_dir.path


async def test_any_client_sees_and_calls_the_tools(twin_dirs) -> None:
    with PluginManager(twin_dirs["native"], entry_points=False) as manager:
        expected = [tool["name"] for tool in manager.tools("mcp")]
        schemas = {tool["name"]: tool["inputSchema"] for tool in manager.tools("mcp")}
    server = StdioServerParameters(command=sys.executable, args=arguments(twin_dirs["native"]))
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == expected
        assert {tool.name: tool.input_schema for tool in tools} == schemas
        added = await client.call_tool("echo__add", {"a": "2", "b": 3})
        assert (added.is_error, added.structured_content) == (False, {"result": 5})
        assert added.content[0].text == "5"
        described = await client.call_tool("echo__describe", {"name": "box"})
        assert described.structured_content["summary"] == "box"
        refused = await client.call_tool("echo__add", {"a": "x", "b": 1})
        assert refused.is_error
        assert json.loads(refused.content[0].text)["path"] == "params.a"
        panicked = await client.call_tool("echo__panic", {"message": "oh"})
        assert json.loads(panicked.content[0].text)["code"] == "plugin_panicked"
        with pytest.raises(MCPError, match="no tool 'echo__ad'"):
            await client.call_tool("echo__ad", {})


async def test_a_client_that_cancels_stops_an_async_action_in_rust(sleeper_dirs) -> None:
    server = StdioServerParameters(command=sys.executable, args=arguments(sleeper_dirs["native"]))

    async def counts(client: Client) -> dict[str, int]:
        return (await client.call_tool("tasks__counts", {})).structured_content

    async with Client(server) as client:
        nap = asyncio.ensure_future(client.call_tool("tasks__nap", {"seconds": 600}))
        async with asyncio.timeout(WAIT_SECONDS):
            while not (await counts(client))["running"]:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
            nap.cancel()
            while await counts(client) != {"running": 0, "dropped": 1}:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("result", "structured"),
    [(5, {"result": 5}), (float("nan"), None), ("five", None)],
)
async def test_a_result_that_is_not_what_its_plugin_says_is_a_failure_with_the_result(
    manager_of, make_connection, result: Any, structured: Any
) -> None:
    manager = manager_of(
        make_connection(
            "c",
            actions={"ask": {"result": {"type": "number"}}},
            perform_action=lambda self, action, params: result,
        )
    )
    manager.start_plugins()
    async with Client(build_server(manager)) as client:
        answer = await client.call_tool("c__ask", {})
        assert (answer.is_error, answer.structured_content) == (structured is None, structured)
        assert answer.content[-1].text == str(result)
        if answer.is_error:
            told = json.loads(answer.content[0].text)
            assert (told["code"], told["path"]) == ("invalid_result", "result.result")
            assert told["expected"] == "number"


async def test_a_time_limit_is_told_to_the_client(manager_of, make_connection) -> None:
    async def perform(self, action, params):
        await asyncio.sleep(600)

    limited = {"slow": {"config": {"options": {"timeout": 0.05}}}}
    manager = manager_of(
        make_connection("slow", actions={"wait": "Waits."}, perform_action=perform), config=limited
    )
    manager.start_plugins()
    async with Client(build_server(manager)) as client:
        answer = await client.call_tool("slow__wait", {})
        assert answer.is_error
        assert json.loads(answer.content[0].text)["code"] == "timed_out"


def test_a_host_can_host_another_one(twin_dirs) -> None:
    options = {"command": [sys.executable, *arguments(twin_dirs["native"])]}
    config = [{"name": "far", "type": "mcp", "config": {"options": options}}]
    with PluginManager([], config, entry_points=False) as manager:
        assert manager.perform_action("far", "echo__add", {"a": 2, "b": 3}) == 5
        assert manager.perform_action("far", "shout__execute", {"text": "a"}) == "A"
        assert manager.call_tool("far__echo__add", {"a": "2", "b": "3"}) == 5
        error = manager.call_tool("far__echo__fail", {"message": "no luck"})
        assert "no luck" in error["message"]


def test_standard_output_belongs_to_the_protocol(noisy: Path, tmp_path: Path) -> None:
    (noisy / "broken.py").write_text("raise RuntimeError('broken as told')")
    with serving(noisy) as process:
        ask(process, "initialize", HANDSHAKE, 1)
        called = ask(process, "tools/call", {"name": "noisy__say", "arguments": {}}, 2)
        assert called["content"] == [{"type": "text", "text": "said"}]
        ask(process, "tools/call", {"name": "noisy__child", "arguments": {}}, 3)
        process.stdin.close()
        assert process.wait(WAIT_SECONDS) == 0
        assert process.stdout.read() == ""
        said = process.stderr.read()
    for text in ("imported", "initialized", "called", "from the child", "not served: broken: "):
        assert text in said
    assert (tmp_path / "cleaned").exists()


def test_ctrl_c_ends_it_with_the_plugins_stopped(noisy: Path, tmp_path: Path) -> None:
    with serving(noisy) as process:
        ask(process, "initialize", HANDSHAKE, 1)
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_SECONDS) == 128 + signal.SIGINT
        assert "Traceback" not in process.stderr.read()
    assert (tmp_path / "cleaned").exists()


async def test_streamable_http(noisy: Path, tmp_path: Path) -> None:
    with serving(noisy, options=("--http", "--port", "0", "--include", "noisy.say")) as process:
        line = ""
        while not (found := re.search(r"listening on (http://127\.0\.0\.1:\d+/mcp)", line)):
            line = process.stderr.readline()
            assert line, "the server ended"
        async with Client(found[1]) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["noisy__say"]
            result = await client.call_tool("noisy__say", {})
            assert result.content[0].text == "said"
        config = [{"name": "far", "type": "mcp", "config": {"options": {"url": found[1]}}}]
        async with PluginManager([], config, entry_points=False) as manager:
            assert await manager.perform_action_async("far", "noisy__say") == "said"
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 128 + signal.SIGTERM
    assert (tmp_path / "cleaned").exists()


def served(*options: str, stdin: Any = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
    """Serve what needs no client, to its end."""
    return subprocess.run(
        [sys.executable, *arguments(options=options)],
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )


def test_standard_input_may_be_a_file_or_nothing(tmp_path: Path) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HANDSHAKE}
    (tmp_path / "requests").write_text(json.dumps(request) + "\n")
    options = ("--plugins", str(tmp_path))
    with (tmp_path / "requests").open() as requests:
        done = served(*options, stdin=requests)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["result"]["capabilities"]["tools"] == {"listChanged": True}
    nothing = served(*options)
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", "")


def test_what_cannot_be_served_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('[{"name": "x", "type": "mpc"}]')
    wrong = served("--config", str(tmp_path / "config.json"))
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert 'no plugin type "mpc"' in wrong.stderr
    assert "Traceback" not in wrong.stderr
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken = served("--plugins", str(tmp_path), "--http", "--port", str(port))
    assert taken.returncode == 1
    assert f"cannot listen on port {port} of '127.0.0.1'" in taken.stderr
    assert "--port" in taken.stderr


def test_a_plugin_that_cannot_be_stopped_is_told(plugin_dir) -> None:
    fails = "def cleanup(self): raise ValueError('stays')"
    plugin_dir.connection("odd.py", "odd", cleanup=fails)
    done = served("--plugins", str(plugin_dir.path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith('error: cleanup() of plugin "odd" raised ValueError: stays')


def test_without_the_sdk_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "mcp.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'mcp'\", name='mcp')"
    )
    done = subprocess.run(
        [sys.executable, "-m", "zerepy_plugins", "mcp", "serve"],
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 1
    assert 'pip install "zerepy-plugins[mcp]"' in done.stderr
    assert "Traceback" not in done.stderr
