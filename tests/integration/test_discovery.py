"""Phase one: what is found where, and what importing leaves behind."""

from __future__ import annotations

import json
import sys
from textwrap import dedent

import pytest

from zerepy_plugins import PluginManager, discover_plugins
from zerepy_plugins.errors import PluginConfigError, PluginLoadError


def plugin_modules() -> set[str]:
    return {name for name in sys.modules if name.startswith("zerepy_plugins_loaded_")}


@pytest.mark.parametrize(
    "files",
    [
        ["a.py"],
        ["a/__init__.py"],
        ["a/plugin.py"],
        ["connections/a.py"],
        ["connections/a/__init__.py"],
        ["actions/a/plugin.py"],
    ],
    ids=lambda files: files[0],
)
def test_layouts(plugin_dir, files):
    for file in files:
        plugin_dir.connection(file, "found")
    assert list(discover_plugins(plugin_dir.path)) == ["found"]


@pytest.mark.parametrize(
    "file",
    [
        *("my-plugin.py", "my plugin.py", "1st.py", "class.py", "größe.py", "a.b.py", "site.py"),
        *("zerepy_plugins.py", "my plugin/__init__.py"),
        *("tool-1.0/plugin.py", "tool-1.0/__init__.py"),
    ],
)
def test_odd_file_names(plugin_dir, file):
    plugin_dir.connection(file, "found")
    assert list(discover_plugins(plugin_dir.path)) == ["found"]


@pytest.mark.parametrize(
    "files",
    [
        ("x.py", "x/__init__.py"),
        ("x.py", "x/plugin.py"),
        ("tool-1.0/plugin.py", "tool-1.1/plugin.py"),
        ("x.py", "connections/x.py"),
        ("actions/x/plugin.py", "connections/x/plugin.py"),
        ("x-y.py", "x_y.py"),
    ],
)
def test_names_that_are_near_each_other(plugin_dir, files):
    for number, file in enumerate(files):
        plugin_dir.connection(file, f"found{number}")
    plugins = discover_plugins(plugin_dir.path, on_error="collect")
    assert sorted(plugins) == ["found0", "found1"]
    assert plugins.failures == []


def test_the_init_may_import_from_plugin_py(plugin_dir):
    plugin_dir.connection("a/plugin.py", "a")
    plugin_dir.write("a/__init__.py", "from .plugin import A\n")
    assert list(discover_plugins(plugin_dir.path)) == ["a"]


def test_an_init_without_a_plugin_leaves_it_to_plugin_py(plugin_dir):
    plugin_dir.connection("a/plugin.py", "a")
    plugin_dir.write("a/__init__.py", "VERSION = '1'\n")
    assert list(discover_plugins(plugin_dir.path)) == ["a"]


def test_several_plugins_in_one_module(plugin_dir):
    one, two = (plugin_dir.connection(f"{name}.py", name).read_text() for name in ("a", "b"))
    plugin_dir.write("both/__init__.py", one + two)
    for name in ("a", "b"):
        (plugin_dir.path / f"{name}.py").unlink()
    assert list(discover_plugins(plugin_dir.path)) == ["a", "b"]


def test_only_concrete_classes_of_its_own_count(plugin_dir):
    plugin_dir.connection("base.py", "base")
    plugin_dir.write(
        "more.py",
        """
        from abc import abstractmethod
        from zerepy_plugins import ActionPlugin, ConnectionPlugin
        from .base import Base

        class Half(Base):
            @abstractmethod
            def other(self): ...

        class Whole(Half):
            name = "whole"
            def other(self): ...

        Alias = Whole
        """,
    )
    plugins = discover_plugins(plugin_dir.path)
    assert sorted(plugins) == ["base", "whole"]


def test_what_is_no_plugin_is_passed_over(plugin_dir):
    plugin_dir.connection("good.py", "good")
    for file in ("_private.py", ".hidden.py", "conftest.py", "notes.txt"):
        plugin_dir.write(file, "1 / 0")
    plugin_dir.write("helpers.py", "VALUE = 1")
    plugin_dir.write("empty/readme.md")
    plugins = discover_plugins(plugin_dir.path, on_error="collect")
    assert (list(plugins), plugins.failures) == (["good"], [])


