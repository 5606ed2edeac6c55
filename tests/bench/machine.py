"""Where and with what was measured: without that, a number says nothing."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

PEERS = ("blinker", "extism", "orjson", "pluggy", "stevedore", "Yapsy")
CRATES = ("pyo3", "pyo3-async-runtimes", "pythonize", "tokio")


def facts() -> dict[str, str]:
    """Name the machine, the versions and the profile."""
    return {
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "system": " ".join([platform.system(), platform.machine(), *platform.libc_ver()]),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "zerepy-plugins": f"{version('zerepy-plugins')}, {commit()}",
        "Rust": output("rustc", "--version").removeprefix("rustc "),
        "profile": profile(),
        "peers": ", ".join(f"{name} {version(name)}" for name in PEERS),
        "crates of the peers": ", ".join(f"{name} {crate(name)}" for name in CRATES),
    }


def load() -> str:
    """Tell the load average of the last minute: well below the cores on a quiet machine."""
    return f"{os.getloadavg()[0]:.1f}"


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def profile() -> str:
    prefix = "CARGO_PROFILE_RELEASE_"
    changed = sorted(name for name in os.environ if name.startswith(prefix))
    if not changed:
        return "release, as in Cargo.toml"
    settings = (f"{name.removeprefix(prefix).lower()}={os.environ[name]}" for name in changed)
    return f"release, changed by the environment: {', '.join(settings)}"


def commit() -> str:
    name = output("git", "rev-parse", "--short", "HEAD")
    changed = output("git", "status", "--porcelain", "--untracked-files=no", "--", "src", "python")
    return f"commit {name}{' with changes' if changed else ''}" if name else "no commit"


def crate(name: str) -> str:
    lines = Path(__file__).with_name("peers").joinpath("Cargo.lock").read_text().splitlines()
    place = lines.index(f'name = "{name}"')
    return lines[place + 1].split('"')[1]


def output(*command: str) -> str:
    done = subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
