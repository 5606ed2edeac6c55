"""Plugins that are broken: each is told, and stops no other."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from zerepy_plugins import discover_plugins, get_include
from zerepy_plugins.errors import (
    PluginAbiError,
    PluginConfigError,
    PluginDependencyError,
    PluginError,
    PluginLoadError,
)

FIXTURES = Path(__file__).parent.parent / "fixtures"
BROKEN = FIXTURES / "plugins" / "broken"

# The file, the failure's stage, and what it says.
PYTHON = [
    ("syntax_error", "import", "SyntaxError"),
    ("exits", "import", "SystemExit: this plugin would rather end the program"),
    ("raises", "import", "RuntimeError: not today"),
    ("misses", "import", "a_module_that_nobody_has"),
    ("abstract", "validate", "class Half lacks configure, is_configured, perform_action"),
    ("nameless", "validate", "the name of plugin class Nameless cannot be read from the class"),
]


def only_failure(directory: Path):
    plugins = discover_plugins(directory, on_error="collect")
    assert plugins == {}
    [failure] = plugins.failures
    return failure


@pytest.mark.parametrize(("name", "stage", "text"), PYTHON)
def test_python_files(plugin_dir, name, stage, text):
    path = plugin_dir.path / f"{name}.py"
    shutil.copy(BROKEN / path.name, path)
    failure = only_failure(plugin_dir.path)
    assert (failure.stage, failure.plugin, failure.origin) == (stage, name, str(path))
    assert text in str(failure.error)
    assert failure.hint is None or failure.hint in str(failure.error)


@pytest.mark.parametrize("name", ["raises", "exits", "misses"])
def test_tracebacks_show_the_plugins_own_code(plugin_dir, name):
    shutil.copy(BROKEN / f"{name}.py", plugin_dir.path)
    assert f"{name}.py" in only_failure(plugin_dir.path).traceback


def test_all_broken_files_together(plugin_dir, manager_at):
    shutil.copytree(BROKEN, plugin_dir.path, dirs_exist_ok=True)
    plugin_dir.connection("good.py", "good")
    manager = manager_at()
    assert manager.load_plugins() == ["good"]
    assert sorted(failure.plugin for failure in manager.failures) == sorted(
        name for name, *_ in PYTHON
    )
    assert manager.start_plugins() == ["good"]


def test_ctrl_c_during_an_import_passes_through(plugin_dir, manager_at):
    plugin_dir.write("a.py", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        manager_at().load_plugins()
    with pytest.raises(KeyboardInterrupt):
        discover_plugins(plugin_dir.path, on_error="collect")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"#!/bin/sh\necho I am no library\n", "it is not a shared library"),
        (b"", "the file is empty"),
        (b"\x7fELF", "truncated"),
        (b"\x7fELF" + bytes(200), "bits"),
        (os.urandom(4096), "it is not a shared library"),
    ],
    ids=["text", "empty", "four-bytes", "zeros", "noise"],
)
def test_files_called_so_that_are_none(plugin_dir, content, text):
    path = plugin_dir.path / "x.so"
    path.write_bytes(content)
    failure = only_failure(plugin_dir.path)
    assert (failure.stage, failure.plugin, failure.origin) == ("load", "x", str(path))
    assert isinstance(failure.error, PluginLoadError)
    assert text in str(failure.error)
    assert str(path) in str(failure.error)
    assert failure.hint


@pytest.mark.parametrize("share", [0.001, 0.3, 0.6, 0.95])
def test_a_truncated_library(plugin_dir, twins_library, share):
    content = twins_library.read_bytes()
    (plugin_dir.path / "twins.so").write_bytes(content[: int(len(content) * share)])
    failure = only_failure(plugin_dir.path)
    assert isinstance(failure.error, PluginLoadError)
    assert "truncated" in str(failure.error) or "damaged" in str(failure.error)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Compile the C fixture with these flags."""
    directory = tmp_path_factory.mktemp("compiled")

    def compile_with(*flags: str) -> Path:
        path = directory / f"{len(list(directory.iterdir()))}.so"
        source = FIXTURES / "c" / "echo.c"
        command = ["cc", "-std=c11", "-shared", "-fPIC", "-I", get_include(), *flags, "-o", path]
        subprocess.run([*command, source], check=True)
        return path

    return compile_with


def test_a_good_library_in_c(plugin_dir, manager_at, compiled, caplog):
    shutil.copy(compiled(), plugin_dir.path / "echo.so")
    manager = manager_at({"echo": {"config": {}}})
    manager.load_plugins()
    assert manager.start_plugins() == ["echo"]
    assert manager.perform_action("echo", "echo", {"value": [1, "x"]}) == {"value": [1, "x"]}
    with pytest.raises(PluginError, match="on purpose"):
        manager.perform_action("echo", "fail", 1)
    with pytest.raises(PluginError, match="broken data from the plugin"):
        manager.perform_action("echo", "hostile")
    assert manager.status()[0].kind == "native"
    [record] = [record for record in caplog.records if record.getMessage() == "up"]
    assert (record.name, record.levelname) == ("zerepy_plugins.plugin.echo", "WARNING")


