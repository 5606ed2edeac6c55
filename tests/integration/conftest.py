"""What tests of values share, and what tests of ZerePy projects do: copies, programs in them."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from zerepy_plugins import ConnectionPlugin, discover_plugins, get_include

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures"


@pytest.fixture(scope="module")
def native(twin_dirs: dict[str, Path]) -> ConnectionPlugin:
    """The native twin, without a manager."""
    plugin = discover_plugins(twin_dirs["native"])["echo"]()
    plugin.initialize({})
    return plugin


@pytest.fixture(scope="module")
def echo(native: ConnectionPlugin) -> Callable[[Any], Any]:
    """Send a value across the border and back."""
    return lambda value: native.perform_action("echo", {"value": value})


def _same(one: Any, two: Any) -> bool:
    if type(one) is not type(two):
        return False
    if isinstance(one, float):
        return struct.pack("<d", one) == struct.pack("<d", two)
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(map(_same, one, two))
    if isinstance(one, dict):
        return list(one) == list(two) and all(_same(one[key], two[key]) for key in one)
    if isinstance(one, memoryview):
        shapes_are_equal = (one.format, one.shape) == (two.format, two.shape)
        return shapes_are_equal and one.tobytes() == two.tobytes()
    return one == two


@pytest.fixture(scope="session")
def same() -> Callable[[Any, Any], bool]:
    """Whether two values are equal in type, in order and in every bit."""
    return _same


def _built_from_c(source: str, library: Path) -> None:
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-pedantic", "-Werror", "-shared", "-fPIC"]
    path = FIXTURES / "c" / source
    subprocess.run(["cc", *flags, "-I", get_include(), "-o", library, path], check=True)


def _started(directory: Path, name: str) -> ConnectionPlugin:
    plugin = discover_plugins(directory)[name]()
    plugin.initialize({})
    return plugin


@pytest.fixture(scope="session")
def packer(tmp_path_factory: pytest.TempPathFactory) -> ConnectionPlugin:
    """A plugin in C that gets and gives MessagePack."""
    directory = tmp_path_factory.mktemp("packer")
    _built_from_c("msgpack.c", directory / "packer.so")
    return _started(directory, "packer")


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> ConnectionPlugin:
    """A plugin in C that answers with the tape it is given."""
    directory = tmp_path_factory.mktemp("raw")
    _built_from_c("raw.c", directory / "raw.so")
    return _started(directory, "raw")


@pytest.fixture(scope="session")
def old_echo(tmp_path_factory: pytest.TempPathFactory) -> ConnectionPlugin:
    """A plugin in C built for minor version 0 of the ABI."""
    directory = tmp_path_factory.mktemp("old")
    _built_from_c("echo.c", directory / "old.so")
    return _started(directory, "echo")


@pytest.fixture(scope="session")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> ConnectionPlugin:
    """A plugin in Rust that works on arrays."""
    directory = tmp_path_factory.mktemp("arrays")
    shutil.copy(ROOT / "target" / "release" / "libzerepy_fixture_arrays.so", directory)
    return _started(directory, "arrays")


PRELUDE = """
import json, logging, sys
sys.path.insert(0, ".")
import zerepy_plugins.compat
zerepy_plugins.compat.install()
from src.connection_manager import ConnectionManager
records = []
logging.getLogger().addHandler(type("H", (logging.Handler,), {
    "emit": lambda self, record: records.append(record.getMessage())})())
logging.getLogger().setLevel(logging.INFO)
logging.getLogger("zerepy_plugins").propagate = False
def manager_of(*names, **kwargs):
    config = [item for item in json.load(open("agents/example.json"))["config"]]
    return ConnectionManager([item for item in config if item["name"] in names], **kwargs)
def tell(value):
    print(json.dumps(value, default=repr))
"""


class ZerePyProject:
    """A copy of one of the projects in `tests/fixtures/zerepy_*`."""

    def __init__(self, path: Path, home: Path) -> None:
        self.path = path
        self.env = {"HOME": str(home), "OPENAI_API_KEY": "sk-of-the-test"}

    def write(self, relative: str, text: str) -> Path:
        """Write a file; folders are made."""
        path = self.path / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    def zpl(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run `zpl` in the project."""
        return self._run("-m", "zerepy_plugins", *arguments, typed=typed)

    def program(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run the project's program as it is, without this package."""
        return self._run("main.py", *arguments, typed=typed)

    def background(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `zpl` in the project, and let it run."""
        return subprocess.Popen(
            [sys.executable, "-m", "zerepy_plugins", *arguments],
            cwd=self.path,
            env=os.environ | self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def complete(self) -> None:
        """Have everything installed and unbroken, so that it runs without this package, too."""
        self.write("web3.py", "Web3 = None\n")
        self.write("src/connections/broken_connection.py", "BrokenConnection = None\n")
        agent = json.loads((self.path / "agents" / "example.json").read_text())
        agent["config"] = [i for i in agent["config"] if i["name"] not in {"evm", "broken"}]
        self.write("agents/example.json", json.dumps(agent))

    def tell(self, code: str) -> Any:
        """Run code in the project, with the aliases installed; return what it tells last."""
        result = self._run("-W", "error", "-c", PRELUDE + dedent(code))
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout.splitlines()[-1])

    def _run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.path,
            env=os.environ | self.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            input=typed,
        )


@pytest.fixture
def zerepy(tmp_path: Path) -> Callable[[str], ZerePyProject]:
    """Copy a project: `main`, `fork` or `branch`."""

    def copy(shape: str = "main") -> ZerePyProject:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(FIXTURES / f"zerepy_{shape}", tmp_path / shape, ignore=ignore)
        (tmp_path / "home").mkdir()
        return ZerePyProject(tmp_path / shape, tmp_path / "home")

    return copy
