"""A session with one MCP server, on the background loop.

The SDK wants a session to be opened and closed by the same task, and plugins are started, called
and stopped from any thread and loop. So one task on the background loop owns the session, and all
others hand their work over to that loop. Knows nothing of plugins.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from mcp import Client, MCPError, StdioServerParameters
from mcp_types import CONNECTION_CLOSED

from zerepy_plugins._loop import background_loop
from zerepy_plugins.mcp.freshness import Freshness
from zerepy_plugins.mcp.groups import innermost
from zerepy_plugins.mcp.stderr import LineLog
from zerepy_plugins.mcp.transport import HttpServer, transport

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from mcp_types import CallToolResult, Tool

T = TypeVar("T")

_LAST_WORDS_SECONDS = 1  # for what a server that died wrote to its standard error
_MAX_PAGES = 100  # a server whose list never ends must not hang the start


class Session:
    """Opened once and closed once; its methods may be awaited on any event loop.

    Args:
        target: What to start, or where a server with streamable HTTP is.
        log: Takes each line that a started server writes to its standard error, or that tells of an
            HTTP response that is an error.
        renew: Takes the server's tools when the server says that they changed.
    """

    def __init__(
        self,
        target: StdioServerParameters | HttpServer,
        log: Callable[[str], None],
        renew: Callable[[list[Tool]], None],
    ) -> None:
        self._target = target
        self._log = log
        self._renew = renew
        self._client: Client | None = None
        self._stderr: LineLog | None = None
        self._closing: asyncio.Event | None = None
        self._owner: Future[None] | None = None
        self._pid = os.getpid()

    async def open(self) -> list[Tool]:
        """Connect, and return the server's tools. Cancelling it ends the server again."""
        ready: Future[list[Tool]] = Future()
        self._owner = asyncio.run_coroutine_threadsafe(self._own(ready), background_loop())
        try:
            return await asyncio.wrap_future(ready)
        except asyncio.CancelledError:
            self._owner.cancel()
            raise

    async def _own(self, ready: Future[list[Tool]]) -> None:
        self._closing = asyncio.Event()
        self._stderr = stderr = LineLog(self._log)
        freshness = Freshness()
        try:
            opened = transport(self._target, stderr.file, self._log)
            async with Client(opened, message_handler=freshness.hear) as client:
                stderr.close()
                tools = await _all_tools(client)
                self._client = client
                if ready.set_running_or_notify_cancel():
                    ready.set_result(tools)
                    async with freshness.kept(client, lambda: self._ask_again(client)):
                        await self._closing.wait()
        except BaseException as error:
            stderr.close()
            await asyncio.to_thread(stderr.wait, _LAST_WORDS_SECONDS)
            if not ready.done() and ready.set_running_or_notify_cancel():
                ready.set_exception(innermost(error))
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            self._client = None

    async def _ask_again(self, client: Client) -> None:
        self._renew(await _all_tools(client))

    @property
    def is_forked(self) -> bool:
        """Whether this process was forked from the one that opened it; it cannot be used then."""
        return self._pid != os.getpid()

    async def call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        """Call a tool. Cancelling it tells the server so."""
        return await self._with(lambda client: client.call_tool(tool, arguments))

    async def list_tools(self) -> list[Tool]:
        """Ask the server for its tools again."""
        return await self._with(_all_tools)

    async def _with(self, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        client = self._client
        if client is None:
            raise ConnectionError("the session with the MCP server is closed")
        running = asyncio.run_coroutine_threadsafe(work(client), background_loop())
        try:
            return await asyncio.wrap_future(running)
        except MCPError as error:
            if error.code == CONNECTION_CLOSED and self._stderr is not None:
                await asyncio.to_thread(self._stderr.wait, _LAST_WORDS_SECONDS)
            raise

    async def close(self) -> None:
        """End the session, and the server that was started for it.

        Again, or in a forked process, it does nothing.
        """
        owner, closing = self._owner, self._closing
        if owner is None or owner.done() or self.is_forked:
            return
        if closing is not None:
            background_loop().call_soon_threadsafe(closing.set)
        await asyncio.wrap_future(owner)


async def _all_tools(client: Client) -> list[Tool]:
    tools: list[Tool] = []
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        page = await client.list_tools(cursor=cursor, cache_mode="bypass")
        tools.extend(page.tools)
        cursor = page.next_cursor
        if cursor is None:
            break
    return tools
