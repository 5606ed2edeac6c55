"""`zpl mcp serve`: the actions of all plugins for any MCP client, until it or the user ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zerepy_plugins.cli.reporting import ExitCode, reporting
from zerepy_plugins.cli.session import ConfigFile, PluginDirs, ShowTraceback, searched_dirs
from zerepy_plugins.cli.session import config_file as chosen

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(help="Serve plugins over the Model Context Protocol.", no_args_is_help=True)


@app.callback()
def mcp() -> None:
    """Serve plugins over the Model Context Protocol."""


@app.command()
def serve(
    http: Annotated[
        bool, typer.Option("--http", help="Serve streamable HTTP instead of standard input/output.")
    ] = False,
    host: Annotated[
        str, typer.Option(help="Where to listen. Whoever reaches it can call every tool.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8808,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            show_default=False,
            help="Only these plugins, or plugin.action with *; repeatable.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", show_default=False, help="All but these; repeatable."),
    ] = None,
    plugins: PluginDirs = None,
    config: ConfigFile = None,
    traceback: ShowTraceback = False,
) -> None:
    """Offer the actions of all plugins to an MCP client.

    Standard output belongs to the protocol; logs go to standard error. It ends at the end of
    standard input, or with Ctrl-C, and stops the plugins.
    """
    with reporting(traceback):
        from zerepy_plugins.mcp import sdk

        sdk.require()
        from zerepy_plugins.mcp import serving

        directories: list[Path] = [path for path in searched_dirs(plugins) if path.is_dir()]
        what = serving.Offer(directories, chosen(config), include, exclude)
        code = serving.run(what, (host, port) if http else None)
    raise typer.Exit(code or ExitCode.OK)
