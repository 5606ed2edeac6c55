"""The command line's surface: which commands there are. What they do stands in their own files."""

from __future__ import annotations

import logging
import sys

import typer

from zerepy_plugins.cli.build import build
from zerepy_plugins.cli.call import call
from zerepy_plugins.cli.demo import demo
from zerepy_plugins.cli.dev import dev
from zerepy_plugins.cli.doctor import doctor
from zerepy_plugins.cli.info import info
from zerepy_plugins.cli.inspect import inspect
from zerepy_plugins.cli.list import list_plugins
from zerepy_plugins.cli.mcp import app as mcp_app
from zerepy_plugins.cli.new import new
from zerepy_plugins.cli.run import run_program
from zerepy_plugins.cli.top import top
from zerepy_plugins.cli.validate.command import validate

_EXIT_CODES = (
    "Exit codes: 0 done; 1 the operation failed; 2 the command line is wrong; "
    "3 some plugins are broken (list, doctor); 130 interrupted."
)
# What stands behind the program's name is the program's, `--help` too.
_PROGRAM = {"allow_interspersed_args": False}


def run() -> None:
    """Run the application with the process's arguments, and exit."""
    # Most of what the host logs is what the commands report. Warnings about the configuration and
    # by plugins themselves still reach the user.
    logging.getLogger("zerepy_plugins").addHandler(logging.NullHandler())
    for part in ("config", "plugin"):
        logging.getLogger(f"zerepy_plugins.{part}").addHandler(logging.StreamHandler())
    build_app()(prog_name="zpl")


def build_app() -> typer.Typer:
    """Return the application, with plain help texts where standard output is not a terminal."""
    app = typer.Typer(
        name="zpl",
        help="Find, inspect, call and write the plugins of a Python agent.",
        epilog=_EXIT_CODES,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich" if sys.stdout.isatty() else None,
    )
    app.command("list")(list_plugins)
    app.command()(info)
    app.command()(call)
    app.command()(doctor)
    app.command()(demo)
    app.command()(dev)
    app.command()(new)
    app.command()(build)
    app.command()(inspect)
    app.command("run", context_settings=_PROGRAM)(run_program)
    app.command()(top)
    app.command()(validate)
    app.add_typer(mcp_app, name="mcp")
    return app
