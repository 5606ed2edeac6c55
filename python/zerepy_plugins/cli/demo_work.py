"""The work of `zpl demo`, and its measurements. Prints nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from zerepy_plugins import PluginHooks
from zerepy_plugins.errors import PluginExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from zerepy_plugins import PluginBase, PluginManager

QUESTIONS = (
    "remove a directory tree",
    "split a string using shell-like syntax",
    "run a coroutine in a thread",
    "parse an ISO 8601 date",
    "median of numeric data",
    "topological order of a graph",
    "URL-safe random token",
)
POSTS = (
    "Gas fees dropped below 5 gwei this morning, a good time to move funds.",
    "Our new guide explains how agents sign transactions safely.",
    "What would you automate first if your agent never slept?",
    "Validators voted to raise the block size; the change ships in March.",
)
DRAFT = "Gas fees have dropped below 5 gwei this morning: a good time to move your funds!"

_BATCH_DOCUMENTS = 500
_QUERY_ROUNDS = 25
_SIMILAR_ROUNDS = 7
_HITS = 10


class Journal(PluginHooks):
    """Writes down which plugin started when, for how long, and which stopped when."""

    def __init__(self) -> None:
        self.started: dict[str, float] = {}
        """Seconds that `initialize` took, by name, in the order in which they started."""
        self.stopped: list[str] = []
        """Names, in the order in which they stopped."""
        self._since: dict[str, float] = {}

    def pre_initialize(self, plugin: PluginBase) -> None:
        """Start the plugin's clock."""
        self._since[plugin.name] = time.perf_counter()

    def post_initialize(self, plugin: PluginBase) -> None:
        """Stop the plugin's clock."""
        self.started[plugin.name] = time.perf_counter() - self._since.pop(plugin.name)

    def post_cleanup(self, plugin: PluginBase) -> None:
        """Note that the plugin has stopped."""
        self.stopped.append(plugin.name)


@dataclass
class Duel:
    """One piece of work, done by a native plugin and by its twin in Python."""

    work: str
    native: str
    twin: str
    native_seconds: list[float] = field(default_factory=list)
    twin_seconds: list[float] = field(default_factory=list)

    def run(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Let both do `call(name, *arguments)`, in turns; return the result, the same of both.

        Raises `PluginExecutionError` if the results are not equal.
        """
        results = {}
        twin_first = len(self.native_seconds) % 2 == 1
        for name in (self.twin, self.native) if twin_first else (self.native, self.twin):
            begin = time.perf_counter()
            results[name] = call(name, *arguments)
            seconds = time.perf_counter() - begin
            (self.native_seconds if name == self.native else self.twin_seconds).append(seconds)
        if results[self.native] != results[self.twin]:
            raise PluginExecutionError(
                f'"{self.native}" and "{self.twin}" disagree on: {self.work}',
                plugin=self.twin,
                hint="They must give equal results, bit for bit: one of them has a bug.",
            )
        return results[self.native]

    def record(self, combine: Callable[[list[float]], float]) -> dict[str, Any]:
        """Return both times in seconds and how many times faster the native one is."""
        native, twin = combine(self.native_seconds), combine(self.twin_seconds)
        return {
            "work": self.work,
            "native": {"plugin": self.native, "seconds": native},
            "python": {"plugin": self.twin, "seconds": twin},
            "speedup": twin / native,
        }


def read_documents(manager: PluginManager) -> list[dict[str, str]]:
    """Return every document of `stdlib_docs`."""
    documents: list[dict[str, str]] = manager.perform_action("stdlib_docs", "documents", {})
    return documents


def batches(documents: Sequence[dict[str, str]]) -> Iterator[Sequence[dict[str, str]]]:
    """Yield the documents in the portions in which they are indexed."""
    for begin in range(0, len(documents), _BATCH_DOCUMENTS):
        yield documents[begin : begin + _BATCH_DOCUMENTS]


def index(
    manager: PluginManager,
    documents: Sequence[dict[str, str]],
    advance: Callable[[int], None],
) -> dict[str, Any]:
    """Feed both indexes, telling `advance` how many documents were taken; total times."""
    duel = Duel(f"index {len(documents):,} documents", "search", "search_py")
    for batch in batches(documents):
        duel.run(manager.perform_action, "index", {"documents": batch})
        advance(len(batch))
    return duel.record(sum)


def ask(manager: PluginManager) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    """Ask both indexes every question, many times; the hits by question, and median times."""
    calls = _QUERY_ROUNDS * len(QUESTIONS)
    duel = Duel(f"query, median of {calls}", "search", "search_py")
    answers: dict[str, list[dict[str, Any]]] = {}
    for _ in range(_QUERY_ROUNDS):
        for question in QUESTIONS:
            params = {"text": question, "limit": _HITS}
            answers[question] = duel.run(manager.perform_action, "query", params)
    return answers, duel.record(median)


def compare(
    manager: PluginManager, documents: Sequence[dict[str, str]]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Compare the draft with the earlier posts, and one text with all documents, median times."""
    texts = [document["text"] for document in documents]
    posts: list[dict[str, Any]] = manager.execute_sync(
        "similar", {"text": DRAFT, "texts": list(POSTS), "limit": len(POSTS)}
    )
    duel = Duel(f"compare 1 text with {len(texts):,}", "similar", "similar_py")
    params = {"text": QUESTIONS[0], "texts": texts, "limit": _HITS}
    for _ in range(_SIMILAR_ROUNDS):
        duel.run(manager.execute_sync, params)
    return posts, duel.record(median)


def usage(manager: PluginManager, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the monitor counted: calls, errors, and latencies in seconds."""
    records = []
    for name in names:
        stats = manager.monitor.stats(name)
        records.append(
            {
                "plugin": name,
                "calls": stats.calls,
                "errors": stats.errors,
                "p50": stats.p50,
                "p99": stats.p99,
            }
        )
    return records
