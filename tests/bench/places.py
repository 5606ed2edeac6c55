"""Where things are: what `make bench` built, and where results go."""

from __future__ import annotations

from pathlib import Path

BENCH = Path(__file__).parent
ROOT = BENCH.parent.parent
BUILD = ROOT / "build" / "bench"
RUST_PLUGIN = BUILD / "lib" / "libbench_plugin.so"
VERSION_SPECIFIC = BUILD / "version"  # the package, with an extension without the stable ABI
RESULTS = BUILD / "results.json"
DOCUMENT = ROOT / "docs" / "benchmarks.md"
PLOT = ROOT / "docs" / "benchmarks.svg"
