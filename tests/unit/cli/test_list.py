from __future__ import annotations

from typing import TYPE_CHECKING

from .conftest import only_json

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Run


def test_list_shows_every_plugin_and_starts_none(run: Run) -> None:
    result = run("list")
    assert result.exit_code == 0, result.output
    header, *lines = result.stdout.splitlines()
    assert header.split() == [
        "name", "category", "version", "kind", "state", "origin", "description",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines if line] == [
        "notes", "shelf", "shout", "unstartable",
    ]  # fmt: skip


def test_list_json_holds_what_the_table_holds(run: Run, plugin_dir: Path) -> None:
    listed = only_json(run("list", "--json"))
    assert listed["failures"] == []
    assert listed["plugins"][0] == {
        "name": "notes",
        "category": "connection",
        "version": "1.2.0",
        "kind": "python",
        "state": "registered",
        "enabled": True,
        "origin": str(plugin_dir / "notes.py"),
        "description": "Keeps notes.",
    }


def test_a_broken_plugin_is_shown_below_and_is_exit_code_3(run: Run, broken_plugin: Path) -> None:
    result = run("list")
    assert result.exit_code == 3
    assert "broken: broken, at import" in result.stdout
    assert "a_module_that_is_not_there" in result.stdout
    assert str(broken_plugin) in result.stdout
    assert "Traceback" not in result.output
    assert "Traceback" in run("list", "--traceback").stdout


def test_a_broken_plugin_in_json(run: Run, broken_plugin: Path) -> None:
    result = run("list", "--json")
    assert result.exit_code == 3
    (failure,) = only_json(result)["failures"]
    assert failure["stage"] == "import"
    assert failure["origin"] == str(broken_plugin)


def test_a_disabled_plugin_is_listed_as_such(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[shout.config]\nenabled = false\n")
    by_name = {
        plugin["name"]: plugin
        for plugin in only_json(run("list", "--json", "--config", str(config)))["plugins"]
    }
    assert by_name["shout"]["enabled"] is False
    assert by_name["shout"]["state"] == "disabled"
    assert by_name["notes"]["enabled"] is True


def test_the_default_configuration_file_is_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "work" / "zerepy-plugins.toml").write_text("[shout.config]\nenabled = false\n")
    plugins = only_json(run("list", "--json"))["plugins"]
    assert [plugin["name"] for plugin in plugins if not plugin["enabled"]] == ["shout"]


def test_output_has_no_escape_sequences(run: Run, broken_plugin: Path) -> None:
    assert "\x1b" not in run("list").output
