"""The full-text index: tokens, counts, BM25 scores, snippets. Knows nothing of plugins or files.

The algorithm, to the order of its floating-point operations, is the one that the README of the
Rust library lays down.
"""

from __future__ import annotations

import re
from collections import Counter
from heapq import nsmallest
from math import log
from typing import TYPE_CHECKING, NamedTuple, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Set

_TOKEN = re.compile("[A-Za-z0-9]+")
_TITLE_WEIGHT = 3
_SNIPPET_LEAD_CHARACTERS = 40
_SNIPPET_CHARACTERS = 160


class Hit(TypedDict):
    """One document that answers a query."""

    id: str
    title: str | None
    score: float
    snippet: str


class Document(NamedTuple):
    """What was given to the index."""

    id: str
    text: str
    title: str | None = None


class _Entry(NamedTuple):
    document: Document
    tokens: tuple[str, ...]
    """The distinct tokens, to find the document's postings again."""
    length: int
    """The sum of the tokens' counts."""


class Index:
    """An incremental index over documents; not thread-safe.

    `k1` (finite, at least 0) limits what repetition counts, `b` (0 to 1) what length costs.
    """

    def __init__(self, k1: float = 1.2, b: float = 0.75) -> None:
        self._k1 = k1
        self._b = b
        self._entries: dict[str, _Entry] = {}
        self._postings: dict[str, dict[str, int]] = {}
        self._total_length = 0
        self._damping: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def documents(self) -> Iterator[Document]:
        """Yield the documents by rising id."""
        return (self._entries[id_].document for id_ in sorted(self._entries))

    def add(self, document: Document) -> bool:
        """Take a document in; return whether it replaced one of the same id."""
        replaced = self.remove(document.id)
        counts = Counter(_tokens(document.text))
        for token in _tokens(document.title or ""):
            counts[token] += _TITLE_WEIGHT
        for token, count in counts.items():
            self._postings.setdefault(token, {})[document.id] = count
        entry = _Entry(document, tuple(counts), counts.total())
        self._entries[document.id] = entry
        self._total_length += entry.length
        self._damping.clear()
        return replaced

    def remove(self, id_: str) -> bool:
        """Let a document go; return whether there was one."""
        entry = self._entries.pop(id_, None)
        if entry is None:
            return False
        for token in entry.tokens:
            posting = self._postings[token]
            del posting[id_]
            if not posting:
                del self._postings[token]
        self._total_length -= entry.length
        self._damping.clear()
        return True

    def query(self, text: str, limit: int) -> list[Hit]:
        """Return the `limit` best documents, by falling score, then by rising id."""
        tokens = dict.fromkeys(_tokens(text))
        scores = self._scores(tokens)
        best = nsmallest(limit, scores.items(), key=lambda item: (-item[1], item[0]))
        return [self._hit(id_, score, tokens.keys()) for id_, score in best]

    def _scores(self, tokens: Iterable[str]) -> dict[str, float]:
        """Return the score of every document that has one of the distinct tokens."""
        damping = self._document_damping()
        gain = self._k1 + 1.0
        scores: dict[str, float] = {}
        for token in tokens:
            posting = self._postings.get(token)
            if posting is None:
                continue
            n = len(posting)
            idf = log(1.0 + (len(self._entries) - n + 0.5) / (n + 0.5))
            for id_, tf in posting.items():
                part = idf * (tf * gain / (tf + damping[id_]))
                scores[id_] = scores.get(id_, 0.0) + part
        return scores

    def _document_damping(self) -> dict[str, float]:
        """Return `k1 * (1 - b + b * length / average)` by id, computed once after each change."""
        if not self._damping and self._total_length:
            k1, b = self._k1, self._b
            average = self._total_length / len(self._entries)
            self._damping = {
                id_: k1 * (1.0 - b + b * entry.length / average)
                for id_, entry in self._entries.items()
            }
        return self._damping

    def _hit(self, id_: str, score: float, tokens: Set[str]) -> Hit:
        document = self._entries[id_].document
        snippet = _snippet(document.text, tokens)
        return {"id": id_, "title": document.title, "score": score, "snippet": snippet}


def _tokens(text: str) -> list[str]:
    if text.isascii():
        return _TOKEN.findall(text.lower())
    # Some characters beyond ASCII have ASCII lower-case forms: those must not become tokens.
    return [token.lower() for token in _TOKEN.findall(text)]


def _snippet(text: str, tokens: Set[str]) -> str:
    """Return the surroundings of the first of `tokens` in `text`."""
    matches = _TOKEN.finditer(text)
    at = next((match.start() for match in matches if match[0].lower() in tokens), 0)
    begin = max(0, at - _SNIPPET_LEAD_CHARACTERS)
    end = min(len(text), begin + _SNIPPET_CHARACTERS)
    return f"{'…' if begin > 0 else ''}{text[begin:end]}{'…' if end < len(text) else ''}"
