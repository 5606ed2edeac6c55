"""The plugin `similar_py`: how much texts resemble one text.

The score is Sørensen-Dice on pairs of neighbouring characters, as the README of the Rust library
lays down.
"""

from __future__ import annotations

from collections import Counter
from heapq import nsmallest
from operator import add
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypedDict

from zerepy_plugins import ActionPlugin
from zerepy_plugins.errors import InvalidParamsError

from . import checks

if TYPE_CHECKING:
    from collections.abc import Mapping

_ASCII_SPACE = " \t\n\v\f\r"
_PREPARE = str.maketrans(ascii_uppercase, ascii_lowercase, _ASCII_SPACE)


class Match(TypedDict):
    """How much one of the texts resembles the text asked for: `score` from 0.0 to 1.0."""

    index: int
    text: str
    score: float


class _Prepared(NamedTuple):
    text: str
    pairs: Counter[str]


class SimilarPy(ActionPlugin):
    """Ranks texts by how much they resemble one text. Keeps nothing; thread-safe."""

    name = "similar_py"
    version = "0.1.0"
    params_schema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "texts": {"type": "array", "items": {"type": "string"}},
            "limit": {"type": "integer", "minimum": 0, "default": 5},
        },
        "required": ["text", "texts"],
    }

    def initialize(self, config: Mapping[str, Any]) -> None:
        """Do nothing: there are no options."""

    def cleanup(self) -> None:
        """Do nothing: nothing is kept."""

    def validate_params(self, params: Mapping[str, Any]) -> list[str]:
        """Return the first problem; an empty text, or one of white space alone, is one too."""
        try:
            text = checks.text(params, "text")
            checks.texts(params, "texts")
            checks.limit(params, 5)
        except InvalidParamsError as error:
            return [error.message]
        return [] if text.strip(_ASCII_SPACE) else ["text: must not be empty"]

    def execute(self, params: Mapping[str, Any]) -> list[Match]:
        """Return at most `limit` of the texts, by falling score, then by rising index."""
        wanted = _prepare(params["text"])
        texts: list[str] = params["texts"]
        matches: list[Match] = [
            {"index": index, "text": text, "score": _score(wanted, _prepare(text))}
            for index, text in enumerate(texts)
        ]
        limit: int = params.get("limit", 5)
        return nsmallest(limit, matches, key=lambda match: (-match["score"], match["index"]))


def _prepare(text: str) -> _Prepared:
    prepared = text.translate(_PREPARE)
    return _Prepared(prepared, Counter(map(add, prepared, prepared[1:])))


def _score(a: _Prepared, b: _Prepared) -> float:
    if a.text == b.text:
        return 1.0
    if not a.pairs or not b.pairs:
        return 0.0
    shared = sum(min(count, b.pairs[pair]) for pair, count in a.pairs.items() if pair in b.pairs)
    return 2 * shared / (len(a.text) + len(b.text) - 2)
