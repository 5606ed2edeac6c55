"""Lazy discovery: what is seen without importing is what an import finds, also from the index."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zerepy_plugins import ConnectionPlugin, discover_plugins
from zerepy_plugins.errors import PluginLoadError
from zerepy_plugins.records import DiscoveredPlugins, LazyPlugins


@pytest.fixture(autouse=True)
def index(tmp_path, monkeypatch):
    """The folder of the index, in a cache directory of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "zerepy-plugins"


def seen(path) -> dict[str, tuple[str, str]]:
    plugins = discover_plugins(path, lazy=True)
    return {name: plugins.describe(name) for name in plugins if not plugins.is_loaded(name)}


def modules_called(name: str) -> list[str]:
    return [each for each in sys.modules if each.split(".")[1:] == [name] and "_loaded_" in each]


@pytest.fixture(scope="module")
def settled(tmp_path_factory, plugin_dir_at):
    """Directories of plugins, changed so long ago that what is seen in them is kept."""
    directories = []
    for _ in range(3):
        directory = plugin_dir_at(tmp_path_factory.mktemp("settled"))
        paths = [directory.connection(f"p{number}.py", f"p{number}") for number in range(5)]
        directories.append(directory)
    while time.time() - paths[-1].stat().st_ctime < 2.1:
        time.sleep(0.05)
    return directories


def test_nothing_is_imported_before_it_is_asked_for(plugin_dir):
    plugin_dir.connection("lazily_a.py", "a", head="import colorsys")
    plugin_dir.connection("connections/b/plugin.py", "b", version="2.0")
    plugins = discover_plugins(plugin_dir.path, lazy=True)
    assert isinstance(plugins, LazyPlugins)
    assert sorted(plugins) == ["a", "b"]
    assert len(plugins) == 2
    assert plugins.describe("b") == ("connection", "2.0")
    assert not plugins.is_loaded("a")
    assert not modules_called("lazily_a")
    assert issubclass(plugins["a"], ConnectionPlugin)
    assert plugins["a"] is plugins["a"]
    assert plugins.is_loaded("a")
    assert not plugins.is_loaded("b")
    assert modules_called("lazily_a")
    with pytest.raises(KeyError):
        plugins["c"]


def test_what_cannot_be_seen_is_imported(plugin_dir):
    plugin_dir.connection("a.py", "a", head="NAME = ''.join(['x'])")
    plugins = discover_plugins(plugin_dir.path, lazy=True)
    assert plugins.is_loaded("a")
    assert plugins.describe("a") == ("connection", "1.0.0")


def test_a_library_says_what_is_in_it(plugin_dir, twins_library):
    (plugin_dir.path / twins_library.name).symlink_to(twins_library)
    eager = discover_plugins(plugin_dir.path)
    plugins = discover_plugins(plugin_dir.path, lazy=True)
    assert sorted(plugins) == sorted(eager)
    assert not plugins.is_loaded("echo")
    assert plugins["echo"].version == eager["echo"].version


def test_a_manifest_is_checked_at_first_use(plugin_dir):
    plugin_dir.connection("a/plugin.py", "a")
    plugin_dir.write("a/plugin.json", '{"name": "a", "version": "1.0.0"}')
    assert seen(plugin_dir.path) == {"a": ("connection", "1.0.0")}
    plugin_dir.write("a/plugin.json", '{"name": "a", "version": "2"}')
    with pytest.raises(PluginLoadError, match="has version 2"):
        discover_plugins(plugin_dir.path, lazy=True)


def test_a_failure_at_first_use_is_that_plugins_own(plugin_dir):
    plugin_dir.connection("good.py", "good")
    bad = plugin_dir.connection("bad.py", "bad", head="import no_such_module_anywhere")
    plugins = discover_plugins(plugin_dir.path, lazy=True)
    with pytest.raises(PluginLoadError, match="no_such_module_anywhere"):
        plugins["bad"]
    [failure] = plugins.failures
    assert (failure.stage, failure.plugin, failure.origin) == ("import", "bad", str(bad))
    assert issubclass(plugins["good"], ConnectionPlugin)
    plugin_dir.connection("bad.py", "bad")
    assert plugins["bad"].name == "bad"


