"""`zpl inspect`: what a shared library declares, read without running any of its code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from zerepy_plugins._native import inspect_library
from zerepy_plugins.cli.info import print_headed, print_schema
from zerepy_plugins.cli.output import console, print_json
from zerepy_plugins.cli.reporting import reporting
from zerepy_plugins.cli.session import AsJson, ShowTraceback

_PANIC = {"unwind": "ends the call, not the process", "abort": "ends the process"}


def inspect(
    library: Annotated[
        Path, typer.Argument(metavar="LIBRARY", help="A shared library.", show_default=False)
    ],
    as_json: AsJson = False,
    traceback: ShowTraceback = False,
) -> None:
    """Show what a shared library declares, without running it. Exit code 1 if it is refused."""
    with reporting(traceback):
        declared = inspect_library(library)
        if as_json:
            print_json(declared)
        else:
            _print_library(declared)


def _print_library(declared: Mapping[str, Any]) -> None:
    out = console()
    out.print(declared["path"], style="bold", soft_wrap=True)
    major, minor = declared["abi"]
    _fact("built with", declared["sdk"] or "it does not say")
    _fact("plugin ABI", f"{major}.{minor}")
    _fact("values", declared["encoding"])
    _fact("a panic", _PANIC[declared["panic"]])
    _fact("digest", declared["digest"])
    for plugin in declared["plugins"]:
        out.print()
        print_headed(f"{plugin['name']} {plugin['version']}", plugin["description"])
        _fact("type", plugin["type"])
        _fact("requires", ", ".join(plugin["requires"]) or "nothing")
        for action in plugin["actions"]:
            out.print()
            print_headed(f"{plugin['name']} {action['name']}", action["description"])
            _fact("runs", action["exec"])
            print_schema(action.get("params"))
        options = plugin.get("config_schema", {}).get("properties", {}).get("options")
        if options:
            out.print("\noptions", style="bold")
            print_schema(options)


def _fact(what: str, value: str) -> None:
    console().print(f"  {what:<10} {value}", soft_wrap=True)
