"""Serving MCP from a process of its own: standard input and output, or streamable HTTP.

Everything happens on one event loop: plugins start, are called and stop there, and a signal ends it
all in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import signal
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import uvicorn
from mcp.server.stdio import stdio_server

from zerepy_plugins import PluginManager
from zerepy_plugins.errors import PluginError
from zerepy_plugins.mcp.groups import innermost
from zerepy_plugins.mcp.server import build_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

_MAX_LINE_BYTES = 64 * 1024 * 1024
_GRACE_SECONDS = 3  # for HTTP responses that are still open at the end


@dataclass(frozen=True)
class Offer:
    """What is served."""

    directories: Sequence[Path]
    config: Path | None
    include: Sequence[str] | None
    exclude: Sequence[str] | None


def run(offer: Offer, address: tuple[str, int] | None) -> int:
    """Serve until the client, a signal or an error ends it; all plugins are stopped then.

    Args:
        offer: What to serve.
        address: Host and port for HTTP; `None`: standard input and output.

    Returns:
        0, or 128 and the number of the signal.
    """
    try:
        return asyncio.run(_until_signal(offer, address))
    except BaseExceptionGroup as group:
        raise innermost(group) from None


async def _until_signal(offer: Offer, address: tuple[str, int] | None) -> int:
    loop = asyncio.get_running_loop()
    received: list[int] = []
    serving = asyncio.ensure_future(_http(offer, address) if address else _stdio(offer))

    def end(number: int) -> None:
        received.append(number)
        serving.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    return 128 + received[0] if received else 0


@contextlib.asynccontextmanager
async def _running(manager: PluginManager) -> AsyncIterator[None]:
    try:
        await manager.load_plugins_async()
        await manager.start_plugins_async()
        for failure in manager.failures:
            sys.stderr.write(f"not served: {failure.plugin or failure.origin}: {failure.error}\n")
        yield
    finally:
        await _to_the_end(manager)


async def _to_the_end(manager: PluginManager) -> None:
    """Stop the plugins, however often this task is cancelled meanwhile."""
    stopping = asyncio.ensure_future(manager.stop_plugins_async())
    while not stopping.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(stopping)
    await stopping


async def _stdio(offer: Offer) -> None:
    manager = PluginManager(offer.directories, offer.config)
    # Plugins are loaded within: what they print at import must not reach the protocol.
    async with (
        _lines_of_stdin() as lines,
        stdio_server(stdin=lines) as (read, write),
        _running(manager),
    ):
        server = build_server(manager, offer.include, offer.exclude)
        await server.run(read, write, server.create_initialization_options())


@contextlib.asynccontextmanager
async def _lines_of_stdin() -> AsyncIterator[Any]:
    """Give the lines of standard input; what is started meanwhile finds it empty.

    Read by the event loop, not by a thread: a thread that waits for a line cannot be interrupted,
    and Ctrl-C would have to wait for it.
    """
    private = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    reader = asyncio.StreamReader(limit=_MAX_LINE_BYTES)
    file = os.fdopen(private, "rb")
    if not _can_be_waited_for(file):
        with file:
            reader.feed_data(file.read())
        reader.feed_eof()
        yield reader
        return
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), file
    )
    try:
        yield reader
    finally:
        transport.close()


def _can_be_waited_for(file: BinaryIO) -> bool:
    """Say whether an event loop can; files and the null device, which cannot, never block."""
    with selectors.DefaultSelector() as selector:
        try:
            selector.register(file, selectors.EVENT_READ)
        except PermissionError:
            return False
        return True


async def _http(offer: Offer, address: tuple[str, int]) -> None:
    host, _ = address
    manager = PluginManager(offer.directories, offer.config)
    listening = _listen(address)
    async with _running(manager):
        mcp_server = build_server(manager, offer.include, offer.exclude)
        app = mcp_server.streamable_http_app(host=host)
        config = uvicorn.Config(
            app, log_level="warning", timeout_graceful_shutdown=_GRACE_SECONDS, lifespan="on"
        )
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server._serve([listening]))
        shown = f"[{host}]" if ":" in host else host
        sys.stderr.write(f"listening on http://{shown}:{listening.getsockname()[1]}/mcp\n")
        sys.stderr.flush()
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            server.should_exit = True
            await serving
            raise


def _listen(address: tuple[str, int]) -> socket.socket:
    try:
        family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server(address, family=family)
    except OSError as error:
        host, port = address
        raise PluginError(
            f"cannot listen on port {port} of {host!r}: {error.strerror}",
            code="cannot_listen",
            hint="Choose another with --host and --port; port 0 takes a free one",
        ) from error
