from __future__ import annotations

from typing import TYPE_CHECKING

from .conftest import only_json

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Run


def test_info_shows_actions_parameters_and_requirements(run: Run) -> None:
    result = run("info", "notes")
    assert result.exit_code == 0, result.output
    for text in (
        "Keeps notes.",
        "1.2.0",
        "shelf>=1",
        "Add a note.",
        "What it says.",
        "integer",
        "stream",
    ):
        assert text in result.stdout


def test_info_json_is_the_description_and_the_state(run: Run) -> None:
    described = only_json(run("info", "notes", "--json"))
    assert described["name"] == "notes"
    assert described["state"] == "registered"
    assert described["requires"] == ["shelf>=1"]
    assert described["actions"]["add"]["params"]["required"] == ["text"]


def test_secrets_are_never_shown(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(
        '{"notes": {"config": {"options": {"api_key": "sk-very-secret", "color": "red"}}}}'
    )
    for args in (["info", "notes"], ["info", "notes", "--json"], ["doctor"], ["list"]):
        result = run(*args, "--config", str(config))
        assert result.exit_code == 0, result.output
        assert "sk-very-secret" not in result.output
    assert "red" in run("info", "notes", "--config", str(config)).stdout


def test_an_unknown_plugin_is_exit_code_1_and_names_the_nearest(run: Run) -> None:
    result = run("info", "nots")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "nots" in result.stderr
    assert "notes" in result.stderr


TYPED = """
from typing import Literal
from zerepy_plugins import ConnectionPlugin

class Typed(ConnectionPlugin):
    name, version = "typed", "1.0.0"
    actions = {"cut": ""}

    def initialize(self, config): ...
    def cleanup(self): ...
    def is_configured(self): return True
    def configure(self): return True
    def perform_action(self, action, params): return getattr(self, action)(**params)

    def cut(self, length: int, unit: Literal["cm", "in"] = "cm"):
        '''Cut it.

        Parameters
        ----------
        length
            How long.
        '''
        return [length, unit]
"""


def test_what_actions_do_not_declare_their_type_hints_say(run: Run, tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text(TYPED)
    where = ("--plugins", str(tmp_path))
    shown = run("info", "typed", *where).stdout
    for text in ("Cut it.", "length", "integer", "How long.", '"cm" or "in"'):
        assert text in shown
    assert "Parameters" not in shown
    call = ("call", "typed", "cut", *where, "--output", "json")
    assert only_json(run(*call, "--param", "length=5", "--param", "unit=in")) == [5, "in"]
    assert "length must be integer" in run(*call, "--param", "length=long").stderr
