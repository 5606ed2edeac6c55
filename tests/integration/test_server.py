"""The HTTP interface: ZerePy's paths, and a status and a body for everything that goes wrong."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

import httpx
from fastapi import FastAPI

from zerepy_plugins.errors import PluginNotReady, PluginVetoError
from zerepy_plugins.server import router


def client_of(manager, agents: Any = None) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(router(manager, agents))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.fixture
async def client(running):
    async with client_of(running) as client:
        yield client


async def act(client: httpx.AsyncClient, **request: Any) -> httpx.Response:
    return await client.post("/agent/action", json=request)


async def test_an_action_is_called_with_params_by_name_by_position_and_as_text(client) -> None:
    for params in ({"a": 1, "b": "2"}, ["1", "2"], '{"a": 1, "b": 2}'):
        response = await act(client, connection="echo", action="add", params=params)
        assert (response.status_code, response.json()) == (200, {"status": "success", "result": 3})
    assert (await act(client, connection="dependent", action="ping")).json()["result"] == "pong"
    assert (await act(client, connection="shout", params=["5"])).json()["result"] == "5"


@pytest.mark.parametrize(
    ("request_body", "status", "code"),
    [
        ({"connection": "ech", "action": "add"}, 404, "not_found"),
        ({"connection": "echo", "action": "ad"}, 404, "not_found"),
        ({"connection": "echo", "action": "add", "params": ["x", 1]}, 422, "invalid_params"),
        ({"connection": "echo", "action": "add", "params": [1, 2, 3]}, 422, "invalid_params"),
        ({"connection": "shout", "params": [""]}, 422, "invalid_params"),
        ({"action": "add"}, 422, "invalid_params"),
        ({"connection": "echo", "action": "fail", "params": ["no luck"]}, 502, "execution_failed"),
    ],
)
async def test_failures(client, request_body: dict[str, Any], status: int, code: str) -> None:
    response = await act(client, **request_body)
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert body["detail"] == body["message"]
    assert set(body) >= {"path", "expected", "got", "hint", "plugin", "problems"}


async def test_a_wrong_request_is_told_like_wrong_arguments(client) -> None:
    body = (await act(client, action="add")).json()
    assert (body["path"], body["got"]) == ("body.connection", "nothing")
    body = (await act(client, connection=7)).json()
    assert (body["expected"], body["got"]) == ("a valid string", "int")
    response = await client.post("/agent/action", content="{")
    assert (response.status_code, response.json()["code"]) == (422, "invalid_params")


async def test_a_wrong_argument_is_named(client) -> None:
    body = (await act(client, connection="echo", action="add", params=[1, "x"])).json()
    assert (body["path"], body["expected"], body["got"]) == ("params.b", "integer", 'string "x"')


async def test_a_plugin_that_does_not_run_is_a_conflict(running, client) -> None:
    await running.stop_plugins_async("fragile")
    response = await act(client, connection="fragile", action="ping")
    assert (response.status_code, response.json()["code"]) == (409, "wrong_state")
    connections = (await client.get("/connections")).json()["connections"]
    assert connections["fragile"] == {
        "configured": False,
        "is_llm_provider": False,
        "state": "stopped",
    }


async def test_time_limits_vetoes_and_plugins_that_are_not_ready(
    manager_of, make_connection
) -> None:
    async def perform(self, action, params):
        if action == "slow":
            await asyncio.sleep(60)
        raise {"early": PluginNotReady, "no": PluginVetoError}[action]("as told")

    limited = {"odd": {"config": {"options": {"timeout": 0.05}}}}
    manager = manager_of(make_connection("odd", perform_action=perform), config=limited)
    manager.start_plugins()
    async with client_of(manager) as client:
        slow = await act(client, connection="odd", action="slow")
        assert (slow.status_code, slow.json()["code"]) == (504, "timed_out")
        assert (await act(client, connection="odd", action="early")).status_code == 503
        assert (await act(client, connection="odd", action="no")).status_code == 403
        refused = await act(client, connection="odd", action="slow", params=["1"])
        assert "does not declare its actions" in refused.json()["detail"]


async def test_a_rate_that_is_used_up_says_when_to_come_again(manager_of, make_connection) -> None:
    actions = {"ask": {"policy": {"max_rate": 0.1}}}
    manager = manager_of(make_connection("chat", actions=actions))
    manager.start_plugins()
    async with client_of(manager) as client:
        assert (await act(client, connection="chat", action="ask")).status_code == 200
        refused = await act(client, connection="chat", action="ask")
    assert (refused.status_code, refused.json()["code"]) == (429, "busy")
    assert 0 < refused.json()["retry_after"] <= int(refused.headers["Retry-After"]) <= 10


async def test_connections_and_their_status(client) -> None:
    connections = (await client.get("/connections")).json()["connections"]
    assert set(connections) == {"echo", "dependent", "fragile"}
    assert (await client.get("/connections/echo/status")).json() == {
        "name": "echo",
        "configured": True,
        "is_llm_provider": False,
        "state": "running",
    }
    assert (await client.get("/connections/nobody/status")).status_code == 404
    assert (await client.get("/connections/shout/status")).status_code == 404


async def test_connections_are_configured(manager_of, make_connection) -> None:
    def configure(self, key: str = ""):
        if key == "crash":
            raise RuntimeError("crashed as told")
        return key == "right"

    chat = make_connection("chat", configure=configure, is_llm_provider=lambda self: True)
    manager = manager_of(chat)
    manager.start_plugins()
    async with client_of(manager) as client:

        async def post(params: dict[str, Any]) -> int:
            body = {"connection": "chat", "params": params}
            return (await client.post("/connections/chat/configure", json=body)).status_code

        assert await post({"key": "right"}) == 200
        assert await post({"key": "wrong"}) == 422
        assert await post({"kee": "right"}) == 422
        assert await post({"key": "crash"}) == 502
        assert (await client.post("/connections/chat/configure")).status_code == 422
        assert (await client.get("/connections/chat/status")).json()["is_llm_provider"] is True


async def test_tools_plugins_and_health(client, running, kind: str) -> None:
    query = {"format": "anthropic", "include": ["shout", "echo.add"]}
    tools = (await client.get("/tools", params=query)).json()
    assert {tool["name"] for tool in tools} == {"echo__add", "shout__execute"}
    assert (await client.get("/tools?format=cohere")).status_code == 422
    plugins = {plugin["name"]: plugin for plugin in (await client.get("/plugins")).json()}
    assert plugins["dependent"]["actions"] == ["ping"]
    assert plugins["echo"]["kind"] == ("python" if kind == "python" else "native")
    health = await client.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert set(health.json()["healthy"]) == set(running)


async def test_metrics_are_for_prometheus(client) -> None:
    await act(client, connection="dependent", action="ping")
    metrics = await client.get("/metrics")
    assert metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'zerepy_plugin_calls_total{plugin="dependent"} 1\n' in metrics.text


async def test_an_ill_plugin_makes_the_service_ill(manager_of, make_connection) -> None:
    manager = manager_of(make_connection("ill", health=lambda self: False), make_connection("well"))
    manager.start_plugins()
    async with client_of(manager) as client:
        health = await client.get("/healthz")
    assert (health.status_code, health.json()) == (
        503,
        {"status": "degraded", "healthy": {"ill": False, "well": True}, "broken": []},
    )


class Project:
    """What a ZerePy project passes in, with one method of each kind."""

    def __init__(self) -> None:
        self.current: str | None = None
        self.is_running = False

    def names(self) -> list[str]:
        return ["example"]

    def load(self, name: str) -> None:
        if name not in self.names():
            raise LookupError(name)
        self.current = name

    async def start(self) -> None:
        self.is_running = True

    def stop(self) -> None:
        self.is_running = False


async def test_agents_are_the_projects(manager_of) -> None:
    async with client_of(manager_of(), Project()) as client:
        assert (await client.get("/agents")).json() == {"agents": ["example"]}
        assert (await client.post("/agents/nobody/load")).status_code == 404
        assert (await client.post("/agents/example/load")).json() == {
            "status": "success",
            "agent": "example",
        }
        assert (await client.post("/agent/start")).json()["status"] == "success"
        running = {"status": "running", "agent": "example", "agent_running": True}
        assert (await client.get("/")).json() == running
        await client.post("/agent/stop")
        assert (await client.get("/")).json()["agent_running"] is False


async def test_without_agents_their_paths_say_so(manager_of) -> None:
    async with client_of(manager_of()) as client:
        assert (await client.get("/")).json() == {
            "status": "running",
            "agent": None,
            "agent_running": False,
        }
        for method, path in (
            ("GET", "/agents"),
            ("POST", "/agents/example/load"),
            ("POST", "/agent/start"),
            ("POST", "/agent/stop"),
        ):
            response = await client.request(method, path)
            assert (response.status_code, response.json()["code"]) == (501, "no_agents")


def test_the_application_in_the_documentation(tmp_path: Path, run_child) -> None:
    text = (Path(__file__).parents[2] / "docs" / "tools.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (block,) = (block for block in blocks if "FastAPI" in block)
    code = f"import os; os.chdir({str(tmp_path)!r}); os.mkdir('plugins')\n{block}"
    code += """
import asyncio, httpx

async def main():
    transport = httpx.ASGITransport(app)
    async with lifespan(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        print((await client.get("/")).json()["status"])

asyncio.run(main())
"""
    done = run_child(code)
    assert (done.returncode, done.stdout) == (0, "running\n"), done.stderr


def test_without_fastapi_it_says_what_to_install(run_child) -> None:
    done = run_child(
        """
        import sys
        sys.modules["fastapi"] = None
        from zerepy_plugins.errors import PluginLoadError
        try:
            import zerepy_plugins.server
        except PluginLoadError as error:
            assert 'pip install "zerepy-plugins[server]"' in error.hint, error.hint
        else:
            raise SystemExit("it was imported")
        """
    )
    assert done.returncode == 0, done.stderr
