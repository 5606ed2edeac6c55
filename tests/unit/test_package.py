"""The package: its names, its weight, what it leaves alone."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from importlib.resources import files
from pathlib import Path

import pytest

import zerepy_plugins

DOCUMENTED = {
    *("PluginBase", "ConnectionPlugin", "ActionPlugin", "PluginRegistry", "PluginFactory"),
    *("PluginManager", "PluginHooks", "PluginMonitor", "discover_plugins", "PluginContext"),
    *("PluginState", "PluginStatus", "PluginFailure", "Event", "EventBus", "default_registry"),
}


def test_all_is_sorted_and_there():
    assert zerepy_plugins.__all__ == sorted(zerepy_plugins.__all__)
    for name in zerepy_plugins.__all__:
        assert getattr(zerepy_plugins, name) is not None


def test_every_documented_name_is_public():
    assert set(zerepy_plugins.__all__) >= DOCUMENTED


def test_star_import_gives_just_that():
    namespace = {}
    exec("from zerepy_plugins import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(zerepy_plugins.__all__)


@pytest.mark.parametrize("name", sorted(set(zerepy_plugins.__all__) - {"default_registry"}))
def test_every_public_name_is_documented(name):
    assert inspect.getdoc(getattr(zerepy_plugins, name))


def test_every_module_can_be_imported():
    modules = pkgutil.walk_packages(zerepy_plugins.__path__, "zerepy_plugins.")
    names = [module.name for module in modules if not module.name.endswith("__main__")]
    assert "zerepy_plugins.errors" in names
    for name in names:
        importlib.import_module(name)


def test_modules_with_all_tell_the_truth():
    for name in ("base", "context", "errors", "hooks", "native", "records"):
        module = importlib.import_module(f"zerepy_plugins.{name}")
        assert all(hasattr(module, public) for public in module.__all__)


def test_the_package_is_marked_as_typed():
    assert (files("zerepy_plugins") / "py.typed").is_file()


def test_the_header_for_plugins_in_c_is_in_the_package():
    header = Path(zerepy_plugins.get_include()) / "zerepy_plugin.h"
    assert "zerepy_plugin_entry_v1(" in header.read_text(encoding="utf-8")


HEAVY = ["asyncio", "typer", "rich", "click", "pydantic", "jsonschema", "importlib.metadata"]


def test_importing_is_light(run_child):
    code = """
        import sys, json
        path, threads = list(sys.path), None
        import zerepy_plugins
        import threading
        assert sys.path == path
        print(json.dumps([sorted(sys.modules), threading.active_count()]))
    """
    result = run_child(code)
    assert (result.returncode, result.stderr) == (0, "")
    modules, threads = json.loads(result.stdout)
    assert [name for name in HEAVY if name in modules] == []
    assert not [name for name in modules if name.startswith("zerepy_plugins.cli")]
    assert threads == 1


def test_a_second_interpreter_is_refused(run_child):
    code = """
        import sys
        import zerepy_plugins._native
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            raise SystemExit(0)
        other = interpreters.create()
        try:
            interpreters.run_string(other, "import zerepy_plugins; zerepy_plugins.PluginManager")
        except interpreters.RunFailedError as error:
            assert "ImportError" in str(error), error
        else:
            raise SystemExit("it was not refused")
        interpreters.destroy(other)
        del sys.modules["zerepy_plugins._native"]  # importing it again is not another interpreter
        import zerepy_plugins._native
    """
    result = run_child(code)
    assert (result.returncode, result.stderr) == (0, "")
