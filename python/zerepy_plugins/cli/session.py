"""What the commands share: where plugins are looked for, and a manager that is always stopped."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zerepy_plugins import PluginFailure, PluginHooks, PluginManager
from zerepy_plugins.errors import PluginNotFoundError

if TYPE_CHECKING:
    from zerepy_plugins.compat.project import Project

CONFIG_FILE = "zerepy-plugins.toml"

PluginDirs = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugins",
        metavar="DIR",
        exists=True,
        file_okay=False,
        show_default=False,
        help="Look for plugins here; repeatable. Default: ./plugins and ~/.zerepy/plugins.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        show_default=False,
        help=f"Configuration, JSON or TOML. Default: {CONFIG_FILE}, where there is one.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Write JSON, and nothing else, to standard output.")
]
ShowTraceback = Annotated[
    bool, typer.Option("--traceback", help="Show the Python traceback of a failure.")
]


def searched_dirs(given: list[Path] | None) -> list[Path]:
    """Return the directories to look in, whether or not they exist."""
    return given or [Path("plugins"), Path.home() / ".zerepy" / "plugins"]


def config_file(given: Path | None) -> Path | None:
    """Return the configuration file to read, or `None` where there is none."""
    default = Path(CONFIG_FILE)
    return given or (default if default.is_file() else None)


@contextmanager
def open_manager(
    plugins: list[Path] | None,
    config: Path | Mapping[str, Any] | None,
    hooks: Sequence[PluginHooks] = (),
    project: "Project | None" = None,
    flaws: list[PluginFailure] | None = None,
) -> Iterator[PluginManager]:
    """Give a manager that knows the plugins but has started none; stop what was started.

    With a ZerePy `project` it also knows its connections; what is wrong with the agents' files is
    added to `flaws`.

    Raises `PluginConfigError` for a configuration that cannot be used. Broken plugins are in the
    manager's `failures`.
    """
    source = config if isinstance(config, Mapping) else config_file(config)
    directories = [directory for directory in searched_dirs(plugins) if directory.is_dir()]
    manager = PluginManager(plugin_dirs=directories, config=source, hooks=hooks)
    try:
        if project:
            found = _take_in(manager, project)
            if flaws is not None:
                flaws += found
        else:
            manager.load_plugins()
        yield manager
    finally:
        manager.stop_plugins()


def broken(manager: PluginManager, project: "Project | None" = None) -> list[PluginFailure]:
    """Return what is broken, and what would be once it is started: unmet dependencies."""
    failures = manager.failures + manager.check_dependencies()
    if project:
        from zerepy_plugins.compat.hosting import unusable

        failures += unusable(manager)
    return failures


def zerepy_project() -> "Project | None":
    """Return the ZerePy project in the working directory, if there is one."""
    if not Path("src").is_dir():
        return None
    from zerepy_plugins.compat.project import find_project

    return find_project()


def _take_in(manager: PluginManager, project: "Project") -> list[PluginFailure]:
    """Add a project's own connections to the plugins; what they print is not a command's output."""
    from zerepy_plugins import compat
    from zerepy_plugins.compat.hosting import load_before, take_in_all

    compat.install()
    project.importable()
    load_before(manager, project)
    with redirect_stdout(sys.stderr):
        return take_in_all(manager, project)


def describe(manager: PluginManager, name: str) -> dict[str, Any]:
    """Return what is known of a plugin; what its actions do not declare, their type hints say.

    Raises what broke the plugin if it is there but broken, else `PluginNotFoundError` with the
    nearest names.
    """
    from zerepy_plugins.tools.declared import actions_of

    try:
        described: dict[str, Any] = manager.describe(name)
        plugin_cls = manager.registry.get_plugin(described["category"], name)
        return described | {"actions": actions_of(described, plugin_cls)}
    except PluginNotFoundError:
        for failure in manager.failures:
            if failure.plugin == name:
                raise failure.error from None
        raise
