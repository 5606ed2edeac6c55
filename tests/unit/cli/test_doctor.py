from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from .conftest import only_json

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Run


def test_doctor_reports_a_sound_installation(run: Run, plugin_dir: Path) -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert platform.python_version() in result.stdout
    assert str(plugin_dir) in result.stdout
    assert "4 usable, none broken" in result.stdout


def test_doctor_json(run: Run, plugin_dir: Path) -> None:
    report = only_json(run("doctor", "--json"))
    assert report["versions"]["python"] == platform.python_version()
    assert report["directories"] == [{"path": str(plugin_dir), "exists": True}]
    assert report["usable"] == ["notes", "shelf", "shout", "unstartable"]
    assert report["native"] == []
    assert report["failures"] == []


def test_doctor_names_what_is_broken_with_exit_code_3(run: Run, broken_plugin: Path) -> None:
    result = run("doctor")
    assert result.exit_code == 3
    assert "broken: broken, at import" in result.stdout
    assert str(broken_plugin) in result.stdout
    assert "1 broken, 4 usable" in result.stdout
    assert len(only_json(run("doctor", "--json"))["failures"]) == 1
