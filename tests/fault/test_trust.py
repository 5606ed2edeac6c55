"""Libraries that must not be loaded: what others can change, and what the user did not list."""

from __future__ import annotations

import hashlib
import os
import re
import shutil

import pytest

from zerepy_plugins import PluginManager, _native, discover_plugins
from zerepy_plugins.errors import PluginConfigError, PluginTrustError


@pytest.fixture
def library(plugin_dir, twins_library):
    """A copy of the twins' library in a directory of its own."""
    return shutil.copy(twins_library, plugin_dir.path / "twins.so")


def only_failure(manager: PluginManager):
    assert manager.load_plugins() == []
    [failure] = manager.failures
    assert isinstance(failure.error, PluginTrustError)
    return failure


@pytest.mark.parametrize("others_write_to", ["library", "directory"])
def test_what_other_users_can_change_is_refused(plugin_dir, library, manager_at, others_write_to):
    path = library if others_write_to == "library" else plugin_dir.path
    path.chmod(path.stat().st_mode | 0o002)
    failure = only_failure(manager_at())
    assert (failure.stage, failure.origin) == ("load", str(library))
    assert "can be written to by every user" in str(failure.error)
    assert failure.hint == f'Run: chmod go-w "{path}"'
    with pytest.raises(PluginTrustError):
        discover_plugins(plugin_dir.path)
    assert len(_native.inspect_library(library)["plugins"]) == 4  # that runs none of its code


def test_what_was_mended_is_loaded_at_the_next_try(plugin_dir, library, manager_at):
    library.chmod(0o666)
    manager = manager_at()
    failure = only_failure(manager)
    os.chmod(re.search('"(.*)"', failure.hint)[1], 0o644)
    assert "echo" in manager.load_plugins()
    assert manager.failures == []


def test_only_what_is_listed_is_loaded(plugin_dir, library, manager_at):
    failure = only_failure(manager_at(trusted_libraries=[]))
    digest = "sha256:" + hashlib.sha256(library.read_bytes()).hexdigest()
    assert digest in str(failure.error)
    assert _native.inspect_library(library)["digest"] == digest
    only_failure(manager_at(trusted_libraries=["sha256:" + "0" * 64, plugin_dir.path / "other"]))
    for listed in (digest, plugin_dir.path, str(plugin_dir.path.parent)):
        assert "echo" in manager_at(trusted_libraries=iter([listed])).load_plugins()


def test_a_library_loaded_by_one_manager_is_not_trusted_by_another(library, manager_at):
    with manager_at() as manager:
        assert "echo" in manager
        only_failure(manager_at(trusted_libraries=()))


def test_a_list_does_not_lift_the_rule_on_writers(library, manager_at):
    library.chmod(0o646)
    digest = _native.inspect_library(library)["digest"]
    assert "chmod" in only_failure(manager_at(trusted_libraries=[digest, library.parent])).hint


def test_python_plugins_need_no_trust(plugin_dir, manager_at):
    plugin_dir.connection("a.py", "a")
    assert manager_at(trusted_libraries=[]).load_plugins() == ["a"]


def test_libraries_of_entry_points_are_held_to_the_list(library, monkeypatch, plugin_dir):
    plugin_dir.write("trust_entry.py", f"library = {str(library)!r}")
    monkeypatch.syspath_prepend(plugin_dir.path)
    points = "[zerepy.plugins]\ntwins = trust_entry:library\n"
    plugin_dir.write("trust_entry-1.0.dist-info/entry_points.txt", points)
    only_failure(PluginManager([], trusted_libraries=[]))
    assert "echo" in PluginManager([], trusted_libraries=[plugin_dir.path]).load_plugins()


@pytest.mark.parametrize("listed", ["plugins", ["sha256:12"], ["sha256:" + "x" * 64]])
def test_a_list_that_cannot_be_meant_is_refused(listed):
    with pytest.raises(PluginConfigError, match="trusted_libraries"):
        PluginManager([], trusted_libraries=listed)


def test_a_reload_is_held_to_the_same_rules(library, manager_at):
    with manager_at(trusted_libraries=[_native.inspect_library(library)["digest"]]) as manager:
        with library.open("ab") as file:
            file.write(b"\0")  # another content, and a library still
        with pytest.raises(PluginTrustError, match="not among the trusted libraries"):
            manager.reload("shout")
        assert manager.execute_sync("shout", {"text": "a"}) == "A"
