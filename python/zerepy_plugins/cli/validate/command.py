"""`zpl validate`: which plugins there are at a path, and every check of each of them."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from zerepy_plugins.cli.reporting import reporting
from zerepy_plugins.cli.session import AsJson, ConfigFile, ShowTraceback, config_file
from zerepy_plugins.cli.validate.outcome import Outcome, Verdict
from zerepy_plugins.cli.validate.report import Report
from zerepy_plugins.cli.validate.runner import Runner
from zerepy_plugins.cli.validate.subject import ALL
from zerepy_plugins.errors import PluginError


def validate(
    path: Annotated[
        Path,
        typer.Argument(
            exists=True,
            show_default=False,
            help="A shared library, a Python plugin (a file or a package), or a directory of"
            " plugins.",
        ),
    ],
    allowed: Annotated[
        list[str] | None,
        typer.Option(
            "--call",
            metavar="ACTION|all",
            show_default=False,
            help="An action that may really be called, as ACTION or PLUGIN.ACTION; repeatable."
            " An action plugin's is called execute.",
        ),
    ] = None,
    params: Annotated[
        Path | None,
        typer.Option(
            "--params",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            show_default=False,
            help="Parameters to call actions with: a JSON object by ACTION or PLUGIN.ACTION."
            " Default: made from their schemas.",
        ),
    ] = None,
    config: ConfigFile = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, help="Seconds that each check may take.")
    ] = 30,
    as_json: AsJson = False,
    traceback: ShowTraceback = False,
) -> None:
    """Check that plugins do what a host may expect of them. Exit code 1 if any does not.

    Each check runs in a process of its own. Without --call, actions are called only with
    parameters that their schemas refuse, so nothing should happen.
    """
    with reporting(traceback), _plugin_directory(path) as (directory, scratch):
        given = _read_params(params)
        source = config_file(config)
        runner = Runner(
            directory, scratch, source and source.resolve(), allowed or [], given, timeout
        )
        report = Report(path, directory, as_json=as_json)
        _run(runner, report, allowed or ())
        report.end()


@contextmanager
def _plugin_directory(path: Path) -> Iterator[tuple[Path, Path]]:
    """Give a plugin directory that holds `path` and nothing else, and a directory for scratch."""
    path = path.resolve()
    with tempfile.TemporaryDirectory(prefix="zpl-validate-") as folder:
        scratch = Path(folder)
        if path.is_dir() and not (path / "__init__.py").is_file():
            yield path, scratch
            return
        stage = scratch / "plugins"
        stage.mkdir()
        (stage / path.name).symlink_to(path)
        yield stage, scratch


def _read_params(path: Path | None) -> Mapping[str, Any]:
    try:
        params = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f"{path} is not JSON: {error}", param_hint="--params") from error
    if not isinstance(params, dict):
        raise typer.BadParameter(f"{path} must hold an object by action", param_hint="--params")
    return params


def _run(runner: Runner, report: Report, allowed: Sequence[str]) -> None:
    with report.running(report.path.name, "load"):
        found, failed = runner.find()
    if failed is not None:
        report.add(report.path.name, "load", failed)
    for broken in found["broken"]:
        report.add(broken["plugin"], "load", Outcome.parse(broken["outcome"]))
    actions: Mapping[str, list[str]] = found["actions"]
    if not report.rows and not actions:
        raise PluginError(
            f"there is no plugin in {report.path}",
            hint="Name a .so, a .py, a package, or a directory that holds such",
        )
    if actions:
        _check_allowed(allowed, actions)
    for plugin in actions:
        report.add(plugin, "load", Outcome(Verdict.OK))
        for check in found["checks"]:
            with report.running(plugin, check):
                outcome = runner.check(check, plugin)
            report.add(plugin, check, outcome)


def _check_allowed(allowed: Sequence[str], actions: Mapping[str, list[str]]) -> None:
    """Raise `typer.BadParameter` for an action that no plugin has."""
    known = {name for names in actions.values() for name in names}
    known |= {f"{plugin}.{name}" for plugin, names in actions.items() for name in names}
    if unknown := set(allowed) - known - {ALL}:
        raise typer.BadParameter(
            f"there is no action {sorted(unknown)[0]!r}; known: {', '.join(sorted(known))}",
            param_hint="--call",
        )
