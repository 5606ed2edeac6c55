"""`zpl info`: everything known about one plugin, its secrets left out."""

import json
from collections.abc import Mapping
from inspect import cleandoc
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.padding import Padding

from zerepy_plugins.cli.list import print_failures
from zerepy_plugins.cli.output import console, print_json, short_path, table
from zerepy_plugins.cli.params import type_names
from zerepy_plugins.cli.reporting import reporting
from zerepy_plugins.cli.session import (
    AsJson,
    ConfigFile,
    PluginDirs,
    ShowTraceback,
    broken,
    describe,
    open_manager,
    zerepy_project,
)

if TYPE_CHECKING:
    from zerepy_plugins import PluginManager
    from zerepy_plugins.compat.project import Project

_FACTS = ("category", "version", "kind", "origin", "requires", "state")


def info(
    name: Annotated[str, typer.Argument(help="The plugin's name.", show_default=False)],
    plugins: PluginDirs = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    traceback: ShowTraceback = False,
) -> None:
    """Describe a plugin: its actions and their parameters, what it requires, its configuration."""
    project = zerepy_project()
    with reporting(traceback), open_manager(plugins, config, project=project) as manager:
        described = describe(manager, name)
        if project:
            described |= _facts(manager, project, name)
        if as_json:
            print_json(described)
        else:
            _print_description(described)
            print_failures([f for f in broken(manager, project) if f.plugin == name], traceback)


def _print_description(described: Mapping[str, Any]) -> None:
    out = console()
    print_headed(described["name"], described["description"])
    out.print()
    for fact in _FACTS:
        value = described[fact]
        text = value if isinstance(value, str) else ", ".join(value) or "nothing"
        out.print(f"  {fact:<9} {text}", soft_wrap=True)
    for place, offer in enumerate(described.get("offers", ()), 1):
        heading = "offered by" if place == 1 else ""
        note = " (serves it)" if place == 1 else ""
        out.print(f"  {heading:<10} {place}. {short_path(offer)}{note}", soft_wrap=True)
    for action, details in described["actions"].items():
        out.print()
        print_headed(action, details["description"])
        out.print(f"  {'runs':<9} {details['exec']}")
        print_schema(details.get("params"))
    _print_configuration(described["config_schema"], described["config"])


def _facts(manager: "PluginManager", project: "Project", name: str) -> dict[str, Any]:
    from zerepy_plugins.compat.hosting import facts

    return facts(manager, project, name)


def print_headed(heading: str, description: str) -> None:
    """Show a heading, and below it what it is about."""
    out = console()
    out.print(heading, style="bold")
    if description:
        out.print(indent(cleandoc(description), "  "), soft_wrap=True)


def print_schema(schema: Mapping[str, Any] | None) -> None:
    """Show the parameters that a JSON Schema describes, one a line."""
    if not schema or not schema.get("properties"):
        return
    required = schema.get("required", ())
    grid = table("parameter", "type", "required", "default", "description")
    for key, part in schema["properties"].items():
        grid.add_row(
            key,
            _shown_type(schema, key),
            "yes" if key in required else "",
            json.dumps(part["default"], ensure_ascii=False) if "default" in part else "",
            part.get("description", ""),
        )
    console().print(Padding(grid, (0, 0, 0, 2), expand=False))


def _shown_type(schema: Mapping[str, Any], key: str) -> str:
    """Return the types that a parameter may have, or the values if they are listed."""
    listed = schema["properties"][key].get("enum")
    names = type_names(schema, key) if listed is None else map(json.dumps, listed)
    return " or ".join(names) or "any"


def _print_configuration(
    schema: Mapping[str, Any] | None, config: Mapping[str, Any] | None
) -> None:
    out = console()
    options = (schema or {}).get("properties", {}).get("options")
    if options:
        out.print("\noptions", style="bold")
        print_schema(options)
    if config is None:
        return  # it is broken, and `zpl list` says why
    out.print("\nconfiguration", style="bold")
    out.print(indent(json.dumps(config, indent=2, ensure_ascii=False), "  "), soft_wrap=True)