@pytest.mark.parametrize(
    ("flags", "error", "text"),
    [
        (["-DENTRY=something_else"], PluginLoadError, "exports no plugin entry"),
        (["-DENTRY=zerepy_plugin_entry_v2"], PluginAbiError, "v2"),
        (["-DMAJOR=2"], PluginAbiError, "2"),
        (["-DTABLE_MAJOR=3"], PluginAbiError, "v3"),
        (["-DBAD_MAGIC"], PluginAbiError, "not a plugin library's table"),
        (["-DNO_DESCRIPTOR"], PluginLoadError, "no section"),
        (['-DPANIC="abort"'], PluginLoadError, "abort"),
        (["-DOTHER_DESCRIPTOR"], PluginLoadError, "descriptor"),
        (["-DREFUSES"], PluginLoadError, "not on a Tuesday"),
        (["-DUNRESOLVED"], PluginLoadError, "nobody_provides_this"),
    ],
    ids=lambda flags: str(flags),
)
def test_libraries_that_are_refused(plugin_dir, compiled, flags, error, text):
    shutil.copy(compiled(*flags), plugin_dir.path / "x.so")
    failure = only_failure(plugin_dir.path)
    assert isinstance(failure.error, error)
    assert text in str(failure.error)
    assert failure.stage == "load"
    with pytest.raises(error):
        discover_plugins(plugin_dir.path)


def test_an_odd_cleanup_in_c(plugin_dir, manager_at, compiled):
    shutil.copy(compiled("-DCLEANUP_FAILS"), plugin_dir.path / "echo.so")
    manager = manager_at()
    manager.load_plugins()
    manager.start_plugins()
    with pytest.raises(PluginError, match="stuck"):
        manager.stop_plugins()
    assert manager.stop_plugins(force=True) == ["echo"]


def test_a_library_that_asks_to_be_started_later(plugin_dir, manager_at, compiled):
    shutil.copy(compiled(), plugin_dir.path / "echo.so")
    manager = manager_at({"echo": {"config": {"options": {}}}})  # the fixture wants an empty one
    manager.load_plugins()
    with pytest.raises(PluginError, match="come back later") as caught:
        manager.start_plugins("echo")
    assert (caught.value.code, caught.value.retry_after) == ("not_ready", 2.5)


def test_two_of_a_name_name_both_origins(plugin_dir, manager_at, twins_library):
    plugin_dir.connection("a_python_one.py", "echo")
    (plugin_dir.path / "twins.so").symlink_to(twins_library)
    manager = manager_at()
    manager.load_plugins()
    [failure] = manager.failures
    assert isinstance(failure.error, PluginConfigError)
    assert (failure.stage, failure.plugin) == ("validate", "echo")
    assert "a_python_one.py" in str(failure.error)
    assert "twins.so" in str(failure.error)
    assert {status.name: status.kind for status in manager.status()}["echo"] == "python"


def test_the_same_plugins_of_all_kinds_side_by_side(twin_dirs):
    from zerepy_plugins import PluginManager

    with PluginManager(list(twin_dirs.values()), entry_points=False) as manager:
        assert len(manager) == 4
        assert len(manager.failures) == 4 * (len(twin_dirs) - 1)


def test_a_missing_dependency_and_a_circle(plugin_dir, manager_at):
    plugin_dir.connection("a.py", "a", requires="requires = ['b']")
    plugin_dir.connection("b.py", "b", requires="requires = ['a']")
    plugin_dir.connection("c.py", "c", requires="requires = ['nowhere>=1']")
    manager = manager_at()
    manager.load_plugins()
    assert manager.start_plugins() == []
    errors = {failure.plugin: failure.error for failure in manager.failures}
    assert all(isinstance(error, PluginDependencyError) for error in errors.values())
    assert "a -> b -> a" in str(errors["a"])
    assert "b -> a -> b" in str(errors["b"])
    assert 'needs "nowhere>=1", which is missing' in str(errors["c"])


@pytest.mark.parametrize("category", ["database", "", "Connection", "connections"])
def test_an_unknown_category(plugin_dir, category):
    plugin_dir.connection("a/plugin.py", "a")
    plugin_dir.write("a/plugin.toml", f'name = "a"\ntype = "{category}"\n')
    failure = only_failure(plugin_dir.path)
    assert failure.stage == "validate"
    assert "type" in str(failure.error)
    assert "connection" in str(failure.error)


def test_a_directory_that_may_not_be_read(plugin_dir, monkeypatch):
    plugin_dir.connection("good.py", "good")
    (plugin_dir.path / "dangling.py").symlink_to("nowhere.py")
    (plugin_dir.path / "circle").symlink_to(plugin_dir.path)
    plugins = discover_plugins(plugin_dir.path, on_error="collect")
    assert list(plugins) == ["good"]
    assert {failure.plugin for failure in plugins.failures} == {"dangling", "circle"}
