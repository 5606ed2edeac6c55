"""Checks of calls, one at a time: wrong ones, and those that the user allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zerepy_plugins._native import PluginMonitor, schema_problems
from zerepy_plugins.cli.validate.outcome import CheckFailed, CheckSkipped
from zerepy_plugins.cli.validate.samples import deep_list, huge_text
from zerepy_plugins.cli.validate.subject import UNKNOWN_ACTION, Subject
from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginConfigError,
    PluginError,
    PluginNotFoundError,
    PluginPanicError,
    PluginStateError,
)

if TYPE_CHECKING:
    from zerepy_plugins import PluginManager

_EXPECTED = (InvalidParamsError, PluginNotFoundError)


def garbage(subject: Subject) -> list[str]:
    """Wrong parameters and unknown actions are errors, and it still works afterwards."""
    unclear: dict[str, str] = {}
    tried = 0
    with subject.started() as manager:
        for action, what, params in subject.refused_calls():
            tried += 1
            subject.note(f"calling {action!r} with {what}")
            error = subject.outcome(manager, action, params)
            if error is None:
                raise CheckFailed(
                    f"{action!r} takes {what}, which its schema refuses"
                    if action != UNKNOWN_ACTION
                    else "it performs an action that it does not have",
                    "Check the parameters, and raise InvalidParamsError",
                )
            if isinstance(params, dict) and not isinstance(error, _EXPECTED):
                cause = type(error.__cause__ or error).__name__
                unclear.setdefault(
                    action,
                    f"{action!r} answers {what} with {cause}; {_better(action)} would say more",
                )
        _strain(subject, manager)
        still_works(subject, manager)
    if tried == 0:
        raise CheckSkipped("its schemas refuse nothing, and it has no actions to mistake")
    return list(unclear.values())


def _better(action: str) -> str:
    return (PluginNotFoundError if action == UNKNOWN_ACTION else InvalidParamsError).__name__


def _strain(subject: Subject, manager: PluginManager) -> None:
    """Call what may be called with values that fit, but no one means."""
    try:
        calls = subject.calls()
    except CheckSkipped:
        return
    for action, params in calls.items():
        for key in params if isinstance(params, dict) else ():
            for what, value in (("8 MiB of text", huge_text()), ("deep lists", deep_list())):
                subject.note(f"calling {action!r} with {what} for {key!r}")
                subject.outcome(manager, action, params | {key: value})


def still_works(subject: Subject, manager: PluginManager) -> None:
    """Raise `CheckFailed` unless the plugin is well, answers, and can be started again."""
    subject.note("asking it how it is, after the wrong calls")
    # Outside the manager's monitor: there the wrong calls themselves may speak against it.
    if not PluginMonitor().check_health(manager[subject.name]):
        raise CheckFailed("it is not healthy any more after wrong calls")
    if subject.described["category"] == "connection":
        error = subject.outcome(manager, UNKNOWN_ACTION, {})
        if isinstance(error, PluginStateError):
            raise CheckFailed(f"it takes no more calls after wrong ones: {error.message}")
    manager.stop_plugins(subject.name)
    subject.start(manager)


def isolation(subject: Subject) -> list[str]:
    """What goes wrong in one instance does not show in another."""
    with subject.started() as manager, subject.started() as other:
        for action, what, params in subject.refused_calls():
            subject.note(f"calling {action!r} with {what}")
            _ignoring_panics(subject, manager, action, params)
        try:
            calls = subject.calls()
        except CheckSkipped:
            calls = {}
        for action, params in calls.items():
            subject.note(f"calling {action!r}")
            _ignoring_panics(subject, manager, action, params)
        still_works(subject, other)
    return []


def _ignoring_panics(subject: Subject, manager: PluginManager, action: str, params: Any) -> None:
    try:
        subject.outcome(manager, action, params)
    except CheckFailed as failed:
        if not isinstance(failed.__cause__, PluginPanicError):
            raise


def results(subject: Subject) -> list[str]:
    """Each action returns what its schema says, or fails with a plugin's error."""
    failed = []
    calls = subject.calls()
    with subject.started() as manager:
        for action, params in calls.items():
            subject.note(f"calling {action!r} with {params!r}")
            try:
                result = subject.call(manager, action, params)
            except PluginError as error:
                failed.append(f"{action!r} failed, maybe rightly: {error.message}")
            else:
                _check_result(action, result, subject.actions[action].get("result"))
    return failed


def _check_result(action: str, result: Any, schema: Any) -> None:
    if schema is None:
        return
    try:
        problems = schema_problems(schema, result, "result")
    except PluginConfigError as error:
        problems = [error.message]
    if problems:
        raise CheckFailed(
            f"the result of {action!r} does not fit its schema: {'; '.join(problems)}",
            "Mend the result, or the schema",
        )
