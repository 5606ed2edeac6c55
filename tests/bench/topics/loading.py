"""Loading 100 libraries, against opening them and calling their entry, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peer_libraries
import rows
from children import timed
from harness import alternate

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = 100
NAMES = "from zerepy_plugins import ConnectionPlugin, discover_plugins"
OURS = f"assert len(discover_plugins(sys.argv[1])) == {COUNT}"
BARE = """
for path in paths:
    library = ctypes.CDLL(path, os.RTLD_NOW | os.RTLD_LOCAL)
    assert library.zerepy_plugin_entry_v1(None, None)
"""
BEFORE_BARE = """
import ctypes, os, pathlib, sys
paths = sorted(map(str, pathlib.Path(sys.argv[1]).glob("*.so")))
"""


def measure() -> Iterator[rows.Row]:
    directory = peer_libraries.plugin_libraries(COUNT)
    ours = timed(OURS, directory, before=f"import sys; {NAMES}")
    bare = timed(BARE, directory, before=BEFORE_BARE)
    samples = alternate({"ours": ours, "theirs": bare}, rounds=15, number=1)
    title = f"loading {COUNT} libraries in C, checked, from private copies"
    yield rows.share(title, "ctypes: dlopen and a call of the entry", samples, 2.0)
