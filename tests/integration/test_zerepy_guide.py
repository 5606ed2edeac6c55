"""The guide for ZerePy projects: its commands are run in its order, and say what it shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

GUIDE = (Path(__file__).parents[2] / "docs" / "zerepy.md").read_text(encoding="utf-8")


def _blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def _sessions():
    """Return each command with the lines that the guide shows below it."""
    for block in _blocks("text"):
        for session in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = session.splitlines()
            yield command, [line.rstrip() for line in shown if line not in {"", "…"}]


def _run(project, command):
    here = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        # In C instead of Rust: it is made and built by the same commands, and at once.
        command.replace("zpl new greeter", "zpl new greeter --lang c"),
        shell=True,
        cwd=project.path,
        env=os.environ | project.env | {"PATH": here},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return [line.rstrip() for line in done.stdout.splitlines()]


def _follow(project, command):
    """Do what the guide says is to be done before a command."""
    if "agent-action" in command:
        (line,) = [block for block in _blocks("python") if "install()" in block]
        program = (project.path / "main.py").read_text()
        project.write("main.py", line + program)
        agent = json.loads((project.path / "agents" / "example.json").read_text())
        (item,) = re.findall(r"# with (\{.*?\})", command)
        agent["config"].append(json.loads(item))
        project.write("agents/example.json", json.dumps(agent))
    if command == "zpl info solana":
        (project.path / "plugins" / "solana.py").write_text(SOLANA)


def _missing(shown, said):
    """Return the lines that are not said, or not in this order."""
    rest = iter(said)
    return [line for line in shown if not any(line == other for other in rest)]


def test_each_command_says_what_the_guide_shows(zerepy):
    project = zerepy("main")
    commands = []
    for command, shown in _sessions():
        _follow(project, command)
        said = _run(project, command)
        assert _missing(shown, said) == [], "\n".join([command, *said])
        commands.append(command.split()[1])
    assert commands == ["doctor", "run", "new", "main.py", "info"]


def test_the_program_of_the_last_step_prints_what_the_guide_shows(zerepy):
    project = zerepy("main")
    (line,) = [block for block in _blocks("python") if "install()" in block]
    (program,) = [block for block in _blocks("python") if "event_bus" in block]
    project.write("five.py", line + program)
    (shown,) = [block for block in _blocks("text") if "solana.transfer.start" in block]
    said = project._run("five.py")
    assert (said.returncode, said.stdout) == (0, shown), said.stderr


SOLANA = """
from zerepy_plugins import ConnectionPlugin

class Solana(ConnectionPlugin):
    name, version = "solana", "2.0.0"
    def initialize(self, config): pass
    def cleanup(self): pass
    def is_configured(self): return True
    def configure(self): return True
    def perform_action(self, action, params): return [action, params]
"""
