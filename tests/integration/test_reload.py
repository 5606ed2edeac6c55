"""Reloading a plugin while everything else runs on, Python and native."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from zerepy_plugins import PluginState, get_include
from zerepy_plugins.errors import (
    PluginConfigError,
    PluginDependencyError,
    PluginExecutionError,
    PluginLoadError,
    PluginNotFoundError,
)

FIXTURES = Path(__file__).parent.parent / "fixtures"


def answers(text: str) -> dict[str, str]:
    return {"perform_action": f"def perform_action(self, action, params): return {text!r}"}


def ask(manager) -> str:
    return manager.perform_action("a", "ask")


def status_of(manager, name="a"):
    return next(status for status in manager.status() if status.name == name)


@pytest.fixture
def running(plugin_dir, manager_at):
    """A manager that runs plugin `a`, which answers `old`."""
    plugin_dir.connection("a.py", "a", **answers("old"))
    manager = manager_at()
    manager.load_plugins()
    manager.start_plugins()
    return manager


def test_the_new_code_takes_over(plugin_dir, running):
    old = running["a"]
    assert ask(running) == "old"
    plugin_dir.connection("a.py", "a", version="1.1.0", **answers("new"))  # of the same length
    running.reload("a")
    assert ask(running) == "new"
    assert old.perform_action("ask", {}) == "old"
    assert (status_of(running).version, status_of(running).state) == ("1.1.0", PluginState.RUNNING)
    assert running.registry.get_plugin("connection", "a") is type(running["a"])


def test_quick_edits_of_the_same_size_are_seen(plugin_dir, running):
    for number in range(5):
        plugin_dir.connection("a.py", "a", **answers(f"n{number}"))
        running.reload("a")
        assert ask(running) == f"n{number}"


@pytest.mark.parametrize("layout", ["package", "plugin.py"])
def test_only_modules_of_that_plugin_are_imported_anew(plugin_dir, manager_at, layout):
    plugin_dir.write("shared.py", "count = 0")
    head = "from .part import VALUE\nfrom .. import shared\nshared.count += 1"
    body = "def perform_action(self, action, params): return VALUE, shared.count"
    file = "a/__init__.py" if layout == "package" else "a/plugin.py"
    plugin_dir.connection(file, "a", head=head, perform_action=body)
    plugin_dir.write("a/part.py", "VALUE = 1")
    plugin_dir.connection("b.py", "b")
    manager = manager_at()
    manager.load_plugins()
    manager.start_plugins()
    other = sys.modules[type(manager["b"]).__module__]
    assert ask(manager) == (1, 1)
    plugin_dir.write("a/part.py", "VALUE = 2")
    manager.reload("a")
    assert ask(manager) == (2, 2)
    assert sys.modules[type(manager["b"]).__module__] is other
    assert sys.modules[type(manager["a"]).__module__].VALUE == 2


BROKEN = {
    "import": ({"head": "import nothing_like_that"}, PluginLoadError, "import"),
    "syntax": ({"head": "def"}, PluginLoadError, "import"),
    "exit": ({"head": "raise SystemExit(3)"}, PluginLoadError, "import"),
    "name": ({"name": "b"}, PluginLoadError, "discover"),
    "requires": ({"requires": "requires = ['c']"}, PluginDependencyError, "validate"),
    "schema": (
        {"config_schema": "config_schema = {'required': ['x']}"},
        PluginConfigError,
        "validate",
    ),
    "initialize": (
        {"initialize": "def initialize(self, config): raise OSError('no')"},
        PluginExecutionError,
        "initialize",
    ),
}


@pytest.mark.parametrize(("change", "error", "stage"), BROKEN.values(), ids=BROKEN)
def test_a_broken_one_changes_nothing_but_is_told(plugin_dir, running, change, error, stage):
    before, modules = running["a"], {name: id(module) for name, module in sys.modules.items()}
    change = {"name": "a", **change}
    plugin_dir.connection("a.py", change.pop("name"), **change)
    with pytest.raises(error) as raised:
        running.reload("a")
    assert running["a"] is before
    assert ask(running) == "old"
    status = status_of(running)
    assert (status.state, status.failure.stage) == (PluginState.RUNNING, stage)
    assert status.failure.error.args == raised.value.args
    assert [failure.stage for failure in running.failures] == [stage]
    plugin = {name: id(m) for name, m in sys.modules.items() if name.startswith("zerepy_plugins_l")}
    assert plugin.items() <= modules.items()
    plugin_dir.connection("a.py", "a", **answers("new"))
    running.reload("a")
    assert (ask(running), running.failures) == ("new", [])


def test_a_file_that_is_gone_is_told_and_the_plugin_runs_on(plugin_dir, running):
    (plugin_dir.path / "a.py").unlink()
    with pytest.raises(PluginLoadError, match="does not hold the plugin"):
        running.reload("a")
    assert ask(running) == "old"


def test_an_unknown_name_offers_the_nearest(running):
    with pytest.raises(PluginNotFoundError, match="no plugin is called"):
        running.reload("A")


def test_one_that_had_failed_is_started(plugin_dir, manager_at):
    plugin_dir.connection("a.py", "a", initialize="def initialize(self, config): 1 / 0")
    manager = manager_at()
    manager.load_plugins()
    manager.start_plugins()
    assert status_of(manager).state == PluginState.FAILED
    plugin_dir.connection("a.py", "a", **answers("mended"))
    manager.reload("a")
    assert ask(manager) == "mended"


def test_a_class_registered_anew_takes_over(make_connection, manager_of):
    manager = manager_of(make_connection("a", perform_action=lambda *_: "old"))
    manager.start_plugins()
    new = make_connection("a", perform_action=lambda *_: "new")
    manager.registry.register("connection", "a", new, replace=True)
    assert manager.load_plugins() == []
    assert manager.failures == []
    assert ask(manager) == "old"
    manager.reload("a")
    assert ask(manager) == "new"


def test_what_it_remembers_is_handed_over(plugin_dir, manager_at):
    members = {
        "initialize": "def initialize(self, config): self.seen = []",
        "perform_action": "def perform_action(self, action, params): return [*self.seen, action]",
        "save": "def save_state(self): return {'seen': self.seen}",
        "load": "def load_state(self, state, version): self.seen = [*state['seen'], version]",
    }
    plugin_dir.connection("a.py", "a", version="1.0.0", **members)
    manager = manager_at()
    manager.load_plugins()
    manager.start_plugins()
    assert ask(manager) == ["ask"]
    plugin_dir.connection("a.py", "a", version="2.0.0", **members)
    manager.reload("a")
    assert ask(manager) == ["1.0.0", "ask"]


async def test_calls_in_flight_end_on_the_old_one(plugin_dir, manager_at):
    body = "async def perform_action(self, action, params):\n    await params.wait()\n    return {}"
    plugin_dir.connection("a.py", "a", perform_action=body.format("'old'"))
    async with manager_at() as manager:
        gate = asyncio.Event()
        call = asyncio.create_task(manager.perform_action_async("a", "ask", gate))
        await asyncio.sleep(0)
        plugin_dir.connection("a.py", "a", perform_action=body.format("'new'"))
        reloading = asyncio.create_task(manager.reload_async("a"))
        open_gate = asyncio.Event()
        open_gate.set()
        while await manager.perform_action_async("a", "ask", open_gate) == "old":
            await asyncio.to_thread(time.sleep, 0.001)
        assert not reloading.done()
        gate.set()
        assert await call == "old"
        await reloading


def compile_echo(path: Path, version: str) -> None:
    """Put another library in the place of the one that may be loaded."""
    part = path.with_suffix(".part")
    flags = ["-std=c11", "-shared", "-fPIC", "-I", get_include(), f'-DVERSION="{version}"']
    subprocess.run(["cc", *flags, "-o", part, FIXTURES / "c" / "echo.c"], check=True)
    part.rename(path)


async def test_calls_in_flight_of_any_kind_of_plugin_end_on_the_old_one(sleeper):
    manager, ended = sleeper(), []

    class Hooks:
        def post_cleanup(self, plugin):
            ended.append(plugin)

    manager.add_hooks(Hooks())
    await manager.start_plugins_async("sleeper")
    old = manager["sleeper"]
    call = manager.perform_action_async("sleeper", "nap", {"seconds": 0.3})
    call = asyncio.ensure_future(call)
    while not manager.monitor.stats("sleeper").in_flight:
        await asyncio.to_thread(time.sleep, 0.001)
    reloading = asyncio.ensure_future(manager.reload_async("sleeper"))
    while manager["sleeper"] is old:
        await asyncio.to_thread(time.sleep, 0.001)
    assert not call.done()
    assert ended == []
    assert await manager.perform_action_async("sleeper", "nap", {"seconds": 0}) == 0
    assert await call == 0.3
    await reloading
    assert ended == [old]


def test_a_native_library_is_loaded_from_its_new_content(plugin_dir, manager_at):
    compile_echo(plugin_dir.path / "echo.so", "1.0.0")
    manager = manager_at()
    manager.load_plugins()
    manager.start_plugins()
    old = manager["echo"]
    ended = threading.Event()
    results = []

    def call():
        while not ended.is_set():
            results.append(manager.perform_action("echo", "echo", {"value": 1}))

    caller = threading.Thread(target=call)
    caller.start()
    compile_echo(plugin_dir.path / "echo.so", "1.1.0")
    manager.reload("echo")
    ended.set()
    caller.join()
    assert all(result == {"value": 1} for result in results)
    assert manager.monitor.stats("echo").errors == 0
    assert (status_of(manager, "echo").version, type(old).version) == ("1.1.0", "1.0.0")
    manager.reload("echo")  # the same content again
    assert manager.perform_action("echo", "echo", {"value": 2}) == {"value": 2}


def test_a_broken_native_library_changes_nothing(plugin_dir, manager_at):
    library = plugin_dir.path / "echo.so"
    compile_echo(library, "1.0.0")
    manager = manager_at()
    manager.load_plugins()
    manager.start_plugins()
    content = library.read_bytes()
    library.unlink()
    library.write_bytes(content[: len(content) // 2])
    with pytest.raises(PluginLoadError):
        manager.reload("echo")
    assert manager.perform_action("echo", "echo", {"value": 1}) == {"value": 1}
    assert status_of(manager, "echo").failure.stage == "load"
