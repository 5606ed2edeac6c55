"""`zpl build`: from a plugin's sources to a plugin in a plugin directory."""

import shlex
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from zerepy_plugins import ConnectionPlugin, PluginBase, discover_plugins
from zerepy_plugins.cli.cargo import build_crate
from zerepy_plugins.cli.compiler import compile_library
from zerepy_plugins.cli.output import console, short_path
from zerepy_plugins.cli.reporting import reporting
from zerepy_plugins.cli.session import ShowTraceback
from zerepy_plugins.errors import PluginError

MANIFEST = "plugin.toml"
DEFAULT_PLUGINS = Path("plugins")

_NOT_THE_PLUGIN = shutil.ignore_patterns("tests", "plugins", "README*", "__pycache__", ".*")


def build(
    project: Annotated[
        Path,
        typer.Argument(
            metavar="[PROJECT_DIR]",
            exists=True,
            file_okay=False,
            show_default=False,
            help="The plugin's project. Default: the working directory.",
        ),
    ] = Path(),
    into: Annotated[
        Path,
        typer.Option(
            "--into", metavar="DIR", file_okay=False, help="The plugin directory to put it into."
        ),
    ] = DEFAULT_PLUGINS,
    debug: Annotated[
        bool, typer.Option("--debug", help="Build Rust and C faster, for slower plugins.")
    ] = False,
    traceback: ShowTraceback = False,
) -> None:
    """Build a plugin project, put it into a plugin directory, and say how to call it.

    It is loaded before it takes the place of an older build, which stays if anything is wrong.
    """
    with reporting(traceback):
        project = project.resolve()
        name = _name_of(project)
        target = into / name
        _check_target(target)
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into, prefix=".build-") as folder:
            draft = Path(folder) / name
            _fill(draft, project, debug=debug)
            found = discover_plugins(draft)
            _replace(target, draft, Path(folder) / "old")
        _print_built(target, found)


def _name_of(project: Path) -> str:
    """Return what the project's manifest calls it."""
    path = project / MANIFEST
    try:
        manifest = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PluginError(
            f"{project} is no plugin project: it has no {MANIFEST}",
            hint="Name the project's directory, or make a project with `zpl new`",
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise PluginError(f"{path} is not TOML: {error}") from error
    # A manifest of several plugins is a table by name: the project's directory names them all.
    name = str(manifest.get("name", project.name))
    if Path(name).name != name:
        raise PluginError(
            f'{path} says name = "{name}", which cannot be a directory\'s name',
            hint='Use letters, digits, "_", "-" and "."',
        )
    return name


def _check_target(target: Path) -> None:
    """Raise `PluginError` if something that is no plugin would be replaced."""
    if target.exists() and not (target / MANIFEST).is_file():
        raise PluginError(
            f"{target} is in the way: it has no {MANIFEST}, so it was not built from a project",
            hint="Move it away, or choose another directory with --into",
        )


def _fill(draft: Path, project: Path, *, debug: bool) -> None:
    """Write into `draft` what belongs into a plugin directory."""
    if (project / "Cargo.toml").is_file():
        library = build_crate(project, debug=debug)
        draft.mkdir()
        shutil.copy(library, draft / library.name)
        shutil.copy(project / MANIFEST, draft / MANIFEST)
    elif sources := sorted(project.glob("*.c")):
        draft.mkdir()
        compile_library(sources, draft / f"lib{draft.name}.so", debug=debug)
        shutil.copy(project / MANIFEST, draft / MANIFEST)
    elif (project / "plugin.py").is_file() or (project / "__init__.py").is_file():
        shutil.copytree(project, draft, ignore=_NOT_THE_PLUGIN)
    else:
        raise PluginError(
            f"{project} holds nothing to build",
            hint="A plugin project has a Cargo.toml, a .c file, or a plugin.py",
        )


def _replace(target: Path, draft: Path, old: Path) -> None:
    """Put `draft`, which is complete, in the place of `target`, which goes to `old`."""
    if target.exists():
        target.rename(old)
    try:
        draft.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise


def _print_built(target: Path, found: Mapping[str, type[PluginBase]]) -> None:
    out = console()
    out.print(f"\nBuilt {short_path(str(target))}", style="green", soft_wrap=True)
    place = (
        "" if target.parent == DEFAULT_PLUGINS else f" --plugins {shlex.quote(str(target.parent))}"
    )
    for name, plugin in found.items():
        category = "connection" if issubclass(plugin, ConnectionPlugin) else "action"
        out.print(f"  the {category} {name} {plugin.version}")
        for call in _calls(name, plugin):
            out.print(f"    zpl call {call}{place}", soft_wrap=True)


def _calls(name: str, plugin: type[PluginBase]) -> list[str]:
    """Return the command lines, after `zpl call`, that call each action."""
    actions: Mapping[str, Any] = getattr(plugin, "actions", None) or {}
    if not issubclass(plugin, ConnectionPlugin):
        described = actions.get("execute", {})
        schema = described.get("params") or getattr(plugin, "params_schema", None)
        return [f"{name}{_params(schema)}"]
    return [
        f"{name} {action}{_params(details.get('params') if isinstance(details, dict) else None)}"
        for action, details in actions.items()
    ]


def _params(schema: Any) -> str:
    """Return what gives the required parameters, each with its type for a value."""
    if not isinstance(schema, dict):
        return ""  # none, or a pydantic model
    known = schema.get("properties", {})
    return "".join(
        f" --param {key}={str(known.get(key, {}).get('type', 'value')).upper()}"
        for key in schema.get("required", ())
    )
