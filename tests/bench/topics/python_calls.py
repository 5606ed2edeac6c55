"""A Python plugin through the manager against its own method, called directly."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import rows
import subjects
from harness import alternate, call, on_loop
from payloads import SMALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zerepy_plugins import PluginManager


async def awaited(self: Any, action: str, params: Any) -> Any:
    return params


def measure() -> Iterator[rows.Row]:
    plain = subjects.python_plugin("plain")
    later = subjects.python_plugin("later", perform_action=awaited)
    with subjects.python_plugins(plain, later) as manager:
        yield sync_call(manager)
        yield awaited_call(manager)


def sync_call(manager: PluginManager) -> rows.Row:
    plugin = manager["plain"]
    samples = alternate(
        {
            "ours": call(
                "perform('plain', 'echo', params)", perform=manager.perform_action, params=SMALL
            ),
            "theirs": call("perform('echo', params)", perform=plugin.perform_action, params=SMALL),
        }
    )
    return rows.overhead("Python plugin, call", "its method, called directly", samples, 250e-9)


def awaited_call(manager: PluginManager) -> rows.Row:
    through, direct = manager.perform_action_async, manager["later"].perform_action

    async def ours(number: int) -> None:
        for _ in range(number):
            await through("later", "echo", SMALL)

    async def theirs(number: int) -> None:
        for _ in range(number):
            await direct("echo", SMALL)

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        samples = alternate({"ours": on_loop(loop, ours), "theirs": on_loop(loop, theirs)})
    title = "Python plugin, awaited call of an async method"
    return rows.overhead(title, "its method, awaited directly", samples, 1e-6)
