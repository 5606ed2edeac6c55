from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from zerepy_plugins import PluginManager
from zerepy_plugins.cli.app import build_app


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def zpl(*args: str) -> Result:
    return CliRunner().invoke(build_app(), [*args])


def new(name: str, *args: str) -> Path:
    result = zpl("new", name, *args)
    assert result.exit_code == 0, result.output
    return Path(name)


def refused(*args: str) -> str:
    result = zpl("build", *args)
    assert result.exit_code == 1, result.output
    return result.stderr


def names_in(directory: str) -> list[str]:
    return sorted(path.name for path in Path(directory).iterdir())


def test_a_python_project_is_built_without_its_tests(tmp_path: Path) -> None:
    project = new("rain", "--lang", "python")
    result = zpl("build", str(project))
    assert result.exit_code == 0, result.output
    assert "the connection rain 0.1.0" in result.stdout
    assert "zpl call rain greet --param name=STRING\n" in result.stdout
    assert (
        {"plugin.py", "plugin.toml"}
        <= set(names_in("plugins/rain"))
        <= {
            "plugin.py",
            "plugin.toml",
            "__pycache__",
        }
    )
    assert names_in("plugins") == ["rain"]
    with PluginManager(tmp_path / "plugins", entry_points=False) as manager:
        assert manager.perform_action("rain", "greet", {"name": "Ada"}) == "Hello, Ada!"


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_a_c_project_is_compiled_and_its_action_answers() -> None:
    project = new("rain", "--lang", "c", "--type", "action")
    result = zpl("build", str(project), "--into", "host/plugins", "--debug")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert "zpl call rain --param name=STRING --plugins host/plugins" in result.stdout
    assert names_in("host/plugins/rain") == ["librain.so", "plugin.toml"]
    config = {"rain": {"config": {"options": {"greeting": "Grüß dich"}}}}
    with PluginManager("host/plugins", config, entry_points=False) as manager:
        assert manager.execute_sync("rain", {"more": [1], "name": "Ada"}) == "Grüß dich, Ada!"


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_what_the_compiler_says_is_shown() -> None:
    project = new("rain", "--lang", "c")
    (project / "plugin.c").write_text("int broken(void) { return nothing; }\n")
    stderr = refused(str(project))
    assert "plugin.c:1" in stderr
    assert "error: cc could not build librain.so" in stderr
    assert names_in("plugins") == []


def test_a_rebuild_takes_the_place_of_the_older_one() -> None:
    project = new("rain", "--lang", "python")
    helper = project / "helper.py"
    helper.write_text("")
    assert zpl("build", str(project)).exit_code == 0
    helper.unlink()
    code = project / "plugin.py"
    code.write_text(code.read_text().replace('"Hello"', '"Hi"'))
    assert zpl("build", str(project)).exit_code == 0
    assert "helper.py" not in names_in("plugins/rain")
    assert '"Hi"' in Path("plugins/rain/plugin.py").read_text()
    assert names_in("plugins") == ["rain"]


def test_an_older_build_stays_if_the_new_one_is_broken() -> None:
    project = new("rain", "--lang", "python")
    assert zpl("build", str(project)).exit_code == 0
    before = Path("plugins/rain/plugin.py").read_text()
    (project / "plugin.py").write_text("import a_module_that_is_not_there\n")
    assert "a_module_that_is_not_there" in refused(str(project))
    assert Path("plugins/rain/plugin.py").read_text() == before
    assert names_in("plugins") == ["rain"]


def test_what_is_no_plugin_is_not_replaced() -> None:
    project = new("rain", "--lang", "python")
    Path("plugins/rain").mkdir(parents=True)
    Path("plugins/rain/diary.txt").write_text("mine")
    assert "is in the way" in refused(str(project))
    assert names_in("plugins/rain") == ["diary.txt"]


def test_what_is_no_project_is_refused() -> None:
    assert "it has no plugin.toml" in refused()
    Path("plugin.toml").write_text("name = ")
    assert "is not TOML" in refused()
    Path("plugin.toml").write_text('name = "rain"\nversion = "1.0.0"\ntype = "action"\n')
    assert "holds nothing to build" in refused()
    Path("plugin.toml").write_text('name = "../rain"\nversion = "1.0.0"\ntype = "action"\n')
    assert "cannot be a directory's name" in refused()
    assert zpl("build", "nowhere").exit_code == 2


@pytest.mark.parametrize(
    ("lang", "tool", "hint"), [("rust", "cargo", "https://rustup.rs"), ("c", "cc", "gcc")]
)
def test_a_missing_tool_is_named_with_where_to_get_it(
    lang: str, tool: str, hint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = new("rain", "--lang", lang)
    monkeypatch.setenv("PATH", str(tmp_path))
    stderr = refused(str(project))
    assert f"no {tool} on PATH" in stderr or f"needs {tool}" in stderr
    assert hint in stderr


def test_a_crate_that_moved_is_named_with_where_it_is_now() -> None:
    project = new("rain")
    manifest = project / "Cargo.toml"
    text = manifest.read_text()
    sdk = text.partition('path = "')[2].partition('"')[0]
    manifest.write_text(text.replace(sdk, "/moved/away"))
    stderr = refused(str(project))
    assert "looks for the crate zerepy-plugin in /moved/away" in stderr
    assert f'zerepy-plugin = {{ path = "{sdk}" }}' in stderr
