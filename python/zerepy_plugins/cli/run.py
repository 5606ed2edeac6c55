"""`zpl run`: a ZerePy program as it is, on this package."""

import logging
import runpy
import sys
from pathlib import Path
from typing import Annotated

import typer

from zerepy_plugins import compat
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

    As `python main.py` does; its exit code is the program's.
    """
    for part in ("config", "plugin"):
        logging.getLogger(f"zerepy_plugins.{part}").handlers.clear()  # the program logs by itself
    sys.argv = [str(program), *(arguments or ())]
    sys.path[0] = str(program.resolve().parent)
    compat.install()
    try:
        runpy.run_path(str(program), run_name="__main__")
    except KeyboardInterrupt as error:
        raise typer.Exit(ExitCode.INTERRUPTED) from error
