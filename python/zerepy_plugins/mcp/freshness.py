"""Hearing from an MCP server that its tools changed, in every version of the protocol.

Older servers send a notification to whoever is connected; since 2026-07-28 clients subscribe.
Knows nothing of plugins.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from mcp import MCPError
from mcp.client.subscriptions import SubscriptionLost
from mcp_types import ToolListChangedNotification
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from mcp import Client

_logger = logging.getLogger("zerepy_plugins.mcp")
_RESUBSCRIBE_SECONDS = 1


class Freshness:
    """Belongs to one session and its event loop."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    async def hear(self, message: Any) -> None:
        """Take a message of the server: the session's message handler."""
        if isinstance(message, ToolListChangedNotification):
            self._changed.set()

    @contextlib.asynccontextmanager
    async def kept(
        self, client: Client, renew: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[None]:
        """Call ``renew`` after each change, within the block; what it raises is logged."""
        tools = client.server_capabilities.tools
        working = [asyncio.ensure_future(self._renew_always(renew))]
        if client.protocol_version in MODERN_PROTOCOL_VERSIONS and tools and tools.list_changed:
            working.append(asyncio.ensure_future(self._subscribe(client)))
        try:
            yield
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)

    async def _renew_always(self, renew: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await renew()
            except Exception:
                _logger.warning("the new list of tools cannot be read", exc_info=True)

    async def _subscribe(self, client: Client) -> None:
        is_again = False
        while True:
            with contextlib.suppress(MCPError, SubscriptionLost, TimeoutError):
                async with client.listen(tools_list_changed=True) as changes:
                    if is_again:  # what changed meanwhile, nobody tells
                        self._changed.set()
                    async for _ in changes:
                        self._changed.set()
            is_again = True
            await asyncio.sleep(_RESUBSCRIBE_SECONDS)
