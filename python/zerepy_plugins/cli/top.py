"""`zpl top`: what the plugins of running processes are doing, as it happens."""

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from zerepy_plugins.cli.output import console, print_json
from zerepy_plugins.cli.reporting import reporting
from zerepy_plugins.cli.session import AsJson, ShowTraceback
from zerepy_plugins.cli.top_source import snapshots
from zerepy_plugins.cli.top_table import Rates, top_table
from zerepy_plugins.errors import PluginNotFoundError

Pid = Annotated[
    int | None,
    typer.Argument(metavar="[PID]", show_default=False, help="Show that process alone."),
]
Once = Annotated[bool, typer.Option("--once", help="Show the numbers once.")]
Interval = Annotated[
    float, typer.Option("--interval", min=0.1, metavar="SECONDS", help="Time between readings.")
]


def top(
    pid: Pid = None,
    once: Once = False,
    interval: Interval = 1.0,
    as_json: AsJson = False,
    traceback: ShowTraceback = False,
) -> None:
    """Watch the plugins of processes whose manager called `share_stats()`; `q` leaves."""
    with reporting(traceback):
        if as_json:
            print_json({"processes": _read(pid)})
        elif once or not sys.stdout.isatty():
            console().print(_view(_read(pid), Rates()))
        else:
            _watch(pid, interval)


def _read(pid: int | None) -> list[dict[str, Any]]:
    found = snapshots(pid)
    if pid is not None and not found:
        raise PluginNotFoundError(
            f"process {pid} shares no statistics",
            hint="Call share_stats() of its manager; `zpl top` without PID shows who does",
        )
    return found


def _watch(pid: int | None, interval: float) -> None:
    rates = Rates()
    try:
        with (
            _keyboard() as pressed,
            Live(console=console(), screen=True, auto_refresh=False) as live,
        ):
            while True:
                live.update(_view(snapshots(pid), rates), refresh=True)
                if b"q" in pressed(interval):
                    return
    except KeyboardInterrupt:
        return  # the usual way to leave


@contextmanager
def _keyboard() -> Iterator[Callable[[float], bytes]]:
    """Give a function that waits so many seconds for keys, and returns those that were pressed."""
    if not sys.stdin.isatty():
        yield _sleep
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield _wait_for_keys
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _sleep(seconds: float) -> bytes:
    time.sleep(seconds)
    return b""


def _wait_for_keys(seconds: float) -> bytes:
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return os.read(sys.stdin.fileno(), 64) if ready else b""  # past Python's own buffer


def _view(found: list[dict[str, Any]], rates: Rates) -> RenderableType:
    if not found:
        return Text("No process shares its statistics: call share_stats() of its manager.")
    errors = [f"process {it['pid']} {it['error']}" for it in found if "error" in it]
    return Group(top_table(rates.add(found)), *(Text(error, style="red") for error in errors))