@pytest.mark.parametrize("kind_of_manifest", ["json", "toml"])
def test_a_manifest_configures_and_describes(plugin_dir, manager_at, kind_of_manifest):
    manifest = {
        "name": "a",
        "version": "1.0.0",
        "type": "connection",
        "description": "From the manifest.",
        "requires": ["b"],
        "config": {"options": {"color": "red"}},
    }
    toml = """
        name = "a"
        version = "1.0.0"
        type = "connection"
        description = "From the manifest."
        requires = ["b"]
        [config.options]
        color = "red"
    """
    plugin_dir.connection("a/plugin.py", "a")
    text = json.dumps(manifest) if kind_of_manifest == "json" else toml
    plugin_dir.write(f"a/plugin.{kind_of_manifest}", text)
    plugin_dir.connection("b.py", "b")
    manager = manager_at()
    manager.load_plugins()
    assert manager.start_plugins() == ["b", "a"]
    described = manager.describe("a")
    assert described["description"] == "From the manifest."
    assert described["requires"] == ["b"]
    assert manager["a"].context.config == {"options": {"color": "red"}}


def test_a_manifest_may_name_its_code(plugin_dir):
    plugin_dir.connection("a/code.py", "a")
    plugin_dir.write("a/plugin.json", '{"name": "a", "entry": "code.py"}')
    assert list(discover_plugins(plugin_dir.path)) == ["a"]


@pytest.mark.parametrize(
    ("manifest", "text"),
    [
        ({"name": "b"}, 'describes "b"'),
        ({"name": "a", "version": "2.0.0"}, "has version 2.0.0, its code says 1.0.0"),
        ({"name": "a", "type": "action"}, "of type action, its code says connection"),
        ({"name": "a", "entry": "../a.py"}, "not a path below"),
        ({"name": "a", "entry": "cod.py"}, 'Did you mean "code.py"'),
        ({"name": "a", "requires": ["b=>1"]}, "requires[0]"),
    ],
)
def test_a_manifest_that_tells_otherwise_is_an_error(plugin_dir, manifest, text):
    plugin_dir.connection("a/plugin.py", "a")
    plugin_dir.write("a/code.py")
    plugin_dir.write("a/plugin.json", json.dumps(manifest))
    plugins = discover_plugins(plugin_dir.path, on_error="collect")
    assert "b" not in plugins
    assert ("a" in plugins) == (manifest["name"] == "b")
    [failure] = plugins.failures
    assert (failure.stage, failure.plugin) == ("validate", manifest["name"])
    assert text in str(failure.error)


def test_a_manifest_beside_a_library(plugin_dir, twins_library, manager_at):
    (plugin_dir.path / "twins").mkdir()
    (plugin_dir.path / "twins" / "libtwins.so").symlink_to(twins_library)
    plugin_dir.write("twins/plugin.json", '[{"name": "echo", "config": {"options": {"a": 1}}}]')
    manager = manager_at()
    assert sorted(manager.load_plugins()) == ["dependent", "echo", "fragile", "shout"]
    manager.start_plugins("echo")
    assert manager["echo"].context.config == {"options": {"a": 1}}


def test_the_directory_of_a_single_plugin_can_be_given(plugin_dir):
    plugin_dir.connection("solo/plugin.py", "solo")
    plugin_dir.write("solo/plugin.json", '{"name": "solo"}')
    assert list(discover_plugins(plugin_dir.path / "solo")) == ["solo"]


def test_two_plugins_may_have_a_module_of_the_same_name(plugin_dir):
    for name in ("a", "b"):
        plugin_dir.connection(f"{name}/__init__.py", name, head="from .util import VALUE")
        plugin_dir.write(f"{name}/util.py", f"VALUE = {name!r}")
    plugins = discover_plugins(plugin_dir.path)
    values = {name: sys.modules[plugin.__module__].VALUE for name, plugin in plugins.items()}
    assert values == {"a": "a", "b": "b"}


