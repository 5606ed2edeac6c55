"""What a ZerePy program of main's shape says and does is the same with this package and without."""

from __future__ import annotations

import json
import signal
import subprocess
from textwrap import dedent

import pytest

pytest.importorskip("fastapi")

COMMANDS = """
list-connections
list-actions openai
list-actions nope
agent-action openai generate-text a b 0.5
agent-action openai check-model x
agent-action twitter read-timeline 3
agent-action twitter read-timeline many
agent-action twitter post-tweet
agent-action twitter nope
agent-action nope x
agent-action solana transfer Ada 5
agent-action debridge bridge twitter
configure-connection debridge
configure-connection twitter
configure-connection nope
agent-action openai generate-text a b
""".lstrip()

# What the package says besides: of duplicate actions, of unknown names.
OURS = ("Action post-tweet of src.actions", "zerepy_plugins.compat ")

REQUESTS = """
    import asyncio, json, sys
    sys.path.insert(0, ".")
    from fastapi.testclient import TestClient
    from src.server.app import app

    def calls(client):
        act = lambda *words: ("POST", "/agent/action", dict(
            connection=words[0], action=words[1], params=words[2:]))
        for method, path, *body in [
            ("GET", "/"), ("GET", "/agents"), ("GET", "/connections"),
            ("POST", "/agents/nope/load"), ("POST", "/agents/example/load"), ("GET", "/"),
            ("GET", "/connections"), ("GET", "/connections/openai/status"),
            ("GET", "/connections/nope/status"), act("openai", "generate-text", "a", "b"),
            act("solana", "transfer", "Ada", "5"), act("nope", "x"), act("twitter", "post-tweet"),
            act("debridge", "bridge", "twitter"), ("POST", "/connections/debridge/configure"),
            ("POST", "/agent/start"), ("GET", "/"), ("POST", "/agent/stop"), ("GET", "/"),
        ]:
            answer = client.request(method, path, json=body[0] if body else None)
            yield path, answer.status_code, answer.json()

    with TestClient(app) as client:
        print(json.dumps(list(calls(client))))
"""


@pytest.fixture
def project(zerepy):
    project = zerepy("main")
    project.complete()
    return project


def _own(text):
    return [line for line in text.splitlines() if not line.startswith(OURS)]


def test_the_commands(project):
    alone, hosted = (run(typed=COMMANDS) for run in (project.program, _hosted(project)))
    assert (alone.returncode, hosted.returncode) == (0, 0), hosted.stderr
    assert _own(hosted.stderr) == _own(alone.stderr)
    assert hosted.stdout == alone.stdout
    assert len(_own(alone.stderr)) > 30
    assert "success" not in alone.stderr


def _hosted(project):
    return lambda typed: project.zpl("run", "main.py", typed=typed)


@pytest.mark.filterwarnings("default")
def test_the_server(project):
    project.write("serve.py", dedent(REQUESTS))
    alone = project._run("serve.py")
    hosted = project.zpl("run", "serve.py")
    assert (alone.returncode, hosted.returncode) == (0, 0), alone.stderr + hosted.stderr
    answers = json.loads(hosted.stdout)
    assert answers == json.loads(alone.stdout)
    by_path = {path: answer for path, _, answer in answers}
    assert by_path["/connections"]["connections"]["openai"]["is_llm_provider"] is True
    assert by_path["/agent/action"]["result"] == [0, 1]


def test_a_mistake_of_the_program_is_shown_as_python_shows_it(project):
    alone, hosted = project.program("nope"), project.zpl("run", "main.py", "nope")
    assert (alone.returncode, hosted.returncode) == (1, 1)
    assert _own(hosted.stderr) == _own(alone.stderr)
    assert "Traceback" in alone.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_the_loop_ends_when_it_is_told_to_and_plugins_clean_up(project, number, code):
    path = project.path / "src" / "connections" / "twitter_connection.py"
    path.write_text(path.read_text() + "\n    def cleanup(self):\n        print('cleaned up')\n")
    loop = project.background("run", "main.py", "start-agent")
    for line in loop.stdout:
        if "success: {'posted'" in line:
            break
    loop.send_signal(number)
    said, _ = loop.communicate(timeout=30)
    assert loop.returncode == code
    assert ("STOPPED BY USER" in said) == (number == signal.SIGINT)
    assert said.endswith("cleaned up\n")


def test_nothing_is_written_into_the_project(project):
    git = ["git", "-C", str(project.path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    project.write(".gitignore", "__pycache__/\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "before"]):
        subprocess.run([*git, *command], check=True)
    for command in (("run", "main.py", "list-connections"), ("doctor",), ("list",)):
        assert project.zpl(*command).returncode == 0
    status = subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True)
    assert status.stdout == b""
