"""How a command ends: its exit code, and what standard error says about a failure."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING

import typer
from rich.console import Group
from rich.panel import Panel
from rich.text import Text

from zerepy_plugins.cli.output import error_console
from zerepy_plugins.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterator


class ExitCode(IntEnum):
    """What the shell is told. Usage errors (2) are raised by typer itself."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BROKEN_PLUGINS = 3
    INTERRUPTED = 130


@contextmanager
def reporting(show_traceback: bool) -> Iterator[None]:
    """Turn a failure inside into a message on standard error and an exit code."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise typer.Exit(ExitCode.INTERRUPTED) from error
    except (typer.Exit, typer.BadParameter, BrokenPipeError):
        raise  # not failures: typer ends the process as each of them asks
    except Exception as error:
        _report(error, show_traceback)
        raise typer.Exit(ExitCode.FAILED) from error


def _report(error: Exception, show_traceback: bool) -> None:
    """Say what failed, which plugin, why, and what to do; never more than asked for."""
    console = error_console()
    if show_traceback:
        console.print("".join(traceback.format_exception(error)), style="dim", soft_wrap=True)
    lines = explain(error)
    if console.is_terminal:
        body = Group(*(Text(line, style="" if at == 0 else "dim") for at, line in enumerate(lines)))
        console.print(Panel(body, title="failed", title_align="left", border_style="red"))
    else:
        console.print(f"error: {lines[0]}", soft_wrap=True)
        for line in lines[1:]:
            console.print(f"  {line}", soft_wrap=True)


def explain(error: BaseException) -> list[str]:
    """Return the message, then the plugin, the cause and the hint, as far as known."""
    hint = getattr(error, "hint", None)
    message = getattr(error, "message", None) or str(error)
    if not isinstance(error, PluginError | OSError):
        message = f"{type(error).__name__}: {message}"
        hint = hint or "This is unexpected; `--traceback` shows where it comes from."
    lines = [message]
    plugin = getattr(error, "plugin", None)
    if plugin and plugin not in message:
        lines.append(f"plugin: {plugin}")
    cause = error.__cause__
    if cause is not None and str(cause) not in message:
        lines.append(f"cause: {type(cause).__name__}: {cause}")
    if hint:
        lines.append(f"hint: {hint}")
    return lines