def test_what_is_another_plugin_meanwhile_is_told(plugin_dir):
    plugin_dir.connection("a.py", "a")
    plugins = discover_plugins(plugin_dir.path, lazy=True)
    plugin_dir.connection("a.py", "other")
    with pytest.raises(PluginLoadError, match="discover the plugins again"):
        plugins["a"]


def test_two_of_a_name_are_told(plugin_dir):
    plugin_dir.connection("one.py", "same")
    plugin_dir.connection("two.py", "same")
    plugins = discover_plugins(plugin_dir.path, lazy=True, on_error="collect")
    [failure] = plugins.failures
    assert (failure.stage, list(plugins)) == ("validate", ["same"])


def test_threads_get_the_same_class(plugin_dir):
    plugin_dir.connection("a.py", "a", head="import time\ntime.sleep")
    plugins = discover_plugins(plugin_dir.path, lazy=True)
    found = []
    threads = [threading.Thread(target=lambda: found.append(plugins["a"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_change_is_seen_whatever_the_index_says(settled, index):
    directory = settled[0]
    path, others = directory.path / "p0.py", {"p1", "p2", "p3", "p4"}
    assert set(seen(directory.path)) == {"p0"} | others
    [kept] = index.iterdir()
    assert '"p0"' in kept.read_text()
    before = path.stat()
    path.write_text(path.read_text().replace("name = 'p0'", "name = 'px'"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # and the size is the same
    assert set(seen(directory.path)) == {"px"} | others
    directory.connection("../elsewhere.py", "py").replace(path)
    assert set(seen(directory.path)) == {"py"} | others
    path.unlink()
    assert set(seen(directory.path)) == others


def test_the_index_is_what_is_read(settled, index):
    path = settled[1].path
    seen(path)
    [kept] = index.iterdir()
    kept.write_text(kept.read_text().replace('"name":"p0"', '"name":"from_index"'))
    assert "from_index" in seen(path)
    index.chmod(0o755)  # then others may have put something there
    assert "p0" in seen(path)


@pytest.mark.parametrize("damage", ["", "{", "[]", "\0" * 100, '{"format": 99}', "null"])
def test_a_damaged_index_is_worth_nothing(plugin_dir, index, damage):
    plugin_dir.connection("a.py", "a")
    index.mkdir(parents=True, mode=0o700)
    seen(plugin_dir.path)
    for kept in index.iterdir():
        kept.write_text(damage)
    assert list(seen(plugin_dir.path)) == ["a"]


def test_it_works_without_a_place_for_the_index(plugin_dir, tmp_path, monkeypatch):
    plugin_dir.connection("a.py", "a")
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", "/proc/nowhere", ""):
        monkeypatch.setenv("XDG_CACHE_HOME", str(place))
        monkeypatch.setenv("HOME", "/proc/nowhere")
        assert list(seen(plugin_dir.path)) == ["a"]


def test_processes_may_write_the_index_at_once(settled, index):
    code = (
        "import sys; from zerepy_plugins import discover_plugins\n"
        "for _ in range(5): assert len(discover_plugins(sys.argv[1], lazy=True)) == 5"
    )
    command = [sys.executable, "-c", code, str(settled[2].path)]
    children = [subprocess.Popen(command) for _ in range(3)]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    assert len(list(index.iterdir())) == 1
    assert len(seen(settled[2].path)) == 5


PIECES = [
    "import os",
    "X = 1",
    "X = 'class B(ConnectionPlugin):'",
    '"""\nclass C(ConnectionPlugin):\n    name = "c"\n"""',
    "# class D(ConnectionPlugin): name = 'd'",
    "def helper(x=(1, 2)):\n    class E(ConnectionPlugin): name = 'e'\n    return x",
    "class Other: name = 'o'",
    "class Other(dict):\n    class F(ConnectionPlugin): name = 'f'",
    "class Found(ConnectionPlugin):\n{body}",
    "class Second(ConnectionPlugin):\n{body}",
    "class Child(Found):\n    name = 'child'",
    "class Abstract(ConnectionPlugin):\n    name = 'abstract'",
    "Found = None",
    "Alias = ConnectionPlugin",
    "del X",
    "if __name__ == '__main__':\n    Found = 1",
    "if X:\n    Found = 1",
    "for Found in []: pass",
    "ConnectionPlugin = object",
    "Y = \\\n 2",
    "Z = f\"{1}{'{'}\"",
    "W = (\n# )\n)",
    "try:\n    V = 1\nfinally:\n    pass",
    "Found.name = 'changed'",
    "type('Made', (), {})",
    "globals().pop('Found', None)",
    "@staticmethod\nclass Found(ConnectionPlugin):\n{body}",
]
BODIES = [
    "name = 'found'",
    "name = 'fo' 'und'",
    "name: str = 'found'",
    "name = other = 'found'",
    "name = 'x'\nname = 'found'",
    "@property\ndef name(self):\n    return 'found'",
    "@property\ndef name(self) -> str: return 'found'",
    "@property\ndef name(self):\n    x = 'y'\n    return 'found' + x",
    "name = '''found'''",
    "name = 'found' if __debug__ else 'x'",
    "if 1:\n    name = 'found'",
    "name = r'found'",
    "name = 1 == 'found'",
]
REST = """
version = "1.0"
def initialize(self, config): ...
def cleanup(self): ...
def is_configured(self): return True
def configure(self): return True
def perform_action(self, action, params): ...
"""


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


@settings(max_examples=150, deadline=None)
@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=4),
    body=st.sampled_from(BODIES),
    tabs=st.booleans(),
    newline=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
)
def test_what_is_seen_is_what_an_import_finds(tmp_path_factory, pieces, body, tabs, newline, bom):
    text = indented(f"{body}\n{REST}")
    if tabs:
        text = text.replace("    ", "\t")
    lines = ["from zerepy_plugins import ConnectionPlugin"]
    lines += [piece.replace("{body}", text) for piece in pieces]
    source = "\n".join(lines).replace("\n", newline) + newline
    folder = tmp_path_factory.mktemp("generated")
    (folder / "it.py").write_bytes((b"\xef\xbb\xbf" if bom else b"") + source.encode())
    lazy = discover_plugins(folder, lazy=True, on_error="collect")
    eager = discover_plugins(folder, on_error="collect")
    assert isinstance(eager, DiscoveredPlugins)
    found = {name: ("connection", found.version) for name, found in eager.items()}
    if not eager.failures:  # what only an import can tell
        assert {name: lazy.describe(name) for name in lazy} == found, source


FOUND = "class Found(ConnectionPlugin):\n    name = 'found'\n{rest}"
NESTED = "class Other:\n    class Inner({base}):\n        name = 'inner'\n{deeper}"
TRICKS = {
    "in the body of another class": "{found}\nclass Other:\n    Found.name = 'x'",
    "in one line": "{found}\nclass Other: Found.name = 'x'",
    "below a condition in a body": "{found}\nclass Other:\n    if 1:\n        Found.name = 'x'",
    "in an f-string": "{found}\nX = f'{{(Found := None)}}'",
    "called in an f-string": "{found}\ndef f(): Found.name = 'x'\nX = f'{{f()}}'",
    "by a subclass of another class": "{found}\nclass Other:\n"
    "    def __init_subclass__(cls): Found.name = 'x'\nclass Next(Other): pass",
    "by brackets": "{found}\nclass Other:\n"
    "    def __class_getitem__(cls, item): Found.name = 'x'\nX = Other[1]",
    "by a member": "{found}\nfrom enum import Enum\nclass Other(Enum):\n    A = 1\n"
    "    def __init__(self, value): Found.name = 'x'",
    "by a descriptor": "class Changes:\n    def __set_name__(self, owner, name): owner.name = 'x'\n"
    "{found}    changes = Changes()",
    "by a decorator in a body": "{found}\ndef f(x): Found.name = 'x'\n"
    "class Other:\n    @f\n    def g(self): ...",
    "by the frame": "import inspect\n"
    "def f(): inspect.currentframe().f_back.f_locals['name'] = 'x'\n{found}    changes = f()",
    "by the base": "import zerepy_plugins\ndef f(): ...\n{found}\nclass Other:\n"
    "    zerepy_plugins.ConnectionPlugin.__subclasses__()[-1].name = 'x'",
    "by a walrus in an f-string in the body": "{found}    other = f\"{{(name := 'x')}}\"",
    "after what only looks like a check": "from typing import TYPE_CHECKING\nTYPE_CHECKING = 1\n"
    "{found}\nif TYPE_CHECKING:\n    Found = None",
    "a nested class": "import zerepy_plugins as z\n{nested}\nX = Other.Inner",
    "a nested class of another base": "from zerepy_plugins import base as z\n{nested}\n"
    "X = Other.Inner",
    "a module as another": "import zerepy_plugins as json\nclass Found(json.ConnectionPlugin):\n"
    "    name = 'found'\n{rest}",
    "a class as another": "import zerepy_plugins\nfrom typing import Protocol\n"
    "Protocol = zerepy_plugins.ConnectionPlugin\n"
    "class Found(Protocol):\n    name = 'found'\n{rest}",
    "an own class as another": "import zerepy_plugins as z\nclass Other: pass\n"
    "Other = z.ConnectionPlugin\nclass Found(Other):\n    name = 'found'\n{rest}",
    "a choice of bases": "import zerepy_plugins as z\n"
    "class Found(object if 0 else z.ConnectionPlugin):\n    name = 'found'\n{rest}",
    "another module's name": "def __name__(): ...\n{found}",
    "another module's name, imported": "import os as __name__\n{found}",
    "another module's name, in the body": "{found}    def __module__(self): ...",
    "by a decorator that binds": "{found}    @(name := property)\n    def other(self): ...",
    "only annotated": "class Found(ConnectionPlugin):\n    name: 'a' != 'b'\n{rest}",
    "deleted": "{found}\ndel Found",
    "in a second statement": "X = 1; Y = 2\n{found}; Found = 1",
    "after a match": "{found}\nmatch 1:\n    case 1: Found = None",
    "a generic": "from typing import Generic, TypeVar\nT = TypeVar('T')\n"
    "class Found(ConnectionPlugin, Generic[T]):\n    name = 'found'\n{rest}",
    "a mixin": "class Mixin:\n    name = 'x'\nclass Found(Mixin, ConnectionPlugin):\n{rest}",
    "a dataclass": "from dataclasses import dataclass\n@dataclass(slots=True)\n{found}",
    "an abstract base in the file": "class Base(ConnectionPlugin):\n{rest}\n"
    "class Found(Base):\n    name = 'found'",
}


@pytest.mark.parametrize("how", TRICKS)
def test_what_is_done_in_an_odd_way_is_not_misjudged(plugin_dir, how):
    rest = indented(REST)
    parts = {
        "rest": rest,
        "found": FOUND.format(rest=rest),
        "nested": NESTED.format(base="z.ConnectionPlugin", deeper=indented(rest)),
    }
    source = "from zerepy_plugins import ConnectionPlugin\n" + TRICKS[how].format(**parts)
    plugin_dir.write("it.py", source)
    eager = discover_plugins(plugin_dir.path, on_error="collect")
    assert isinstance(eager, DiscoveredPlugins)
    lazy = discover_plugins(plugin_dir.path, lazy=True, on_error="collect")
    assert set(lazy) == set(eager), eager.failures
