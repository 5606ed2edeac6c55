"""Plugins in a directory, and the command line run on them."""

from __future__ import annotations

import json
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from typer.testing import CliRunner

from zerepy_plugins.cli.app import build_app

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

PLUGINS = {
    "notes": '''
        from zerepy_plugins import ConnectionPlugin

        class Notes(ConnectionPlugin):
            """Keeps notes."""

            name = "notes"
            version = "1.2.0"
            requires = ["shelf>=1"]
            config_schema = {
                "type": "object",
                "properties": {
                    "options": {
                        "type": "object",
                        "properties": {
                            "api_key": {"type": "string", "secret": True},
                            "color": {"type": "string", "default": "blue"},
                        },
                    },
                },
            }
            actions = {
                "add": {
                    "description": "Add a note.",
                    "params": {
                        "type": "object",
                        "properties": {
                            "text": {"type": "string", "description": "What it says."},
                            "copies": {"type": "integer", "default": 1},
                        },
                        "required": ["text"],
                    },
                },
                "echo": {"description": "Give back what it is given."},
                "fail": {"description": "Fail."},
                "interrupt": {"description": "Behave as if Ctrl-C were pressed."},
                "list": {"description": "Yield two notes.", "exec": "stream"},
                "leave": {"description": "Yield one, then Ctrl-C.", "exec": "stream"},
            }

            def initialize(self, config):
                (self.context.plugin("shelf")).notes = []

            def cleanup(self):
                pass

            def is_configured(self):
                return True

            def configure(self):
                return True

            def perform_action(self, action, params):
                if action == "fail":
                    raise RuntimeError("the shelf fell down")
                if action == "interrupt":
                    raise KeyboardInterrupt
                if action in ("list", "leave"):
                    return self.all(action)
                return params

            async def all(self, action):
                yield {"text": "first"}
                if action == "leave":
                    raise KeyboardInterrupt
                yield ["second", 2]
    ''',
    "shelf": '''
        from zerepy_plugins import ConnectionPlugin

        class Shelf(ConnectionPlugin):
            """Holds things."""

            name = "shelf"
            version = "1.0.0"

            def initialize(self, config):
                pass

            def cleanup(self):
                pass

            def is_configured(self):
                return True

            def configure(self):
                return True

            def perform_action(self, action, params):
                return None
    ''',
    "shout": '''
        from zerepy_plugins import ActionPlugin

        class Shout(ActionPlugin):
            """Makes text louder."""

            name = "shout"
            version = "0.1.0"
            params_schema = {
                "type": "object",
                "properties": {"text": {"type": "string"}, "times": {"type": "integer"}},
                "required": ["text"],
            }

            def initialize(self, config):
                pass

            def cleanup(self):
                pass

            def validate_params(self, params):
                return []

            async def execute(self, params):
                return params["text"].upper() + "!" * params.get("times", 1)
    ''',
    "unstartable": '''
        from zerepy_plugins import ConnectionPlugin

        class Unstartable(ConnectionPlugin):
            """Shows when it is started, by failing."""

            name = "unstartable"
            version = "1.0.0"

            def initialize(self, config):
                raise RuntimeError("started although nobody asked for it")

            def cleanup(self):
                pass

            def is_configured(self):
                return True

            def configure(self):
                return True

            def perform_action(self, action, params):
                return None
    ''',
}


class Run(Protocol):
    """Runs `zpl` on the plugins of the test."""

    def __call__(self, *args: str, stdin: str | None = None) -> Result: ...


@pytest.fixture
def plugin_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with four sound plugins; the working directory and the home are empty."""
    for folder in ("plugins_of_test", "work", "home"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, source in PLUGINS.items():
        (tmp_path / "plugins_of_test" / f"{name}.py").write_text(dedent(source))
    return tmp_path / "plugins_of_test"


@pytest.fixture
def broken_plugin(plugin_dir: Path) -> Path:
    """One more plugin, which cannot be imported."""
    path = plugin_dir / "broken.py"
    path.write_text("import a_module_that_is_not_there\n")
    return path


@pytest.fixture
def run(plugin_dir: Path) -> Run:
    """Run a command on the plugins; `--plugins` is added."""

    def invoke(*args: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(build_app(), [*args, "--plugins", str(plugin_dir)], input=stdin)

    return invoke


def only_json(result: Result) -> Any:
    """Return standard output as JSON: nothing else may stand there."""
    return json.loads(result.stdout)
