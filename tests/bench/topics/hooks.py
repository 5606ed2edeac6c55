"""Hooks in Python: what they add to a call and to a start, against hook calls of pluggy.

Around a start one hook cannot be told from noise, so there are a thousand of them.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pluggy
import rows
import subjects
from harness import added, alternate, call
from payloads import SMALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Runner

specification = pluggy.HookspecMarker("bench")
implementation = pluggy.HookimplMarker("bench")


class Specification:
    @specification
    def pre_action(self, action: str, params: Any) -> None: ...

    @specification
    def pre_initialize(self, plugin: Any) -> None: ...


class TheirHook:
    @implementation
    def pre_action(self, action: str, params: Any) -> None: ...


class OurHook:
    def pre_action(self, action: str, params: Any) -> None: ...


class TheirStartHook:
    @implementation
    def pre_initialize(self, plugin: Any) -> None: ...


class OurStartHook:
    def pre_initialize(self, plugin: Any) -> None: ...


MANY = 1000


def measure() -> Iterator[rows.Row]:
    yield from around_calls()
    yield around_starts()


def around_calls() -> Iterator[rows.Row]:
    for count in (1, 10):
        with ExitStack() as stack:
            bare, hooked = (
                stack.enter_context(
                    subjects.python_plugins(subjects.python_plugin("plain"), hooks=hooks)
                )
                for hooks in ((), [OurHook() for _ in range(count)])
            )
            samples = alternate(
                {"bare": ours(bare), "hooked": ours(hooked), "theirs": theirs(count)}
            )
        hook = {"ours": added(samples["hooked"], samples["bare"]), "theirs": samples["theirs"]}
        title = f"action hook, {count} Python implementation{'s' * (count > 1)}, added to a call"
        yield rows.faster(title, "pluggy, a call of the hook", hook, 4.5)


def around_starts() -> rows.Row:
    with ExitStack() as stack:
        bare, hooked = (
            stack.enter_context(
                subjects.python_plugins(subjects.python_plugin("plain"), hooks=hooks)
            )
            for hooks in ((), [OurStartHook() for _ in range(MANY)])
        )
        samples = alternate(
            {"bare": started(bare), "hooked": started(hooked), "theirs": their_start()},
            number=100,
        )
    hook = {"ours": added(samples["hooked"], samples["bare"]), "theirs": samples["theirs"]}
    title = f"lifecycle hook, {MANY:,} Python implementations, added to a start"
    return rows.faster(title, "pluggy, a call of the hook", hook, 4.5)


def started(manager: Any) -> Runner:
    start, stop = manager.start_plugins, manager.stop_plugins
    return quickest(call("start('plain'); stop('plain')", start=start, stop=stop))


def their_start() -> Runner:
    hook = their_hooks(TheirStartHook, MANY).pre_initialize
    return quickest(call("hook(plugin=plugin)", hook=hook, plugin=object()))


def quickest(run: Runner) -> Runner:
    """Take the quickest repetition for all: if threads have to wait, a start takes milliseconds."""
    return lambda number: number * min(run(1) for _ in range(number))


def ours(manager: Any) -> Runner:
    statement = "perform('plain', 'echo', params)"
    return call(statement, perform=manager.perform_action, params=SMALL)


def theirs(count: int) -> Runner:
    hook = their_hooks(TheirHook, count).pre_action
    return call("hook(action='echo', params=params)", hook=hook, params=SMALL)


def their_hooks(of: type, count: int) -> Any:
    plugins = pluggy.PluginManager("bench")
    plugins.add_hookspecs(Specification)
    for _ in range(count):
        plugins.register(of())
    return plugins.hook