def test_two_directories_may_have_plugins_in_files_of_the_same_name(tmp_path):
    from_two = []
    for number in (1, 2):
        directory = tmp_path / str(number)
        directory.mkdir()
        source = f"""
            from zerepy_plugins import ActionPlugin
            class Mine(ActionPlugin):
                name = "mine{number}"
                version = "1"
                def initialize(self, config): pass
                def cleanup(self): pass
                def validate_params(self, params): return []
                def execute(self, params): return {number}
        """
        (directory / "same.py").write_text(dedent(source))
        from_two.append(directory)
    with PluginManager(from_two, entry_points=False) as manager:
        assert [manager.execute_sync(name) for name in ("mine1", "mine2")] == [1, 2]


@pytest.mark.parametrize("name", ["json", "logging", "asyncio", "typing"])
def test_the_standard_library_is_never_shadowed(plugin_dir, name):
    genuine = sys.modules[name]
    head = "import json, logging, asyncio, typing\njson.dumps({})"
    plugin_dir.connection(f"{name}.py", "odd", head=head)
    plugins = discover_plugins(plugin_dir.path)
    assert sys.modules[name] is genuine
    assert getattr(sys.modules[plugins["odd"].__module__], name) is genuine


def test_sys_path_is_unchanged(plugin_dir):
    plugin_dir.connection("a/__init__.py", "a", head="import sys\nSEEN = list(sys.path)")
    before = list(sys.path)
    plugins = discover_plugins(plugin_dir.path)
    assert sys.path == before
    seen = sys.modules[plugins["a"].__module__].SEEN
    assert seen == before


@pytest.mark.parametrize("file", ["bad.py", "bad/__init__.py", "bad/plugin.py"])
def test_a_failed_import_leaves_nothing_behind(plugin_dir, file):
    plugin_dir.connection("good.py", "good")
    discover_plugins(plugin_dir.path)
    before = plugin_modules()
    head = "from .helper import VALUE\n1 / 0" if "/" in file else "1 / 0"
    plugin_dir.connection(file, "bad", head=head)
    plugin_dir.write("bad/helper.py", "VALUE = 1")
    with pytest.raises(PluginLoadError):
        discover_plugins(plugin_dir.path)
    assert {name for name in plugin_modules() - before if "bad" in name} == set()


def test_a_mended_plugin_can_be_loaded_again(plugin_dir, manager_at):
    plugin_dir.write("a.py", "1 / 0")
    manager = manager_at()
    assert manager.load_plugins() == []
    assert [failure.plugin for failure in manager.failures] == ["a"]
    plugin_dir.connection("a.py", "a")
    assert manager.load_plugins() == ["a"]
    assert manager.failures == []
    assert manager.load_plugins() == []


def test_absolute_imports_of_installed_packages_work(plugin_dir):
    plugin_dir.connection("a.py", "a", head="import pydantic\nfrom zerepy_plugins import errors")
    assert list(discover_plugins(plugin_dir.path)) == ["a"]


def test_future_annotations_and_dataclasses_work_in_plugins(plugin_dir):
    head = """
        from __future__ import annotations
        from dataclasses import dataclass
        @dataclass
        class Settings:
            size: int = 3
    """
    source = plugin_dir.connection("b.py", "b").read_text()
    plugin_dir.write("a.py", dedent(head) + source)
    (plugin_dir.path / "b.py").unlink()
    assert list(discover_plugins(plugin_dir.path)) == ["b"]


def test_the_default_directories(tmp_path, monkeypatch, plugin_dir):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    plugin_dir.connection("../plugins/a.py", "a")
    plugin_dir.connection("../home/.zerepy/plugins/b.py", "b")
    with PluginManager(entry_points=False) as manager:
        assert list(manager) == ["a", "b"]


