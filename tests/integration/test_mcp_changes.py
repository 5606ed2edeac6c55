"""MCP while things change: tools that come and go, on both sides, over both transports."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("mcp")

import uvicorn
from mcp import Client, StdioServerParameters
from mcp_types import ToolListChangedNotification

from zerepy_plugins import PluginManager
from zerepy_plugins.mcp.server import build_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

SERVER = Path(__file__).parents[1] / "fixtures" / "mcp" / "server.py"
WAIT_SECONDS = 20
TOKEN = "open sesame 4711"


def entry(name: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "type": "mcp", "config": {"options": options}}


def growing(name: str) -> dict[str, Any]:
    """A server that has one tool more after each call of `grow`."""
    return entry(name, command=[sys.executable, "-I", "-S", str(SERVER)])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


class Ears:
    """Hears of changes as a client of either protocol does."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.heard = asyncio.Event()

    async def hear(self, message: Any) -> None:
        if isinstance(message, ToolListChangedNotification):
            self.heard.set()

    async def changed(self, client: Client, change: Callable[[], Awaitable[Any]]) -> set[str]:
        """Make a change, wait until it is told, and return the tools there are then."""
        before = await client.list_tools(cache_mode="bypass")
        assert client.server_capabilities.tools.list_changed
        if self.mode == "legacy":
            self.heard.clear()
            await change()
            await asyncio.wait_for(self.heard.wait(), WAIT_SECONDS)
        else:
            async with client.listen(tools_list_changed=True) as changes:
                await change()
                await asyncio.wait_for(anext(changes), WAIT_SECONDS)
        after = await client.list_tools(cache_mode="bypass")
        return {tool.name for tool in after.tools} ^ {tool.name for tool in before.tools}


@pytest.fixture(params=["legacy", "auto"])
def ears(request) -> Ears:
    return Ears(request.param)


async def test_what_a_hosted_server_adds_is_an_action(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Any] = []
    manager = PluginManager([], [growing("files")], entry_points=False)
    manager.load_plugins()
    async with manager:
        manager.events.subscribe("plugin.tools_changed", heard.append)
        new = await manager.perform_action_async("files", "grow")
        await until(lambda: bool(heard))
        assert heard[0].data == {"plugin": "files"}
        assert new in manager.describe("files")["actions"]
        assert await manager.call_tool_async(f"files__{new}") == "content of None"
    assert caplog.text == ""


async def test_clients_are_told_when_plugins_start_and_stop(
    running: PluginManager, ears: Ears
) -> None:
    server = build_server(running, exclude=["shout"])
    async with Client(server, mode=ears.mode, message_handler=ears.hear) as client:
        stop, start = running.stop_plugins_async, running.start_plugins_async
        assert await ears.changed(client, lambda: stop("fragile")) == {"fragile__ping"}
        assert await ears.changed(client, lambda: start("fragile")) == {"fragile__ping"}
        ears.heard.clear()
        await stop("shout")  # which is not offered
        await client.call_tool("echo__add", {"a": 1, "b": 2})
        assert not ears.heard.is_set()


async def test_a_change_is_told_through_a_host_in_between(ears: Ears, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps([growing("far")]))
    arguments = ["-W", "error", "-m", "zerepy_plugins", "mcp", "serve", "--config", str(config)]
    process = StdioServerParameters(command=sys.executable, args=arguments, cwd=tmp_path)
    async with Client(process, mode=ears.mode, message_handler=ears.hear) as client:
        added = await ears.changed(client, lambda: client.call_tool("far__grow", {}))
        assert len(added) == 1
        called = await client.call_tool(added.pop(), {})
        assert called.content[0].text == "content of None"


@contextmanager
def listening(manager: PluginManager, port: int = 0) -> Iterator[str]:
    """Serve over HTTP on a thread; whoever does not show the token is refused."""
    app = build_server(manager).streamable_http_app()

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        if scope["type"] == "http" and headers.get(b"x-token") != TOKEN.encode():
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await app(scope, receive, send)

    config = uvicorn.Config(
        guarded, port=port, log_level="error", lifespan="on", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            threading.Event().wait(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.should_exit = True
        thread.join(WAIT_SECONDS)
    assert not thread.is_alive()


async def test_a_remote_server_is_shown_its_headers_and_tells_of_changes(
    running: PluginManager, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FAR_TOKEN", TOKEN)
    with listening(running) as url:
        far = entry("far", url=url, headers={"X-Token": "${FAR_TOKEN}"})
        bad = entry("bad", url=f"{url}?key=wrong-secret", headers={"X-Token": "wrong-token"})
        manager = PluginManager([], [far, bad], entry_points=False)
        manager.load_plugins()
        async with manager:
            assert await manager.perform_action_async("far", "echo__add", {"a": 1, "b": 2}) == 3
            assert "fragile__ping" in manager.describe("far")["actions"]
            await running.stop_plugins_async("fragile")
            await until(lambda: "fragile__ping" not in manager.describe("far")["actions"])
            assert TOKEN not in str(manager.describe("far"))
            (failure,) = manager.failures
            assert failure.plugin == "bad"
            told = f"{failure.error} {failure.traceback} {failure!r} {caplog.text}"
            assert "401" in told
            assert not [secret for secret in ("wrong-", TOKEN) if secret in told]
            assert "wrong-token" not in str(manager.describe("bad"))


async def test_what_changes_while_a_remote_server_is_away_is_seen_when_it_is_back(
    manager_of, make_connection
) -> None:
    there = manager_of(*(make_connection(name, actions={"ping": ""}) for name in ("a", "b")))
    there.start_plugins()
    with listening(there) as url:
        far = entry("far", url=url, headers={"X-Token": TOKEN})
        here = PluginManager([], [far], entry_points=False)
        here.load_plugins()
        await here.start_plugins_async()
    async with here:
        await there.stop_plugins_async("b")
        with listening(there, int(url.split(":")[2].split("/")[0])):
            await until(lambda: list(here.describe("far")["actions"]) == ["a__ping"])
            assert await here.perform_action_async("far", "a__ping") is not None
