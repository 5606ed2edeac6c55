"""What tests share: plugin directories, plugin classes made on the spot, and child processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from zerepy_plugins import (
    ActionPlugin,
    ConnectionPlugin,
    PluginManager,
    PluginRegistry,
    get_include,
)
from zerepy_plugins.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent
FIXTURES = Path(__file__).parent / "fixtures"
KINDS = ("python", "native", "c")  # what the twins are written in; "native" is Rust
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
CHILD_TIMEOUT = 60  # seconds; generous: a child that needs it hangs

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores Ctrl-C, and its children would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(val: Any) -> str | None:
    """Name a case by its value, without addresses: the processes that share a run must agree."""
    if val is None or callable(val) or isinstance(val, (str, bytes, int, float)):
        return None
    return ADDRESS.sub("", ascii(val))[:40]


def _does_nothing(self, *_args):
    return None


def _says_yes(self):
    return True


def make_connection(name: str, **members: Any) -> type[ConnectionPlugin]:
    """Make a connection class; it does nothing but what `members` say."""
    body = {
        "name": name,
        "version": "1.0.0",
        "initialize": _does_nothing,
        "cleanup": _does_nothing,
        "is_configured": _says_yes,
        "configure": _says_yes,
        "perform_action": lambda self, action, params: (action, params),
    }
    return type(name.title(), (ConnectionPlugin,), body | members)


def make_action(name: str, **members: Any) -> type[ActionPlugin]:
    """Make an action class; `execute` gives its parameters back unless `members` say otherwise."""

    async def execute(self, params):
        return params

    body = {
        "name": name,
        "version": "1.0.0",
        "initialize": _does_nothing,
        "cleanup": _does_nothing,
        "validate_params": lambda self, params: [],
        "execute": execute,
    }
    return type(name.title(), (ActionPlugin,), body | members)


@pytest.fixture(name="make_connection")
def _make_connection() -> Callable[..., type[ConnectionPlugin]]:
    return make_connection


@pytest.fixture(name="make_action")
def _make_action() -> Callable[..., type[ActionPlugin]]:
    return make_action


def registry_of(*classes: type) -> PluginRegistry:
    """Make a registry that holds these classes."""
    registry = PluginRegistry()
    for plugin_class in classes:
        category = "connection" if issubclass(plugin_class, ConnectionPlugin) else "action"
        registry.register(category, plugin_class.name, plugin_class)
    return registry


@pytest.fixture(name="registry_of")
def _registry_of() -> Callable[..., PluginRegistry]:
    return registry_of


def _stop_all(managers: list[PluginManager]) -> None:
    for manager in reversed(managers):
        try:
            manager.stop_plugins()
        except PluginError:
            manager.stop_plugins(force=True)


@pytest.fixture
def manager_of() -> Iterator[Callable[..., PluginManager]]:
    """Make managers of classes; they are loaded, not started, and stopped after the test."""
    made: list[PluginManager] = []

    def make(*classes: type, **kwargs: Any) -> PluginManager:
        kwargs.setdefault("registry", registry_of(*classes))
        manager = PluginManager([], entry_points=False, **kwargs)
        made.append(manager)
        manager.load_plugins()
        return manager

    yield make
    _stop_all(made)


@pytest.fixture(scope="session")
def twins_library() -> Path:
    """The Rust fixture library, built if it is missing."""
    path = ROOT / "target" / "release" / "libzerepy_fixture_twins.so"
    if not path.is_file():
        command = ["cargo", "build", "--release", "--quiet", "-p", "zerepy-fixture-twins"]
        subprocess.run(command, cwd=ROOT, check=True)
    return path


def compile_c_twins(library: Path) -> None:
    """Compile the fixture library in C."""
    sources = (FIXTURES / "c" / "twins").glob("*.c")
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    flags += ["-shared", "-fPIC", "-fvisibility=hidden", "-I", get_include()]
    subprocess.run(["cc", *flags, "-o", library, *sorted(sources)], check=True)


@pytest.fixture(scope="session")
def twin_dirs(tmp_path_factory: pytest.TempPathFactory, twins_library: Path) -> dict[str, Path]:
    """One plugin directory for each kind, with the same plugins in it."""
    python, native, c = (tmp_path_factory.mktemp(kind) for kind in KINDS)
    without_cache = shutil.ignore_patterns("__pycache__")
    source = FIXTURES / "plugins" / "twins_py"
    shutil.copytree(source, python / "twins_py", ignore=without_cache)
    shutil.copy(twins_library, native / "twins.so")
    compile_c_twins(c / "twins.so")
    return {"python": python, "native": native, "c": c}


@pytest.fixture(scope="session")
def sleeper_dirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One plugin directory for each kind, with a plugin in it that takes its time."""
    python, native = (tmp_path_factory.mktemp(f"sleeper_{kind}") for kind in ("python", "native"))
    shutil.copy(FIXTURES / "plugins" / "sleeper.py", python)
    library = ROOT / "target" / "release" / "libzerepy_fixture_tasks.so"
    if not library.is_file():
        command = ["cargo", "build", "--release", "--quiet", "-p", "zerepy-fixture-tasks"]
        subprocess.run(command, cwd=ROOT, check=True)
    shutil.copy(library, native)
    return {"python": python, "native": native}


