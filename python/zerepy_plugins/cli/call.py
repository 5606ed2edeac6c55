"""`zpl call`: one call of one plugin, started for it and stopped afterwards."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from contextlib import aclosing
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any

import typer

from zerepy_plugins import PluginManager
from zerepy_plugins._native import CallStream
from zerepy_plugins.cli.output import print_json, print_json_line, print_value
from zerepy_plugins.cli.params import parse_params
from zerepy_plugins.cli.reporting import reporting
from zerepy_plugins.cli.session import (
    ConfigFile,
    PluginDirs,
    ShowTraceback,
    describe,
    open_manager,
    zerepy_project,
)
from zerepy_plugins.errors import PluginNotFoundError


class Output(StrEnum):
    """How the result is written."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


def call(
    name: Annotated[str, typer.Argument(help="The plugin's name.", show_default=False)],
    action: Annotated[
        str | None,
        typer.Argument(
            help="A connection's action; none for an action plugin.", show_default=False
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="KEY=VALUE",
            show_default=False,
            help="A parameter; repeatable. Read as the action's schema says; where it says nothing,"
            " as JSON if it is JSON, else as a string.",
        ),
    ] = None,
    document: Annotated[
        str | None,
        typer.Option(
            "--json",
            metavar="OBJECT",
            show_default=False,
            help="All parameters as one JSON object; '-' reads it from standard input.",
        ),
    ] = None,
    output: Annotated[
        Output,
        typer.Option("--output", help="How to write the result; auto: JSON unless on a terminal."),
    ] = Output.AUTO,
    plugins: PluginDirs = None,
    config: ConfigFile = None,
    traceback: ShowTraceback = False,
) -> None:
    """Call a plugin once and print the result; of a stream, each item as it comes, one a line.

    Only the plugin called and what it requires are started.
    """
    as_json = output is Output.JSON or (output is Output.AUTO and not sys.stdout.isatty())
    project = zerepy_project()
    with reporting(traceback), open_manager(plugins, config, project=project) as manager:
        if project:
            project.agent_config()  # an error here: without it, the plugin lacks its settings
        described = describe(manager, name)
        declared = _declared_action(described, action)
        params = parse_params(param or (), document, declared.get("params"))
        manager.start_plugins(name)
        if declared.get("exec") == "stream":
            items = _items(manager, name, action, params)
            asyncio.run(_print_items(items, print_json_line if as_json else print_value))
            return
        result = _perform(manager, name, action, params)
    if as_json:
        print_json(result)
    else:
        print_value(result)


def _declared_action(described: Mapping[str, Any], action: str | None) -> Mapping[str, Any]:
    """Return what the plugin says of the action; empty if it says nothing.

    Raises `typer.BadParameter` if an action is named where there is nothing to choose, or none
    where there is, and `PluginNotFoundError` for an unknown one.
    """
    name, actions = described["name"], described["actions"]
    if described["category"] == "action":
        if action is not None:
            raise typer.BadParameter(f'"{name}" is an action plugin: it has no actions to choose')
        return next(iter(actions.values()), {})
    if action is None:
        raise typer.BadParameter(f'"{name}" is a connection: name one of {", ".join(actions)}')
    if not actions:
        return {}  # a connection need not declare its actions
    if action not in actions:
        nearest = get_close_matches(action, actions, n=1)
        raise PluginNotFoundError(
            f'plugin "{name}" has no action "{action}"',
            plugin=name,
            hint=f'Did you mean "{nearest[0]}"?' if nearest else f"Known: {', '.join(actions)}",
        )
    declared: Mapping[str, Any] = actions[action]
    return declared


def _perform(manager: PluginManager, name: str, action: str | None, params: dict[str, Any]) -> Any:
    if action is None:
        return manager.execute_sync(name, params)
    return manager.perform_action(name, action, params)


def _items(
    manager: PluginManager, name: str, action: str | None, params: dict[str, Any]
) -> CallStream:
    if action is None:
        return manager.execute_stream(name, params)
    return manager.perform_action_stream(name, action, params)


async def _print_items(items: CallStream, print_item: Callable[[Any], None]) -> None:
    async with aclosing(items):
        async for item in items:
            print_item(item)
