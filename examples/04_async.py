"""Awaiting plugins: many calls at once, and a cancelled one."""

import asyncio
from typing import Any

from zerepy_plugins import ActionPlugin, PluginManager, PluginRegistry


class Nap(ActionPlugin):
    """Waits a while."""

    name = "nap"
    version = "1.0.0"

    def initialize(self, config: dict[str, Any]) -> None: ...

    def cleanup(self) -> None: ...

    def validate_params(self, params: dict[str, Any]) -> list[str]:
        return [] if "seconds" in params else ["seconds: is required"]

    async def execute(self, params: dict[str, Any]) -> str:
        await asyncio.sleep(params["seconds"])
        return "rested"


async def main() -> None:
    """Run everything on one event loop."""
    registry = PluginRegistry()
    registry.register("action", "nap", Nap)
    async with PluginManager([], registry=registry, entry_points=False) as manager:
        naps = (manager.execute("nap", {"seconds": 0.01}) for _ in range(100))
        print(set(await asyncio.gather(*naps)))
        try:
            await asyncio.wait_for(manager.execute("nap", {"seconds": 60}), timeout=0.01)
        except TimeoutError:
            print("woken")


asyncio.run(main())
