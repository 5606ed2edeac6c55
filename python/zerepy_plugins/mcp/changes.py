"""Telling MCP clients that the list of tools is another one.

Clients of protocol 2026-07-28 subscribe; older ones are told on their connection, once they have
asked for the list. Knows nothing of what the tools do.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from mcp.server.connection import Connection

    from zerepy_plugins import Event, PluginManager
    from zerepy_plugins.tools import Tool

_SEND_SECONDS = 5  # a client that reads nothing must not keep the others waiting


class ToolChanges:
    """Watches a manager's plugins while a server runs; belongs to that server's event loop.

    Args:
        manager: Whose plugins.
        offered: Returns the tools that are offered now.
    """

    def __init__(self, manager: PluginManager, offered: Callable[[], dict[str, Tool]]) -> None:
        self._manager = manager
        self._offered = offered
        self._known: dict[str, Tool] = {}
        self._connections: set[Connection] = set()
        self._bus = InMemorySubscriptionBus()
        self.listen = ListenHandler(self._bus)
        """Serves the subscriptions."""

    def follow(self, context: Any) -> None:
        """Remember who asked for the list.

        Args:
            context: That of the request.
        """
        if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return
        # The SDK has no public way from a request to its connection, which outlives it.
        connection: Connection = context.session._connection
        if connection not in self._connections:
            self._connections.add(connection)
            connection.exit_stack.callback(self._connections.discard, connection)

    @asynccontextmanager
    async def watching(self, _server: Any) -> AsyncIterator[dict[str, Any]]:
        """Watch as long as the server runs: its lifespan."""
        self._known = self._offered()
        undo = self._manager.events.subscribe("plugin.*", self._look)
        try:
            yield {}
        finally:
            undo()
            self.listen.close()

    async def _look(self, _event: Event) -> None:
        offered = self._offered()
        if offered == self._known:
            return
        self._known = offered
        await self._bus.publish(ToolsListChanged())
        await asyncio.gather(*(self._tell(connection) for connection in self._connections))

    async def _tell(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await connection.send_tool_list_changed()
        except TimeoutError:
            self._connections.discard(connection)
