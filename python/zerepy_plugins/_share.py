"""This process's numbers for ``zpl top``: one JSON document for each connection to a Unix socket.

The socket ``<pid>.sock`` stands in a directory that only its user may enter; nothing is read from
whoever connects.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import socket
import stat
import sys
import threading
import time
import weakref
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from zerepy_plugins._native import PluginManager

_MAX_PATH = 107  # bytes, of a socket's address on Linux
_MAX_ERROR = 200  # characters that are sent of a plugin's last error
_SEND_TIMEOUT = 1.0  # seconds; then a slow reader is dropped

_lock = threading.Lock()
_server: _Server | None = None


def runtime_dir() -> Path:
    """Say where the sockets stand: in the user's runtime directory, else in the home."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "zerepy" if runtime else Path.home() / ".zerepy" / "run"


def share(manager: PluginManager) -> Callable[[], None]:
    """Show a manager's numbers to whoever connects; return what ends that.

    Raises:
        OSError: The socket cannot be made.
    """
    global _server
    with _lock:
        if _server is None:
            _server = _Server(runtime_dir())
        _server.managers.append(weakref.ref(manager))
    reference = weakref.ref(manager)
    return lambda: _unshare(reference)


def _unshare(manager: weakref.ref[PluginManager]) -> None:
    global _server
    ended = None
    with _lock:
        if _server is not None and manager in _server.managers:
            _server.managers.remove(manager)
            if not _server.managers:
                ended, _server = _server, None
    if ended is not None:
        ended.close()


def _at_exit() -> None:
    global _server
    with _lock:
        ended, _server = _server, None
    if ended is not None:
        ended.close()


def _after_fork() -> None:
    """Forget the parent's socket: the thread that serves it is not here."""
    global _server, _lock
    if _server is not None:
        _server.listener.close()
    _server, _lock = None, threading.Lock()


atexit.register(_at_exit)  # before the interpreter ends the thread in the middle of something
os.register_at_fork(after_in_child=_after_fork)


class _Server:
    """The socket and the thread that serves it."""

    def __init__(self, directory: Path) -> None:
        self.managers: list[weakref.ref[PluginManager]] = []
        self._path = _private(directory) / f"{os.getpid()}.sock"
        if len(os.fsencode(self._path)) > _MAX_PATH:
            raise OSError(
                f"{self._path} is too long for a socket; set XDG_RUNTIME_DIR to a shorter path"
            )
        self._path.unlink(missing_ok=True)  # of an earlier process with this number
        self.listener = socket.socket(socket.AF_UNIX)
        try:
            self.listener.bind(str(self._path))
            self.listener.listen()
        except OSError:
            self.listener.close()
            raise
        self._thread = threading.Thread(target=self._serve, name="zerepy-stats", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take the socket away, and wait for the thread to end."""
        self._path.unlink(missing_ok=True)
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        if threading.current_thread() is not self._thread:
            self._thread.join(2 * _SEND_TIMEOUT)
        self.listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return  # shut down
            try:
                with connection:
                    connection.settimeout(_SEND_TIMEOUT)
                    connection.sendall(json.dumps(self._snapshot()).encode())
            except OSError:
                continue  # the reader went away
            except Exception:
                logging.getLogger("zerepy_plugins.monitor").exception("no statistics for zpl top")

    def _snapshot(self) -> dict[str, Any]:
        with _lock:
            managers = [reference() for reference in self.managers]
        return {
            "pid": os.getpid(),
            "program": Path(sys.argv[0] or "python").name,
            "time": time.monotonic(),
            "plugins": [row for it in managers if it is not None for row in _rows(it)],
        }


def _private(directory: Path) -> Path:
    """Make a directory that only this user may enter, or see that it is one."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(f"{directory} is not a directory of this user: remove it")
    if stat.S_IMODE(found.st_mode) != 0o700:
        directory.chmod(0o700)
    return directory


def _rows(manager: PluginManager) -> list[dict[str, Any]]:
    rows = []
    for status in manager.status():
        stats = asdict(manager.monitor.stats(status.name))
        if stats["last_error"]:
            stats["last_error"] = stats["last_error"][:_MAX_ERROR]
        facts = {
            "name": status.name,
            "category": status.category,
            "kind": status.kind,
            "version": status.version,
            "state": status.state.value,
            "healthy": status.healthy,
        }
        rows.append(facts | stats)
    return rows
