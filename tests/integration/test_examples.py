"""The numbered examples run, and what the README says is true."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from zerepy_plugins import PluginManager

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXPECTED = {
    "01_python_plugin": "Good day, Ada!",
    "02_rust_plugins": "{'added': 2, 'replaced': 0, 'total': 2}",
    "03_hooks_and_events": "execute of 4000 is too much\n2 calls, 1 error\ncleaned up\nreleased",
    "04_async": "{'rested'}\nwoken",
    "05_tools": """['Oslo: sun', 'Oslo: sun']
params.days: expected integer, got string "many"
params.city: expected string, got nothing
""",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_every_example_is_known() -> None:
    assert {path.stem for path in (ROOT / "examples").glob("[0-9]*.py")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_example(name: str) -> None:
    assert EXPECTED[name] in run(f"examples/{name}.py")


def test_python_plugin_of_the_readme() -> None:
    (block,) = blocks("python")
    assert len(block.splitlines()) <= 15
    assert run("-c", block) == "Hello, Ada!\n"


def test_rust_plugin_of_the_readme_is_the_example() -> None:
    (block,) = blocks("rust")
    assert block == (ROOT / "examples/rust_plugin/lib.rs").read_text(encoding="utf-8")
    assert len([line for line in block.splitlines() if line]) <= 25


def test_rust_plugin_of_the_readme_answers_as_it_says(tmp_path: Path) -> None:
    subprocess.run(
        ["cargo", "build", "--release", "--quiet", "-p", "counter"],
        cwd=ROOT,
        timeout=300,
        check=True,
    )
    library = "libcounter.so"
    (tmp_path / library).write_bytes((ROOT / "target/release" / library).read_bytes())
    with PluginManager(tmp_path, entry_points=False) as manager:
        words = manager.perform_action("counter", "words", {"text": "one two"})
    assert words == 2
    assert '"counter", "words", {"text": "one two"})` returns `2`' in README


def test_configuration_of_the_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    (manifest,) = blocks("json")
    PluginManager([], [json.loads(manifest)], entry_points=False)
    config, policies = blocks("toml")
    manager = PluginManager(ROOT / "build/plugins", tomllib.loads(config), entry_points=False)
    manager.load_plugins()
    states = {status.name: status.state for status in manager.status()}
    assert (states["similar"], states["search"]) == ("disabled", "registered")
    options = manager.describe("search")["config"]["options"]
    assert options["language"] == "en"
    assert options["store"] == "${HOME}/search.jsonl"
    assert manager.update_config("search", tomllib.loads(policies)["search"]["config"])


def test_targets_of_the_readme_exist() -> None:
    listed = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    ).stdout
    for target in re.findall(r"^    make ([a-z]+)", README, re.MULTILINE):
        assert f"make {target} " in listed
