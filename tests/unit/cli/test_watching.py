"""Which files changed between two looks."""

from __future__ import annotations

import pytest

from zerepy_plugins.cli.watching import Watcher


@pytest.fixture
def root(tmp_path):
    (tmp_path / "plugins" / "deep").mkdir(parents=True)
    (tmp_path / "plugins" / "deep" / "a.py").write_text("1")
    return tmp_path


def settled(watcher):
    assert watcher.settled_changes() == set(), "what was just seen may not be complete"
    return watcher.settled_changes()


def test_what_comes_goes_or_changes_is_seen_once(root):
    watcher = Watcher([root / "plugins", root / "later.toml"])
    assert settled(watcher) == set()
    (root / "plugins" / "deep" / "a.py").write_text("22")
    (root / "plugins" / "b.py").write_text("")
    (root / "later.toml").write_text("")
    changed = {root / "plugins" / "deep" / "a.py", root / "plugins" / "b.py", root / "later.toml"}
    assert settled(watcher) == changed
    assert settled(watcher) == set()
    (root / "plugins" / "b.py").unlink()
    assert settled(watcher) == {root / "plugins" / "b.py"}


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_seen(root):
    import os

    file = root / "plugins" / "deep" / "a.py"
    watcher, facts = Watcher([root]), file.stat()
    other = root / ".other"
    other.write_text("2")
    os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    other.rename(file)
    assert settled(watcher) == {file}


def test_what_is_still_being_written_is_waited_for(root):
    file, watcher = root / "plugins" / "deep" / "a.py", Watcher([root])
    for text in ("22", "333", "4444"):
        file.write_text(text)
        assert watcher.settled_changes() == set()
    assert watcher.settled_changes() == {file}


@pytest.mark.parametrize("name", [".hidden", "__pycache__", "target"])
def test_what_tools_leave_behind_is_passed_over(root, name):
    watcher = Watcher([root])
    (root / "plugins" / name).mkdir()
    (root / "plugins" / name / "x.py").write_text("")
    assert settled(watcher) == set()
