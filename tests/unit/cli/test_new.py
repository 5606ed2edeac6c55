from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from zerepy_plugins import discover_plugins
from zerepy_plugins.cli import new as new_module
from zerepy_plugins.cli.app import build_app

LANGUAGES = ("rust", "python", "c")
TYPES = ("connection", "action")


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def new(name: str, *args: str) -> Result:
    return CliRunner().invoke(build_app(), ["new", name, *args])


@pytest.mark.parametrize("plugin_type", TYPES)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_project_is_complete_and_says_what_comes_next(lang: str, plugin_type: str) -> None:
    result = new("rain-gauge_2", "--lang", lang, "--type", plugin_type)
    assert result.exit_code == 0, result.output
    assert "zpl build" in result.stdout
    assert "zpl call rain-gauge_2" in result.stdout
    project = Path("rain-gauge_2")
    manifest = tomllib.loads((project / "plugin.toml").read_text())
    assert (manifest["name"], manifest["type"]) == ("rain-gauge_2", plugin_type)
    for path in project.rglob("*"):
        assert path.is_dir() or "$" not in path.read_text().replace("$(PYTHON)", ""), path
    assert {"README.md", ".gitignore"} <= {path.name for path in project.iterdir()}
    code = {"rust": "src/lib.rs", "python": "plugin.py", "c": "plugin.c"}[lang]
    assert "rain-gauge_2" in (project / code).read_text()


def test_a_rust_project_depends_on_the_crate_that_came_with_the_package() -> None:
    assert new("rain").exit_code == 0
    manifest = tomllib.loads(Path("rain/Cargo.toml").read_text())
    sdk = Path(manifest["dependencies"]["zerepy-plugin"]["path"])
    assert tomllib.loads((sdk / "Cargo.toml").read_text())["package"]["name"] == "zerepy-plugin"
    assert manifest["lib"]["crate-type"] == ["cdylib", "rlib"]
    assert manifest["profile"]["release"]["panic"] == "unwind"


@pytest.mark.parametrize("plugin_type", TYPES)
def test_a_python_project_loads_as_it_is_and_its_own_tests_pass(
    plugin_type: str, tmp_path: Path
) -> None:
    assert new("rain", "--lang", "python", "--type", plugin_type).exit_code == 0
    assert list(discover_plugins(tmp_path / "rain")) == ["rain"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "rain"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "2 passed" in result.stdout, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Rain", "not made of words"),
        ("2rain", "not made of words"),
        ("rain--gauge", "not made of words"),
        ("rain/gauge", "not made of words"),
        ("../rain", "not made of words"),
        ("rain\n", "not made of words"),
        ("", "not made of words"),
        ("r" * 65, "longer than 64 characters"),
        ("connections", "a word of ZerePy's own"),
    ],
)
def test_a_bad_name_is_refused_and_the_error_says_what_is_allowed(name: str, why: str) -> None:
    result = new(name)
    assert result.exit_code == 1
    assert why in result.stderr
    assert "hint: " in result.stderr
    assert list(Path().iterdir()) == []


def test_what_is_there_stays() -> None:
    Path("rain").mkdir()
    Path("rain/mine.txt").write_text("mine")
    result = new("rain")
    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert [str(path) for path in Path().rglob("*")] == ["rain", "rain/mine.txt"]


def test_nothing_half_written_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_halfway(*args):
        yield Path("Cargo.toml"), "[package]"
        raise OSError("the disk is full")

    monkeypatch.setattr(new_module, "_rendered", fails_halfway)
    result = new("rain")
    assert result.exit_code == 1
    assert "the disk is full" in result.stderr
    assert list(Path().iterdir()) == []


def test_another_place_can_be_named_and_must_exist() -> None:
    Path("place").mkdir()
    assert new("rain", "--dir", "place").exit_code == 0
    assert Path("place/rain/Cargo.toml").is_file()
    assert new("snow", "--dir", "nowhere").exit_code == 2
    assert new("snow", "--lang", "cobol").exit_code == 2
