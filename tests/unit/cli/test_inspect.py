from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from zerepy_plugins import _native
from zerepy_plugins.cli.app import build_app
from zerepy_plugins.errors import PluginLoadError

from .conftest import only_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def inspect(*args: object) -> Result:
    return CliRunner().invoke(build_app(), ["inspect", *map(str, args)])


def test_everything_a_library_declares_is_shown(twins_library: Path) -> None:
    result = inspect(twins_library)
    assert result.exit_code == 0, result.output
    version = ".".join(map(str, _native.ABI_VERSION))
    for text in ("zerepy-plugin 0.1.0", version, "echo", "shout", "connection", "blocking"):
        assert text in result.stdout


def test_json_is_what_the_library_declares(twins_library: Path) -> None:
    declared = only_json(inspect(twins_library, "--json"))
    assert declared["path"] == str(twins_library)
    assert declared["abi"] == list(_native.ABI_VERSION)
    assert declared["panic"] == "unwind"
    assert declared["encoding"] == "tape"
    plugins = {plugin["name"]: plugin for plugin in declared["plugins"]}
    assert sorted(plugins) == ["dependent", "echo", "fragile", "shout"]
    shout = plugins["shout"]
    assert shout["type"] == "action"
    assert shout["actions"][0]["name"] == "execute"
    assert shout["actions"][0]["params"]["type"] == "object"
    assert plugins["fragile"]["config_schema"]["type"] == "object"


def test_the_dict_is_of_plain_values(twins_library: Path) -> None:
    declared = _native.inspect_library(twins_library)
    assert declared["abi"] == _native.ABI_VERSION
    assert set(declared) == {"path", "sdk", "abi", "panic", "encoding", "digest", "plugins"}


def test_no_code_of_the_library_runs(
    twins_library: Path, run_child: Callable[..., object], tmp_path: Path
) -> None:
    copy = tmp_path / "copy.so"
    copy.write_bytes(twins_library.read_bytes())
    result = run_child(
        """
        import sys
        from pathlib import Path
        from zerepy_plugins import _native

        _native.inspect_library(sys.argv[1])
        before = Path("/proc/self/maps").read_text().count(".so")
        _native.inspect_library(sys.argv[1])
        maps = Path("/proc/self/maps").read_text()
        print(sys.argv[1] in maps, maps.count(".so") - before)
        """,
        copy,
    )
    assert result.stdout.split() == ["False", "0"], result.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_refusal_is_exit_code_1_with_what_to_do(tmp_path: Path, options: list[str]) -> None:
    text = tmp_path / "text.so"
    text.write_text("import os\n")
    result = inspect(text, *options)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "is not a shared library" in result.stderr
    assert "hint: " in result.stderr
    with pytest.raises(PluginLoadError, match="cannot be read"):
        _native.inspect_library(tmp_path / "none.so")
