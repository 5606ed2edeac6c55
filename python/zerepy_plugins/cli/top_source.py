"""Where `zpl top` gets its numbers: the sockets of the processes that share them."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

from zerepy_plugins._share import runtime_dir

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT = 2.0  # seconds that a process is given to answer


def snapshots(pid: int | None) -> list[dict[str, Any]]:
    """Return what each process shares, or that one; the sockets of dead ones are removed.

    One that does not answer in time has an `error` and no plugins.
    """
    directory = runtime_dir()
    paths = directory.glob("*.sock" if pid is None else f"{pid}.sock")
    sockets = sorted((int(path.stem), path) for path in paths if path.stem.isdecimal())
    found = (_ask(path) for _, path in sockets)
    return [snapshot for snapshot in found if snapshot is not None]


def _ask(path: Path) -> dict[str, Any] | None:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(str(path))
            snapshot: dict[str, Any] = json.loads(_read_all(connection))
    except (ConnectionRefusedError, FileNotFoundError):
        path.unlink(missing_ok=True)  # nobody listens: its process was killed
        return None
    except (OSError, ValueError) as error:  # it is ending, stopped, or too busy
        return {"pid": int(path.stem), "error": f"does not answer: {error}", "plugins": []}
    return snapshot


def _read_all(connection: socket.socket) -> bytes:
    chunks = []
    while chunk := connection.recv(1 << 16):
        chunks.append(chunk)
    return b"".join(chunks)
