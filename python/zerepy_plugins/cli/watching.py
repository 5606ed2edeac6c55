"""Watching files by looking at them: it works on every file system, and needs nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_Look: TypeAlias = dict[Path, tuple[int, int, int]]


class Watcher:
    """Sees which files change between two looks.

    Args:
        roots: Files, and directories with all that is below them; what is missing may come later.
            Hidden files, ``__pycache__`` and Rust's ``target`` are passed over.
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self._roots = [root.absolute() for root in roots]
        self._known = self._last = self._look()

    def settled_changes(self) -> set[Path]:
        """Return the files that came, went or changed, once two looks in a row see the same."""
        now, before = self._look(), self._last
        self._last = now
        if now != before or now == self._known:
            return set()
        known, self._known = self._known, now
        return {path for path in known.keys() | now.keys() if known.get(path) != now.get(path)}

    def _look(self) -> _Look:
        return {
            Path(entry): facts for root in self._roots for entry, facts in _files(os.fspath(root))
        }


def _files(path: str) -> Iterator[tuple[str, tuple[int, int, int]]]:
    try:
        if os.path.isdir(path):
            names = os.listdir(path)
        else:
            facts = os.stat(path)
            yield path, (facts.st_mtime_ns, facts.st_size, facts.st_ino)
            return
    except OSError:
        return  # it is not there, or went just now
    for name in names:
        if not name.startswith(".") and name not in ("__pycache__", "target"):
            yield from _files(os.path.join(path, name))
