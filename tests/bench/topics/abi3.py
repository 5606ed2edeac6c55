"""One build for every Python from 3.11 on, against one for the Python that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import places
import rows
from children import running
from harness import alternate

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = {"small dict (5 keys) in and out": "small", "chat request of 2.3 KB, copied": "chat"}
CALLS = """
import sys
sys.path.insert(0, sys.argv[1])
import payloads, subjects, zerepy_plugins
from harness import call
assert zerepy_plugins.__file__.startswith(sys.argv[1])
action = sys.argv[2]
params = {"small": payloads.SMALL, "chat": payloads.chat()}[action]
with subjects.rust_plugin() as manager:
    statement = f"perform('bench', {action!r}, params)"
    run = call(statement, perform=manager.perform_action, params=params)
    for line in sys.stdin:
        print(run(int(line)), flush=True)
"""


def measure() -> Iterator[rows.Row]:
    for title, action in SIZES.items():
        with (
            running(CALLS, places.ROOT / "python", action) as ours,
            running(CALLS, places.VERSION_SPECIFIC, action) as theirs,
        ):
            samples = alternate({"ours": ours, "theirs": theirs})
        peer = "the extension built for this version alone"
        yield rows.share(f"Rust action, {title}, with the stable ABI", peer, samples, 1.2)
