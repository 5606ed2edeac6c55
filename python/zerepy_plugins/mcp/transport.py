"""What leads to an MCP server: a process of its own, or streamable HTTP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from typing import TextIO

    from mcp import StdioServerParameters

# A server may hold a stream open for long before it says something.
_TIMEOUT = httpx2.Timeout(30, read=300)


@dataclass(frozen=True, repr=False)
class HttpServer:
    """A server with streamable HTTP."""

    url: str
    headers: Mapping[str, str]
    """What goes with each request; tokens stand there."""


def transport(
    target: StdioServerParameters | HttpServer, stderr: TextIO, log: Callable[[str], None]
) -> Any:
    """Return the SDK's transport to a server.

    Args:
        target: The server.
        stderr: Where a process writes its standard error.
        log: Takes a line for each response over HTTP that is an error: the SDK keeps them back.
    """
    if isinstance(target, HttpServer):
        return _http(target, log)
    return stdio_client(target, stderr)


@asynccontextmanager
async def _http(server: HttpServer, log: Callable[[str], None]) -> AsyncIterator[Any]:
    async def note(response: httpx2.Response) -> None:
        if response.is_error:
            log(f"{response.request.method}: {response.status_code} {response.reason_phrase}")

    hooks = {"response": [note]}
    headers = dict(server.headers)
    async with (
        httpx2.AsyncClient(headers=headers, timeout=_TIMEOUT, event_hooks=hooks) as client,
        streamable_http_client(server.url, http_client=client) as streams,
    ):
        yield streams
