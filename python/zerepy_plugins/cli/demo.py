"""`zpl demo`: search in Python's own documentation, with Rust and Python plugins side by side."""

from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from zerepy_plugins import PluginManager
from zerepy_plugins.cli import demo_report as report
from zerepy_plugins.cli import demo_work as work
from zerepy_plugins.cli.list import print_failures
from zerepy_plugins.cli.output import print_json
from zerepy_plugins.cli.reporting import reporting
from zerepy_plugins.cli.session import AsJson, ShowTraceback, open_manager
from zerepy_plugins.errors import PluginNotFoundError

_PLUGIN_DIR = Path("build/plugins")
_STORE = Path("build/demo-index.jsonl")
_NEEDED = ("search", "similar", "stdlib_docs", "search_py", "similar_py")


def demo(
    plugins: Annotated[
        list[Path] | None,
        typer.Option(
            "--plugins",
            metavar="DIR",
            exists=True,
            file_okay=False,
            show_default=False,
            help=f"Look for plugins here; repeatable. Default: {_PLUGIN_DIR}.",
        ),
    ] = None,
    as_json: AsJson = False,
    traceback: ShowTraceback = False,
) -> None:
    """Search in Python's documentation with Rust and Python plugins, and measure both.

    The index is left in build/demo-index.jsonl, so that `zpl call search query` can ask it again.
    """
    if plugins is None and not _PLUGIN_DIR.is_dir():
        raise typer.BadParameter(
            f"{_PLUGIN_DIR} does not exist: run `make plugins`, or name a directory",
            param_hint="--plugins",
        )
    config = {"search": {"config": {"options": {"store": str(_STORE)}}}}
    journal = work.Journal()
    record: dict[str, Any] = {}
    with reporting(traceback):
        _STORE.unlink(missing_ok=True)  # so that both indexes begin empty
        with open_manager(plugins or [_PLUGIN_DIR], config, hooks=[journal]) as manager:
            _check_plugins(manager, traceback)
            _run(manager, journal, record, quiet=as_json)
        record["stopped"] = journal.stopped
        if as_json:
            print_json(record)
        else:
            report.show_stopped(journal.stopped, _STORE)


def _check_plugins(manager: PluginManager, show_traceback: bool) -> None:
    """Raise `PluginNotFoundError` if one that the demo needs is missing."""
    missing = [name for name in _NEEDED if name not in _names(manager)]
    if missing:
        print_failures(manager.failures, show_traceback)
        raise PluginNotFoundError(
            f'the demo needs the plugin "{missing[0]}"',
            plugin=missing[0],
            hint="Run `make plugins` to build and gather its plugins.",
        )


def _names(manager: PluginManager) -> list[str]:
    return [status.name for status in manager.status()]


def _run(
    manager: PluginManager, journal: work.Journal, record: dict[str, Any], *, quiet: bool
) -> None:
    """Do the whole work, showing each part as soon as it is done."""

    def keep(key: str, value: Any, show: Callable[[Any], None]) -> None:
        record[key] = value
        if not quiet:
            show(value)

    manager.start_plugins()
    keep("plugins", _started(manager, journal), report.show_started)

    begin = perf_counter()
    documents = work.read_documents(manager)
    facts = {
        "count": len(documents),
        "characters": sum(len(document["text"]) for document in documents),
        "seconds": perf_counter() - begin,
    }
    keep("documents", facts, report.show_documents)

    with report.progress(hidden=quiet) as bar:
        task = bar.add_task("indexing", total=len(documents))
        indexing = work.index(manager, documents, lambda count: bar.advance(task, count))
    answers, querying = work.ask(manager)
    keep("answers", answers, report.show_answers)
    posts, comparing = work.compare(manager, documents)
    keep("posts", posts, report.show_posts)
    keep("measured", [indexing, querying, comparing], report.show_duels)
    keep("usage", work.usage(manager, list(journal.started)), report.show_usage)


def _started(manager: PluginManager, journal: work.Journal) -> Iterable[dict[str, Any]]:
    known = {status.name: status for status in manager.status()}
    return [
        {
            "name": name,
            "category": known[name].category,
            "version": known[name].version,
            "kind": known[name].kind,
            "initialize_seconds": seconds,
        }
        for name, seconds in journal.started.items()
    ]
