"""The entry points of installed packages, without `importlib.metadata` where that is the same.

Importing that module alone takes longer than reading what is asked for here. It is asked wherever
packages may be installed in another way than as folders on `sys.path`.
"""

from __future__ import annotations

import os
import re
import sys
from functools import reduce
from importlib import import_module
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_METADATA_SUFFIXES = (".dist-info", ".egg-info")
_FILE = "entry_points.txt"
_VALUE = re.compile(r"([\w.]+)\s*(?::\s*([\w.]+)\s*)?(?:\[.*\]\s*)?")


class EntryPoint(NamedTuple):
    """A name, and the module and attribute that it stands for."""

    name: str
    value: str

    def load(self) -> Any:
        """Import the module and return what the entry point names."""
        match = _VALUE.fullmatch(self.value)
        if match is None:
            raise ValueError(f"{self.value!r} is no module:attribute")
        module, attributes = match.groups()
        path = attributes.split(".") if attributes else []
        return reduce(getattr, path, import_module(module))


def entry_points(group: str) -> Iterable[Any]:
    """Return the entry points of that group, in the order of `sys.path`; of one name, each."""
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_distributions")]
    others = [path for path in sys.path if path.endswith(".egg") or os.path.isfile(path)]
    if finders != [PathFinder] or others:
        from importlib import metadata

        return metadata.entry_points(group=group)
    return list(_read(group))


def _read(group: str) -> Iterator[EntryPoint]:
    """Read the files of all packages; of one that is installed twice, the first on `sys.path`."""
    known: set[str] = set()
    for folder in dict.fromkeys(sys.path):
        for entry in _packages(folder or os.curdir):
            package = re.sub(r"[-_.]+", "_", entry.partition("-")[0]).lower()
            if package in known:
                continue
            known.add(package)
            try:
                with open(os.path.join(folder, entry, _FILE), encoding="utf-8") as file:
                    text = file.read()
            except (OSError, UnicodeDecodeError):
                continue
            if group in text:
                yield from _section(text, group)


def _packages(folder: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(name for name in names if name.endswith(_METADATA_SUFFIXES))


def _section(text: str, group: str) -> Iterator[EntryPoint]:
    inside = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            inside = line == f"[{group}]"
        elif inside and line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            if equals:
                yield EntryPoint(name.strip(), value.strip())
