"""A hook before each action, in Python: what it adds to a call, against a hook call of pluggy."""

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


class TheirHook:
    @implementation
    def pre_action(self, action: str, params: Any) -> None: ...


class OurHook:
    def pre_action(self, action: str, params: Any) -> None: ...


def measure() -> Iterator[rows.Row]:
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


def ours(manager: Any) -> Runner:
    statement = "perform('plain', 'echo', params)"
    return call(statement, perform=manager.perform_action, params=SMALL)


def theirs(count: int) -> Runner:
    plugins = pluggy.PluginManager("bench")
    plugins.add_hookspecs(Specification)
    for _ in range(count):
        plugins.register(TheirHook())
    return call("hook(action='echo', params=params)", hook=plugins.hook.pre_action, params=SMALL)
