from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .conftest import only_json

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Run


def test_a_connections_action_is_called_with_params_of_its_schema(run: Run) -> None:
    result = run("call", "notes", "add", "--param", "text=5", "--param", "copies=5")
    assert result.exit_code == 0, result.output
    assert only_json(result) == {"text": "5", "copies": 5}


def test_an_action_plugin_needs_no_action(run: Run) -> None:
    result = run("call", "shout", "--param", "text=hello", "--param", "times=3")
    assert result.exit_code == 0, result.output
    assert only_json(result) == "HELLO!!!"


def test_params_as_one_json_object(run: Run) -> None:
    assert only_json(run("call", "shout", "--json", '{"text": "a", "times": 2}')) == "A!!"
    from_stdin = run("call", "shout", "--json", "-", stdin='{"text": "b"}')
    assert only_json(from_stdin) == "B!"


def test_text_output_shows_records_as_a_table(run: Run) -> None:
    assert run("call", "shout", "--param", "text=a", "--output", "text").stdout == "A!\n"
    assert only_json(run("call", "notes", "echo", "--json", '{"a": [1]}', "--output", "json")) == {
        "a": [1]
    }


def test_a_failed_action_is_exit_code_1_without_traceback(run: Run) -> None:
    result = run("call", "notes", "fail")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "notes" in result.stderr
    assert "the shelf fell down" in result.stderr
    assert "Traceback" not in result.stderr


def test_traceback_is_shown_when_asked_for(run: Run) -> None:
    result = run("call", "notes", "fail", "--traceback")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "RuntimeError: the shelf fell down" in result.stderr


def test_ctrl_c_is_exit_code_130(run: Run) -> None:
    result = run("call", "notes", "interrupt")
    assert result.exit_code == 130
    assert result.stdout == ""


def test_a_stream_is_printed_item_by_item(run: Run) -> None:
    result = run("call", "notes", "list")
    assert result.exit_code == 0, result.output
    assert result.stdout == '{"text": "first"}\n["second", 2]\n'


def test_ctrl_c_ends_a_stream(run: Run) -> None:
    result = run("call", "notes", "leave")
    assert result.exit_code == 130
    assert result.stdout == '{"text": "first"}\n'


@pytest.mark.parametrize(
    ("args", "nearest"), [(["nots", "add"], "notes"), (["notes", "ad"], "add")]
)
def test_an_unknown_name_is_exit_code_1_and_names_the_nearest(
    run: Run, args: list[str], nearest: str
) -> None:
    result = run("call", *args)
    assert result.exit_code == 1
    assert nearest in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["notes"],
        ["shout", "loudly"],
        ["notes", "add", "--param", "copies=many"],
        ["notes", "add", "--param", "text"],
        ["notes", "add", "--json", "{"],
        ["notes", "add", "--output", "xml"],
        ["notes", "add", "--no-such-option"],
        [],
    ],
)
def test_a_wrong_command_line_is_exit_code_2(run: Run, args: list[str]) -> None:
    result = run("call", *args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage" in result.stderr


def test_a_missing_directory_is_a_usage_error(run: Run) -> None:
    assert run("call", "shout", "--plugins", "nowhere").exit_code == 2


def test_an_unusable_configuration_is_exit_code_1(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("this is not = = TOML")
    result = run("call", "shout", "--param", "text=a", "--config", str(config))
    assert result.exit_code == 1
    assert "config.toml" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_broken_plugin_is_not_called_unknown(run: Run, broken_plugin: Path) -> None:
    result = run("call", broken_plugin.stem, "add")
    assert result.exit_code == 1
    assert "a_module_that_is_not_there" in result.stderr