@pytest.fixture(params=["python", "native"])
def sleeper_dir(request: pytest.FixtureRequest, sleeper_dirs: dict[str, Path]) -> Path:
    """The directory of that kind."""
    return sleeper_dirs[request.param]


@pytest.fixture
def sleeper(sleeper_dir: Path) -> Iterator[Callable[..., PluginManager]]:
    """Make managers of the sleeper with these options; loaded, not started, stopped afterwards."""
    made: list[PluginManager] = []

    def make(options: Any = None, **kwargs: Any) -> PluginManager:
        config = {"sleeper": {"config": {"options": options or {}}}}
        manager = PluginManager(sleeper_dir, config, entry_points=False, **kwargs)
        made.append(manager)
        manager.load_plugins()
        return manager

    yield make
    _stop_all(made)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """What the plugins under test are written in."""
    return request.param


@pytest.fixture
def twins_dir(twin_dirs: dict[str, Path], kind: str) -> Path:
    """The plugin directory of that kind."""
    return twin_dirs[kind]


@pytest.fixture
def twins(twins_dir: Path) -> Iterator[Callable[..., PluginManager]]:
    """Make managers of the twins; they are loaded, not started, and stopped after the test."""
    made: list[PluginManager] = []

    def make(config: Any = None, **kwargs: Any) -> PluginManager:
        manager = PluginManager(twins_dir, config, entry_points=False, **kwargs)
        made.append(manager)
        manager.load_plugins()
        return manager

    yield make
    _stop_all(made)


@pytest.fixture
def running(twins: Callable[..., PluginManager]) -> PluginManager:
    """All twins of one kind, running."""
    manager = twins()
    assert sorted(manager.start_plugins()) == ["dependent", "echo", "fragile", "shout"]
    return manager


class PluginDir:
    """A directory that plugins are written into."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path

    def write(self, relative: str, text: str = "") -> Path:
        """Write a file; folders are made."""
        path = self.path / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    def connection(
        self, relative: str, name: str, *, version: str = "1.0.0", head: str = "", **members: str
    ) -> Path:
        """Write a module with one connection; `members` are the bodies of its class's members."""
        body = {
            "initialize": "def initialize(self, config): pass",
            "cleanup": "def cleanup(self): pass",
            "is_configured": "def is_configured(self): return True",
            "configure": "def configure(self): return True",
            "perform_action": "def perform_action(self, action, params): return params",
        } | members
        lines = ["from zerepy_plugins import ConnectionPlugin", *dedent(head).splitlines(), ""]
        lines += [f"class {name.title().replace('-', '_')}(ConnectionPlugin):"]
        lines += [f"    name = {name!r}", f"    version = {version!r}"]
        lines += [f"    {line}" for text in body.values() for line in dedent(text).splitlines()]
        return self.write(relative, "\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def plugin_dir_at() -> type[PluginDir]:
    """Make plugin directories at any path."""
    return PluginDir


@pytest.fixture
def plugin_dir(tmp_path: Path) -> PluginDir:
    """An empty plugin directory."""
    return PluginDir(tmp_path / "plugins_of_test")


@pytest.fixture
def manager_at(plugin_dir: PluginDir) -> Iterator[Callable[..., PluginManager]]:
    """Make managers of the plugin directory; not loaded, and stopped after the test."""
    made: list[PluginManager] = []

    def make(config: Any = None, **kwargs: Any) -> PluginManager:
        kwargs = {"entry_points": False} | kwargs
        made.append(PluginManager(plugin_dir.path, config, **kwargs))
        return made[-1]

    yield make
    _stop_all(made)


def child_arguments(code: str, *arguments: object) -> list[str]:
    """Say how to run Python code in a child process, with warnings as errors."""
    return [sys.executable, "-W", "error", "-c", dedent(code), *map(str, arguments)]


def run_child(
    code: str, *arguments: object, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run Python code in a child process; it must end by itself."""
    return subprocess.run(
        child_arguments(code, *arguments),
        capture_output=True,
        text=True,
        timeout=CHILD_TIMEOUT,
        check=False,
        cwd=cwd,
        env=os.environ | env,
    )


@pytest.fixture(name="run_child")
def _run_child() -> Callable[..., subprocess.CompletedProcess[str]]:
    return run_child


@pytest.fixture(name="child_arguments")
def _child_arguments() -> Callable[..., list[str]]:
    return child_arguments
