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
