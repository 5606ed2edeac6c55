"""Compiling a C project with the system's compiler."""

import shutil
import subprocess
from pathlib import Path

from rich.text import Text

from zerepy_plugins import get_include
from zerepy_plugins.cli.output import error_console
from zerepy_plugins.errors import PluginError


def compile_library(sources: list[Path], library: Path, *, debug: bool) -> None:
    """Make the shared library `library` of these C files.

    Raises `PluginError` if there is no compiler, or it refuses them; what it says is on standard
    error.
    """
    if shutil.which("cc") is None:
        raise PluginError(
            "building a C plugin needs a C compiler, and there is no cc on PATH",
            hint="Install gcc or clang; on Debian and Ubuntu: apt-get install gcc libc6-dev",
        )
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-fPIC", "-shared", f"-I{get_include()}"]
    command += ["-g", "-O0"] if debug else ["-O2"]
    command += ["-o", str(library), *map(str, sources)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if said := result.stderr.strip():
        error_console().print(Text.from_ansi(said), soft_wrap=True)
    if result.returncode != 0:
        raise PluginError(f"cc could not build {library.name}", hint="What it says stands above")
