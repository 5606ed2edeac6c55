"""`zpl run`: a ZerePy program as it is, on this package."""

import logging
import runpy
import sys
import types
from pathlib import Path
from typing import Annotated

import typer

from zerepy_plugins import _signals, compat
from zerepy_plugins.cli.reporting import ExitCode


def run_program(
    program: Annotated[
        Path,
        typer.Argument(
            metavar="MAIN.PY", exists=True, dir_okay=False, help="The program.", show_default=False
        ),
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ARGS]...", help="Its arguments.", show_default=False),
    ] = None,
) -> None:
    """Run a ZerePy program, unchanged, with its connections and actions hosted as plugins.

    As `python main.py` does; its exit code is the program's. SIGTERM lets plugins clean up first.
    """
    for part in ("config", "plugin"):
        logging.getLogger(f"zerepy_plugins.{part}").handlers.clear()  # the program logs by itself
    path = program.resolve()
    sys.argv = [str(program), *(arguments or ())]
    sys.path[0] = str(path.parent)
    compat.install()
    _signals.hold_for_program()
    try:
        runpy.run_path(str(path), run_name="__main__")
    except KeyboardInterrupt as error:
        raise typer.Exit(ExitCode.INTERRUPTED) from error
    except Exception as error:
        own = error.with_traceback(_from_program(error, str(path)))
        sys.excepthook(type(own), own, own.__traceback__)
        raise typer.Exit(ExitCode.FAILED) from error


def _from_program(error: Exception, path: str) -> types.TracebackType | None:
    """Return the traceback from the program on: what stands before it is how it is run here."""
    at = error.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename != path:
        at = at.tb_next
    return at
