"""Checks of beginning and end: again and again, with wrong configurations, without a trace."""

from __future__ import annotations

import gc
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerepy_plugins import PluginContext, PluginFactory, PluginManager
from zerepy_plugins.cli.validate.outcome import CheckFailed, CheckSkipped
from zerepy_plugins.cli.validate.samples import fits, misfits
from zerepy_plugins.errors import PluginConfigError, PluginError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zerepy_plugins.cli.validate.subject import Subject

_WARM_UP_ROUNDS = 20
_ROUNDS = 100
_FEWEST_ROUNDS = 10
_MOST_GROWTH_BYTES = 8 * 1024 * 1024


def lifecycle(subject: Subject) -> list[str]:
    """It can be initialized and cleaned up, and both once more."""
    with subject.loaded() as manager:
        for round_number in (1, 2):
            subject.start(manager)
            if not manager.monitor.check_health(subject.name, force=True):
                raise CheckFailed(f"it is not healthy after initialization {round_number}")
            _stop(subject, manager)
    return []


def _stop(subject: Subject, manager: PluginManager) -> None:
    subject.note("stopping it")
    manager.stop_plugins(subject.name)


@dataclass(frozen=True)
class _Usage:
    memory_bytes: int
    files: int
    threads: int

    @classmethod
    def now(cls) -> _Usage:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        files, threads = (len(os.listdir(f"/proc/self/{part}")) for part in ("fd", "task"))
        return cls(pages * os.sysconf("SC_PAGESIZE"), files, threads)


def leaks(subject: Subject) -> list[str]:
    """A hundred lives leave no memory, files or threads behind."""
    with subject.loaded() as manager:
        end = time.monotonic() + subject.seconds / 2
        _live(subject, manager, _WARM_UP_ROUNDS, end)
        before = _Usage.now()
        rounds = _live(subject, manager, _ROUNDS, end)
        after = _Usage.now()
    if rounds < _FEWEST_ROUNDS:
        raise CheckSkipped(f"it takes so long that only {rounds} rounds were possible (--timeout)")
    grown = after.memory_bytes - before.memory_bytes
    if grown > _MOST_GROWTH_BYTES:
        raise CheckFailed(
            f"memory grew by {grown // 1024} KiB in {rounds} rounds of initialize and cleanup",
            "Free in cleanup (or destroy) what initialize reserves",
        )
    for what, count in (
        ("open files", after.files - before.files),
        ("threads", after.threads - before.threads),
    ):
        if count >= rounds // 2:
            raise CheckFailed(
                f"there are {count} more {what} after {rounds} rounds of initialize and cleanup",
                "Close and end in cleanup what initialize opens and starts",
            )
    return [] if rounds == _ROUNDS else [f"only {rounds} rounds were possible in the time"]


def _live(subject: Subject, manager: PluginManager, rounds: int, end: float) -> int:
    for done in range(rounds):
        if time.monotonic() > end:
            return done
        subject.start(manager)
        _stop(subject, manager)
    return rounds


def configuration(subject: Subject) -> list[str]:
    """Its defaults fit its schema, and options of wrong types are refused."""
    _check_defaults(subject.described)
    tried = 0
    for key, what, value in _wrong_options(subject.described):
        tried += 1
        subject.note(f"configuring it with {what}")
        try:
            _start_with(subject, {"options": {key: value}})
        except PluginConfigError:
            continue
        except PluginError as error:
            raise CheckFailed(
                f"{what} among the options gives {type(error).__name__}: {error.message}",
                "Raise PluginConfigError for a wrong configuration",
            ) from error
        raise CheckFailed(f"it starts with {what} among the options")
    if tried == 0:
        raise CheckSkipped("it declares no types of options (config_schema)")
    return []


def _start_with(subject: Subject, config: dict[str, Any]) -> None:
    with subject.loaded({subject.name: {"config": config}}) as manager:
        manager.start_plugins(subject.name)


def _options(described: Mapping[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Give each declared option: name, what is said of it, and a schema of it alone."""
    schema = described["config_schema"] or {}
    options = schema.get("properties", {}).get("options", {})
    shared = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    for key, part in options.get("properties", {}).items():
        yield key, part, {"type": "object", "properties": {key: part}, **shared}


def _check_defaults(described: Mapping[str, Any]) -> None:
    for key, part, alone in _options(described):
        if isinstance(part, dict) and "default" in part and not fits(alone, {key: part["default"]}):
            raise CheckFailed(
                f"the default of the option {key!r} does not fit its own schema",
                "Mend the default, or what the schema allows",
            )


def _wrong_options(described: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for key, _, alone in _options(described):
        for what, value in misfits(alone):
            if isinstance(value, dict) and key in value:
                yield key, what, value[key]


def recovery(subject: Subject) -> list[str]:
    """An instance whose `initialize` failed can be cleaned up, and initialized well."""
    with subject.started() as manager:
        config = manager[subject.name].context.config
        bad: list[Any] = [{"options": []}, {"options": None}, {}, [], None, "text"]
        for wrong in bad:
            plugin = _create(subject, manager)
            subject.note(f"initializing an instance with {wrong!r}")
            if _fails(plugin.initialize, wrong):
                _fails(plugin.cleanup)
            else:
                plugin.cleanup()
            subject.note(f"initializing it well after {wrong!r}")
            plugin.initialize(config)
            plugin.cleanup()
    return []


def _create(subject: Subject, manager: PluginManager) -> Any:
    category = subject.described["category"]
    document = {"name": subject.name}
    plugin: Any = PluginFactory.create(category, document, registry=manager.registry)
    context = manager[subject.name].context
    plugin.context = PluginContext(subject.name, context.config, manager.events, context._find)
    return plugin


def _fails(function: Any, *arguments: Any) -> bool:
    try:
        function(*arguments)
    except Exception:  # noqa: BLE001 - whichever: that it ends by one is what is asked
        return True
    return False
