"""`zpl dev`: run the plugins, and reload what is edited."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zerepy_plugins.cli.list import print_failures
from zerepy_plugins.cli.output import console
from zerepy_plugins.cli.reporting import explain, reporting
from zerepy_plugins.cli.session import (
    ConfigFile,
    PluginDirs,
    ShowTraceback,
    config_file,
    open_manager,
    searched_dirs,
)
from zerepy_plugins.cli.watching import Watcher
from zerepy_plugins.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable

    from zerepy_plugins import PluginManager


def dev(
    plugins: PluginDirs = None,
    config: ConfigFile = None,
    interval: Annotated[
        float, typer.Option(help="Seconds between two looks at the files.", min=0.05)
    ] = 0.3,
    traceback: ShowTraceback = False,
) -> None:
    """Run the plugins and reload each when its files change; end with Ctrl-C.

    What is edited takes over only if it can be imported, checked and initialized; until then the
    old one runs on. A changed configuration file is applied, too.
    """
    file = config_file(config)
    with reporting(traceback), open_manager(plugins, config) as manager:
        watcher = Watcher([*searched_dirs(plugins), *([file] if file else [])])
        session = _Session(manager, file, traceback)
        session.start()
        try:
            while True:
                time.sleep(interval)
                session.apply(watcher.settled_changes())
        except KeyboardInterrupt:
            console().print("stopping")


@dataclass
class _Session:
    manager: PluginManager
    file: Path | None
    traceback: bool

    def start(self) -> None:
        self.manager.start_plugins()
        print_failures(self.manager.failures, self.traceback)
        running = ", ".join(self.manager) or "nothing"
        console().print(f"running: {running}; waiting for edits, Ctrl-C ends", soft_wrap=True)

    def apply(self, changed: set[Path]) -> None:
        """Reload what the changed files belong to, and take in what is new."""
        if not changed:
            return
        if self.file and self.file.absolute() in changed:
            changed.discard(self.file.absolute())
            self._try("configuration", self._reload_config)
        known = {status.name: Path(status.origin) for status in self.manager.status()}
        touched = {
            name: origin
            for name, origin in known.items()
            if any(path == origin or origin in path.parents for path in changed)
        }
        for name in touched:
            self._try(name, partial(self._reload, name))
        origins = set(touched.values())
        if any(not origins & {path, *path.parents} for path in changed):
            self._take_in()

    def _reload(self, name: str) -> str:
        began = time.perf_counter()
        self.manager.reload(name)
        version = self.manager.describe(name)["version"]
        return f"reloaded, {version}, in {(time.perf_counter() - began) * 1000:.0f} ms"

    def _reload_config(self) -> str:
        changed = self.manager.reload_config()
        paths = (f"{name}: {', '.join(paths)}" for name, paths in changed.items())
        return "applied " + ("; ".join(paths) or "without a difference")

    def _take_in(self) -> None:
        known = [failure.error for failure in self.manager.failures]
        for name in self.manager.load_plugins():
            self._try(name, partial(self._start, name))
        fresh = [failure for failure in self.manager.failures if failure.error not in known]
        print_failures(fresh, self.traceback)

    def _start(self, name: str) -> str:
        return f"started {', '.join(self.manager.start_plugins(name))}"

    def _try(self, what: str, work: Callable[[], str]) -> None:
        out = console()
        try:
            out.print(f"{what}: {work()}", style="green", soft_wrap=True)
        except PluginError as error:
            message, *more = explain(error)
            out.print(f"{what}: {message}", style="red", soft_wrap=True)
            for line in more:
                out.print(f"  {line}", soft_wrap=True)
