"""Small libraries that are compiled when they are needed: for the peers, and many of our own."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import places
import wasmtime

from zerepy_plugins import get_include

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PLUGIN_SOURCE = places.ROOT / "tests" / "fixtures" / "c" / "raw.c"


def wasm_echo() -> bytes:
    """Make the module for extism."""
    return bytes(wasmtime.wat2wasm((places.BENCH / "c" / "echo.wat").read_text()))


def c_echo() -> Path:
    """Compile what ctypes calls."""
    return compiled(places.BENCH / "c" / "echo.c", places.BUILD / "lib" / "libecho.so")


def compiled(source: Path, library: Path) -> Path:
    """Compile, unless that was done already."""
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        library.parent.mkdir(parents=True, exist_ok=True)
        flags = ["-std=c11", "-O2", "-shared", "-fPIC", "-fvisibility=hidden"]
        subprocess.run(["cc", *flags, "-I", get_include(), "-o", library, source], check=True)
        library.chmod(0o755)
    return library


def plugin_source(names: Iterable[str]) -> str:
    """Write a library in C with a plugin for each of the names; its size is small and its own."""
    names = list(names)
    text = PLUGIN_SOURCE.read_text()
    head, rest = text.split("__attribute__((section(ZEREPY_DESCRIPTOR_SECTION)", 1)
    _, body = rest.split(";\n", 1)
    plugins = ",".join(
        f'{{\\"name\\":\\"{name}\\",\\"version\\":\\"1.0.0\\",\\"type\\":\\"connection\\",'
        f'\\"actions\\":[{{\\"name\\":\\"answer\\"}}]}}'
        for name in names
    )
    descriptor = (
        "__attribute__((section(ZEREPY_DESCRIPTOR_SECTION), used)) "
        "static const char descriptor[] =\n"
        '    "{\\"abi\\":{\\"major\\":1,\\"minor\\":2},\\"panic\\":\\"unwind\\",\\"plugins\\":['
        f'{plugins}]}}";\n'
    )
    tables = ", ".join(["&raw"] * len(names))
    body = body.replace("plugins[] = {&raw}", f"plugins[] = {{{tables}}}")
    return head + descriptor + body.replace(".plugin_count = 1", f".plugin_count = {len(names)}")


def plugin_libraries(count: int) -> Path:
    """Compile that many libraries of one plugin each; their directory."""
    names = [f"native{number}" for number in range(count)]
    directory = places.BUILD / f"native{count}"
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda name: _library(directory / f"{name}.so", [name]), names))
    return directory


def crowded_library(count: int) -> Path:
    """Compile one library of that many plugins; its directory."""
    directory = places.BUILD / f"crowd{count}"
    _library(directory / "crowd.so", [f"crowd{number}" for number in range(count)])
    return directory


def _library(library: Path, names: list[str]) -> None:
    source = places.BUILD / "sources" / f"{library.stem}{len(names)}.c"
    source.parent.mkdir(parents=True, exist_ok=True)
    text = plugin_source(names)
    if not source.exists() or source.read_text() != text:
        source.write_text(text)
    compiled(source, library)
