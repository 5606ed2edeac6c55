"""SIGTERM, while a manager's block is active: it ends the block, and everything is stopped.

It is left alone where somebody else handles it, and outside the main thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from zerepy_plugins._loop import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from zerepy_plugins._native import PluginManager

EXIT_CODE = 128 + signal.SIGTERM

_held: WeakKeyDictionary[PluginManager, Callable[[], object]] = WeakKeyDictionary()


class Terminated(SystemExit):
    """SIGTERM arrived; as the end of the program, exit code 143."""

    def __init__(self) -> None:
        super().__init__(EXIT_CODE)


def _terminate(_signal: int, _frame: object) -> None:
    raise Terminated


def _is_free() -> bool:
    """Say whether SIGTERM is for us to handle."""
    on_main_thread = threading.current_thread() is threading.main_thread()
    return on_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def _restore() -> None:
    if signal.getsignal(signal.SIGTERM) is _terminate:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def hold_for_program() -> None:
    """Handle SIGTERM as long as the process lives, if it is free: it ends as by ``sys.exit``."""
    if _is_free():
        signal.signal(signal.SIGTERM, _terminate)


def hold(manager: PluginManager) -> None:
    """Handle SIGTERM from now on, if it is free."""
    if _is_free():
        signal.signal(signal.SIGTERM, _terminate)
        _held[manager] = _restore


def release(manager: PluginManager) -> None:
    """Give SIGTERM back, if this manager has it."""
    if threading.current_thread() is threading.main_thread():
        _held.pop(manager, bool)()


class Block:
    """An ``async with`` block: SIGTERM cancels its task."""

    def __init__(self) -> None:
        self.terminated = False
        self._task = asyncio.current_task()
        self._loop: asyncio.AbstractEventLoop | None = None

    def hold(self) -> None:
        """Handle SIGTERM from now on, if it is free and the loop can."""
        if _is_free():
            loop = asyncio.get_running_loop()
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(signal.SIGTERM, self._terminate)
                self._loop = loop

    def _terminate(self) -> None:
        self.terminated = True
        if self._task is not None:
            self._task.cancel()

    def release(self) -> None:
        """Give SIGTERM back; raise if it came."""
        if self._loop is not None:
            self._loop.remove_signal_handler(signal.SIGTERM)
        if self.terminated:
            raise Terminated


_blocks: WeakKeyDictionary[PluginManager, Block] = WeakKeyDictionary()


async def enter(manager: PluginManager, handle_signals: bool) -> PluginManager:
    """Begin an ``async with`` block; if that is cancelled, what has started is stopped."""
    block = _blocks[manager] = Block()
    if handle_signals:
        block.hold()
    starting = asyncio.ensure_future(in_thread(manager.__enter__))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait({starting})  # it cannot be stopped halfway
        if not starting.exception():
            await in_thread(manager.stop_plugins)
        block.release()
        raise
    except BaseException:
        block.release()
        raise


async def leave(manager: PluginManager, *exception: Any) -> bool:
    """End an ``async with`` block."""
    try:
        return await in_thread(manager.__exit__, *exception)
    finally:
        _blocks.pop(manager).release()