def test_default_directories_that_are_missing_are_no_warning(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert PluginManager(entry_points=False).load_plugins() == []
    assert caplog.records == []


def test_a_directory_that_is_named_and_missing_is_a_warning(tmp_path, caplog):
    assert PluginManager(tmp_path / "nowhere", entry_points=False).load_plugins() == []
    assert ["nowhere" in record.getMessage() for record in caplog.records] == [True]


def test_one_broken_plugin_never_stops_the_others(plugin_dir, manager_at, twins_library):
    plugin_dir.write("bad.py", "raise SystemExit(3)")
    plugin_dir.write("worse.py", "def (")
    plugin_dir.write("library.so", "text")
    plugin_dir.connection("good.py", "good")
    (plugin_dir.path / "twins.so").symlink_to(twins_library)
    manager = manager_at()
    found = ["dependent", "echo", "fragile", "good", "shout"]
    assert sorted(manager.load_plugins()) == found
    assert {failure.plugin: failure.stage for failure in manager.failures} == {
        "bad": "import",
        "worse": "import",
        "library": "load",
    }
    assert sorted(manager.start_plugins()) == found


def test_registered_by_hand(manager_of, make_connection):
    manager = manager_of(make_connection("a"))
    [status] = manager.status()
    assert (status.origin, status.kind, status.state) == (
        "registered by hand",
        "python",
        "registered",
    )


def test_what_is_registered_later_is_taken_in_by_the_next_load(manager_of, make_connection):
    manager = manager_of(make_connection("a"))
    manager.registry.register("connection", "b", make_connection("b"))
    assert manager.load_plugins() == ["b"]


def test_names_are_unique_across_categories(manager_of, make_connection, make_action):
    manager = manager_of(make_connection("same"), make_action("same"))
    assert len(manager.status()) == 1
    [failure] = manager.failures
    assert isinstance(failure.error, PluginConfigError)
    assert (failure.stage, failure.plugin) == ("validate", "same")


@pytest.fixture
def installed(tmp_path, monkeypatch, plugin_dir):
    """An installed package with entry points, as `pip` would leave it."""
    site = tmp_path / "site"

    def install(**points: str) -> None:
        lines = [f"{name.replace('_', '-')} = {value}" for name, value in points.items()]
        plugin_dir.write("../site/acme-1.0.dist-info/METADATA", "Name: acme\nVersion: 1.0\n")
        text = "[zerepy.plugins]\n" + "\n".join(lines) + "\n"
        plugin_dir.write("../site/acme-1.0.dist-info/entry_points.txt", text)

    monkeypatch.syspath_prepend(str(site))
    yield install
    for name in [name for name in sys.modules if name.split(".")[0] == "acme_plugins"]:
        del sys.modules[name]


def test_an_entry_point_names_a_class(plugin_dir, installed):
    plugin_dir.connection("../site/acme_plugins.py", "acme")
    installed(acme="acme_plugins:Acme")
    with PluginManager([]) as manager:
        assert "acme" in manager
        [status] = [status for status in manager.status() if status.name == "acme"]
    assert status.origin == "entry point acme = acme_plugins:Acme"


def test_an_entry_point_names_the_path_of_a_library(plugin_dir, installed, twins_library):
    plugin_dir.write("../site/acme_plugins.py", f"LIBRARY = {str(twins_library)!r}")
    installed(twins="acme_plugins:LIBRARY")
    with PluginManager([]) as manager:
        assert manager.perform_action("echo", "add", {"a": 1, "b": 2}) == 3
        assert manager.load_plugins() == []
        assert manager.failures == []


def test_entry_points_may_be_left_out(plugin_dir, installed):
    plugin_dir.connection("../site/acme_plugins.py", "acme")
    installed(acme="acme_plugins:Acme")
    with PluginManager([], entry_points=False) as manager:
        assert "acme" not in manager


@pytest.mark.parametrize(
    "value", ["acme_plugins:Nothing", "no_such_acme:Acme", "acme_plugins:NUMBER", "acme_plugins"]
)
def test_a_broken_entry_point_is_a_failure_and_stops_nothing(plugin_dir, installed, value):
    plugin_dir.connection("../site/acme_plugins.py", "acme", head="NUMBER = 3")
    installed(acme="acme_plugins:Acme", broken=value)
    with PluginManager([]) as manager:
        assert "acme" in manager
        [failure] = manager.failures
    assert (failure.stage, failure.plugin) == ("import", "broken")
    assert failure.origin == f"entry point broken = {value}"


def test_a_second_load_finds_entry_points_no_second_time(plugin_dir, installed):
    plugin_dir.connection("../site/acme_plugins.py", "acme")
    installed(acme="acme_plugins:Acme")
    manager = PluginManager([])
    assert "acme" in manager.load_plugins()
    assert manager.load_plugins() == []
    assert manager.failures == []
