"""`zpl list`: which plugins there are, and which could not be used."""

from collections.abc import Sequence
from typing import Any

import typer

from zerepy_plugins import PluginFailure, PluginManager, PluginStatus
from zerepy_plugins.cli.output import console, print_json, short_path, table
from zerepy_plugins.cli.reporting import ExitCode, explain, reporting
from zerepy_plugins.cli.session import (
    AsJson,
    ConfigFile,
    PluginDirs,
    ShowTraceback,
    broken,
    open_manager,
    searched_dirs,
    zerepy_project,
)


def list_plugins(
    plugins: PluginDirs = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    traceback: ShowTraceback = False,
) -> None:
    """List the plugins, without starting any. Exit code 3 if some are broken."""
    project = zerepy_project()
    flaws: list[PluginFailure] = []
    opened = open_manager(plugins, config, project=project, flaws=flaws)
    with reporting(traceback), opened as manager:
        found, failures = manager.status(), broken(manager, project) + flaws
        if as_json:
            print_json(
                {
                    "plugins": [status_record(manager, status) for status in found],
                    "failures": [failure_record(failure) for failure in failures],
                }
            )
        else:
            _print_plugins(manager, found, [str(path) for path in searched_dirs(plugins)])
            print_failures(failures, traceback)
        if failures:
            raise typer.Exit(ExitCode.BROKEN_PLUGINS)


def _print_plugins(
    manager: PluginManager, found: Sequence[PluginStatus], searched: Sequence[str]
) -> None:
    if not found:
        console().print(f"No plugins in {', '.join(searched)}, nor as entry points.")
        return
    # On a terminal the description stands below the origin, so that neither is cut to ribbons;
    # elsewhere each plugin is one line.
    out = console()
    last = ("origin, description",) if out.is_terminal else ("origin", "description")
    grid = table("name", "category", "version", "kind", "state", *last)
    for status in found:
        record = status_record(manager, status)
        facts = (record[key] for key in ("name", "category", "version", "kind", "state"))
        about = (short_path(record["origin"]), record["description"].partition("\n")[0])
        grid.add_row(*facts, *(("\n".join(about),) if out.is_terminal else about))
    out.print(grid)


def status_record(manager: PluginManager, status: PluginStatus) -> dict[str, Any]:
    """Return what is known of a plugin at a glance."""
    return {
        "name": status.name,
        "category": status.category,
        "version": status.version,
        "kind": status.kind,
        "state": status.state.value,
        "enabled": status.state.value != "disabled",
        "origin": status.origin,
        "description": manager.describe(status.name)["description"],
    }


def failure_record(failure: PluginFailure) -> dict[str, Any]:
    """Return a failure without its traceback."""
    return {
        "plugin": failure.plugin,
        "stage": failure.stage,
        "origin": failure.origin,
        "error": explain(failure.error)[0],
        "hint": failure.hint,
    }


def print_failures(failures: Sequence[PluginFailure], show_traceback: bool) -> None:
    """Show each failure in a few lines: which plugin, at which stage, why, what to do."""
    out = console()
    for failure in failures:
        record = failure_record(failure)
        name = record["plugin"] or record["origin"]
        out.print(f"\nbroken: {name}, at {record['stage']}", style="red")
        out.print(f"  {record['error']}", soft_wrap=True)
        if record["plugin"]:
            out.print(f"  from: {record['origin']}", soft_wrap=True)
        if record["hint"]:
            out.print(f"  hint: {record['hint']}", soft_wrap=True)
        if show_traceback and failure.traceback:
            out.print(failure.traceback, style="dim", soft_wrap=True)
