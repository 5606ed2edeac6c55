"""`zpl doctor`: is this installation sound, and if not, what to do about it."""

import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from zerepy_plugins._native import ABI_VERSION
from zerepy_plugins.cli.list import failure_record, print_failures
from zerepy_plugins.cli.output import console, print_json
from zerepy_plugins.cli.reporting import ExitCode, reporting
from zerepy_plugins.cli.session import (
    AsJson,
    ConfigFile,
    PluginDirs,
    ShowTraceback,
    broken,
    config_file,
    open_manager,
    searched_dirs,
    zerepy_project,
)

if TYPE_CHECKING:
    from zerepy_plugins import PluginFailure


def doctor(
    plugins: PluginDirs = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    traceback: ShowTraceback = False,
) -> None:
    """Check the installation and every plugin, without starting any. Exit code 3 if some fail."""
    project = zerepy_project()
    flaws: list[PluginFailure] = []
    opened = open_manager(plugins, config, project=project, flaws=flaws)
    with reporting(traceback), opened as manager:
        failures, found = broken(manager, project) + flaws, manager.status()
        named = {failure.plugin for failure in failures}
        report: dict[str, Any] = {
            "versions": _versions(),
            "config": _path_record(config_file(config)),
            "directories": [_path_record(path) for path in searched_dirs(plugins)],
            "usable": [status.name for status in found if status.name not in named],
            "native": [
                {"plugin": status.name, "library": status.origin}
                for status in found
                if status.kind == "native"
            ],
            "failures": [failure_record(failure) for failure in failures],
        }
        if as_json:
            print_json(report)
        else:
            _print_report(report)
            print_failures(failures, traceback)
        if failures:
            raise typer.Exit(ExitCode.BROKEN_PLUGINS)


def _versions() -> dict[str, str]:
    return {
        "zerepy_plugins": metadata.version("zerepy-plugins"),
        "plugin_abi": ".".join(map(str, ABI_VERSION)),
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
    }


def _path_record(path: Path | None) -> dict[str, Any] | None:
    return None if path is None else {"path": str(path), "exists": path.exists()}


def _print_report(report: dict[str, Any]) -> None:
    out = console()
    for what, version in report["versions"].items():
        _line(what, version)
    _line("config", report["config"]["path"] if report["config"] else "none")
    for directory in report["directories"]:
        _line("directory", directory["path"], "" if directory["exists"] else "does not exist")
    for native in report["native"]:
        _line("library", native["library"], f"{native['plugin']}: ABI and descriptor agree")
    _line("usable", ", ".join(report["usable"]) or "none")
    bad, usable = len(report["failures"]), len(report["usable"])
    out.print()
    if bad:
        out.print(f"{bad} broken, {usable} usable", style="red")
    else:
        out.print(f"{usable} usable, none broken", style="green")


def _line(what: str, value: str, remark: str = "") -> None:
    text = f"{what:<15} {value}" + (f"  ({remark})" if remark else "")
    console().print(text, soft_wrap=True)
