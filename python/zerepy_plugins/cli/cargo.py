"""Building a Rust project with cargo, its progress and its errors shown to a person."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import tomllib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from zerepy_plugins.cli.output import console, error_console
from zerepy_plugins.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SDK = Path(__file__).parent.parent / "rust" / "sdk"
"""The crate `zerepy-plugin`, which travels with this package."""


def build_crate(project: Path, *, debug: bool) -> Path:
    """Build the project's shared library and return where it is.

    Raises `PluginError` if there is no cargo, or it fails; what cargo and the compiler say is then
    on standard error.
    """
    if shutil.which("cargo") is None:
        raise PluginError(
            "building a Rust plugin needs cargo, and there is none on PATH",
            hint="Install Rust (1.88 or later) from https://rustup.rs",
        )
    _check_sdk(project)
    total = _count_packages(project)
    libraries: list[Path] = []
    with _progress(total) as built:
        for message in _cargo_messages(project, debug=debug):
            if message["reason"] == "compiler-message":
                _show_diagnostic(message["message"])
            elif message["reason"] == "compiler-artifact":
                target = message["target"]
                if "custom-build" not in target["kind"]:
                    built(target["name"], message["fresh"])
                if "cdylib" in target["crate_types"]:
                    libraries += [
                        Path(name) for name in message["filenames"] if name.endswith(".so")
                    ]
    if not libraries:
        raise PluginError(
            f"{project} builds no shared library",
            hint='In its Cargo.toml, set crate-type = ["cdylib", "rlib"] under [lib]',
        )
    return libraries[-1]


def _check_sdk(project: Path) -> None:
    """Raise `PluginError` if the project looks for our crate where it no longer is."""
    try:
        manifest = tomllib.loads((project / "Cargo.toml").read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise PluginError(f"{project / 'Cargo.toml'} is not TOML: {error}") from error
    dependency = manifest.get("dependencies", {}).get("zerepy-plugin")
    path = dependency.get("path") if isinstance(dependency, dict) else None
    if path is not None and not (project / path / "Cargo.toml").is_file():
        raise PluginError(
            f"{project / 'Cargo.toml'} looks for the crate zerepy-plugin in {path}, where it is"
            " not",
            hint=f'Write: zerepy-plugin = {{ path = "{SDK}" }}',
        )


def _count_packages(project: Path) -> int:
    """Resolve the dependencies, of what is on this machine if that is enough, and count them.

    What only tests need does not count.
    """
    command = ["cargo", "metadata", "--format-version", "1", "--quiet"]
    resolved = _run(project, [*command, "--offline"])
    if resolved.returncode != 0:
        resolved = _run(project, command)
    if resolved.returncode != 0:
        raise _failed(project, resolved.stderr)
    graph = json.loads(resolved.stdout)["resolve"]
    packages = {node["id"]: node["deps"] for node in graph["nodes"]}
    needed, todo = set(), [graph["root"]]
    while todo:
        package = todo.pop()
        if package not in needed:
            needed.add(package)
            todo += [dep["pkg"] for dep in packages[package] if _is_built(dep)]
    return len(needed)


def _is_built(dependency: dict[str, Any]) -> bool:
    return any(kind["kind"] != "dev" for kind in dependency["dep_kinds"])


def _run(project: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own words
        command, cwd=project, capture_output=True, text=True, check=False
    )


def _cargo_messages(project: Path, *, debug: bool) -> Iterator[dict[str, Any]]:
    """Run cargo and give what it reports; raise `PluginError` at the end if it failed."""
    form = "json-diagnostic-rendered-ansi" if error_console().is_terminal else "json"
    command = ["cargo", "build", "--lib", "--quiet", f"--message-format={form}"]
    if not debug:
        command.append("--release")
    # A file, since nobody reads a pipe while standard output is read.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stderr:
        with subprocess.Popen(  # noqa: S603 - our own words
            command, cwd=project, stdout=subprocess.PIPE, stderr=stderr
        ) as cargo:
            yield from _parsed(cargo.stdout)
        if cargo.returncode != 0:
            stderr.seek(0)
            raise _failed(project, stderr.read())


def _parsed(lines: IO[bytes] | None) -> Iterator[dict[str, Any]]:
    # Build scripts' own output may stand between cargo's messages.
    return (json.loads(line) for line in lines or () if line.startswith(b"{"))


def _failed(project: Path, said: str) -> PluginError:
    error_console().print(Text.from_ansi(said.strip()), soft_wrap=True)
    return PluginError(f"cargo could not build {project}", hint="What it says stands above")


def _show_diagnostic(diagnostic: dict[str, Any]) -> None:
    error_console().print(Text.from_ansi(diagnostic["rendered"].rstrip()), soft_wrap=True)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str, bool], None]]:
    """Give a function that is told of each crate: a bar on a terminal, else a line each."""
    out = console()
    if not out.is_terminal:
        yield lambda name, fresh: None if fresh else out.print(f"built {name}")
        return
    columns = (
        TextColumn("building"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=out, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda name, _fresh: progress.update(task, advance=1, description=name)
