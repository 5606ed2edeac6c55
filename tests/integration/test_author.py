"""The way of an author: new, the project's own tests, build, inspect, validate, call."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import zerepy_plugins
from zerepy_plugins import PluginManager
from zerepy_plugins.errors import InvalidParamsError

ROOT = Path(__file__).parent.parent.parent
SHIPPED = Path(zerepy_plugins.__file__).parent / "rust"
# Shared by all generated projects and kept, so that the dependencies are built only once.
TARGET = ROOT / "target" / "authors"
BUILD_TIMEOUT = 300  # seconds; generous: a cold build on a busy machine


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as an author would, outside this repository's workspace."""
    return subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT,
        check=False,
        env=os.environ | {"CARGO_TARGET_DIR": str(TARGET)},
    )


def zpl(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "zerepy_plugins", *args, cwd=cwd)


def done(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize("plugin_type", ["connection", "action"])
def test_from_a_template_to_a_loaded_plugin(tmp_path: Path, plugin_type: str) -> None:
    name = f"rain-{plugin_type}"
    project = tmp_path / name
    done(zpl("new", name, "--type", plugin_type, cwd=tmp_path))
    assert f"the {plugin_type} {name} 0.1.0" in done(zpl("build", "--debug", cwd=project))

    library = project / "plugins" / name / f"libplugin_rain_{plugin_type}.so"
    assert name in done(zpl("inspect", str(library), cwd=project))

    config = {name: {"config": {"options": {"greeting": "Good day"}}}}
    with PluginManager(project / "plugins", config, entry_points=False) as manager:

        def greet(person: str) -> str:
            if plugin_type == "action":
                return manager.execute_sync(name, {"name": person})
            return manager.perform_action(name, "greet", {"name": person})

        assert greet("Ada") == "Good day, Ada!"
        with pytest.raises(InvalidParamsError, match="must not be empty"):
            greet("")

    assert "2 passed" in done(run("cargo", "test", "--quiet", cwd=project))
    if plugin_type == "action":  # what is validated is the same for both
        assert " 0 FAILED" in done(zpl("validate", str(library), "--call", "all", cwd=project))


@pytest.mark.parametrize("plugin_type", ["connection", "action"])
def test_a_c_project_checks_itself_and_can_be_called(tmp_path: Path, plugin_type: str) -> None:
    name = f"rain-{plugin_type}"
    project = tmp_path / name
    done(zpl("new", name, "--lang", "c", "--type", plugin_type, cwd=tmp_path))
    checked = done(run("make", "check", f"PYTHON={sys.executable}", cwd=project))
    assert f"the {plugin_type} {name} 0.1.0" in checked
    assert "2 passed" in checked
    if plugin_type == "connection":
        assert " 0 FAILED" in done(zpl("validate", "plugins", "--call", "all", cwd=project))
    action = ["greet"] if plugin_type == "connection" else []
    assert done(zpl("call", name, *action, "--param", "name=Ada", cwd=project)) == '"Hello, Ada!"\n'
    refused = zpl("call", name, *action, "--param", "name=", cwd=project)
    assert refused.returncode == 1
    assert "must be a text that is not empty" in refused.stderr


def test_a_python_project_is_valid(tmp_path: Path) -> None:
    done(zpl("new", "rain", "--lang", "python", "--type", "connection", cwd=tmp_path))
    assert " 0 FAILED" in done(zpl("validate", "rain", "--call", "all", cwd=tmp_path))
    done(zpl("build", cwd=tmp_path / "rain"))
    call = zpl("call", "rain", "greet", "--param", "name=Ada", cwd=tmp_path / "rain")
    assert done(call) == '"Hello, Ada!"\n'


def test_what_the_compiler_says_is_shown_and_the_older_build_stays(tmp_path: Path) -> None:
    project = tmp_path / "rain"
    done(zpl("new", "rain", cwd=tmp_path))
    done(zpl("build", "--debug", cwd=project))
    built = project / "plugins" / "rain" / "libplugin_rain.so"
    before = built.read_bytes()
    with (project / "src" / "lib.rs").open("a") as code:
        code.write('fn broken() -> u8 { "text" }\n')
    result = zpl("build", "--debug", cwd=project)
    assert result.returncode == 1
    assert "mismatched types" in result.stderr
    assert "src/lib.rs" in result.stderr
    assert f"error: cargo could not build {project}" in result.stderr
    assert built.read_bytes() == before
    assert [path.name for path in (project / "plugins").iterdir()] == ["rain"]


def test_the_shipped_manifest_agrees_with_the_repositorys() -> None:
    shipped = tomllib.loads((SHIPPED / "Cargo.toml").read_text())["workspace"]
    own = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]
    assert shipped["package"] == own["package"]
    for name, dependency in shipped["dependencies"].items():
        expected = own["dependencies"][name]
        if isinstance(expected, dict) and "path" in expected:
            expected = expected | {"path": Path(expected["path"]).name}
        assert dependency == expected, name
