"""The Rust plugins `search` and `similar` and their Python twins: results equal, bit for bit.

`make plugins` builds the library.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from zerepy_plugins import PluginManager
from zerepy_plugins.errors import InvalidParamsError, PluginError, PluginNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Among them: what lower-cases into ASCII, what splits, what JSON escapes, what sorts differently
# by UTF-16 than by code points.
WORDS = (
    "alpha", "Beta", "g_amma", "δelta", "x1", "Kelvin\u212a", "İstanbul", "", "a b", "ZZ",
    "\U0001f600z", 'line\nbreak\t"q" \\ \x7f \u2028', "\x1b\x0b",
)  # fmt: skip
IDS = [
    f"{first}{number}" for first in ("é", "a", "B", "\U0001f600", "\uffff") for number in range(20)
]
WEIGHTS = [(1.2, 0.75), (0.0, 1.0), (2.0, 0.0), (1.5, 0.3)]


PLUGINS = Path(__file__).parents[2] / "build/plugins"


@pytest.fixture(params=WEIGHTS, ids=str)
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PluginManager]:
    k1, b = request.param
    config = {
        name: {"config": {"options": {"k1": k1, "b": b, "store": str(tmp_path / f"{name}.jsonl")}}}
        for name in ("search", "search_py")
    }
    with PluginManager(
        [PLUGINS / "search", PLUGINS / "search_py"], config, entry_points=False
    ) as manager:
        yield manager


def both(manager: PluginManager, action: str, params: dict[str, Any]) -> Any:
    native, twin = (
        outcome(manager.perform_action, name, action, params) for name in ("search", "search_py")
    )
    assert native == twin
    return native


def outcome(call: Any, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except PluginError as error:
        return type(error)


def words(rng: random.Random, most: int) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randrange(most)))


def document(rng: random.Random) -> dict[str, Any]:
    title = rng.choice([{}, {"title": None}, {"title": ""}, {"title": words(rng, 4)}])
    return {"id": rng.choice(IDS), "text": words(rng, 60), **title}


def test_search_and_its_twin_agree(manager: PluginManager, tmp_path: Path) -> None:
    rng = random.Random(7)
    for _ in range(100):
        both(manager, "index", {"documents": [document(rng) for _ in range(rng.randrange(5))]})
        both(manager, "forget", {"ids": rng.choices(IDS, k=2)})
        both(manager, "query", {"text": words(rng, 5), "limit": rng.choice([0, 1, 3, 100])})
    manager.stop_plugins()
    stored = (tmp_path / "search.jsonl").read_bytes()
    assert stored
    assert stored == (tmp_path / "search_py.jsonl").read_bytes()


def test_similar_and_its_twin_agree(manager: PluginManager) -> None:
    rng = random.Random(7)
    for _ in range(100):
        texts = [words(rng, 4) for _ in range(10)]
        params = {"text": words(rng, 4), "texts": texts, "limit": rng.choice([0, 3, 20])}
        native, twin = (
            outcome(manager.execute_sync, name, params) for name in ("similar", "similar_py")
        )
        assert native == twin


@pytest.mark.parametrize(
    ("action", "params", "error"),
    [
        ("index", {}, InvalidParamsError),
        ("index", {"documents": 5}, InvalidParamsError),
        ("index", {"documents": [{"id": "x"}]}, InvalidParamsError),
        ("index", {"documents": [{"id": "", "text": "x"}]}, InvalidParamsError),
        ("index", {"documents": [{"id": "x", "text": "x", "title": 4}]}, InvalidParamsError),
        ("query", {}, InvalidParamsError),
        ("query", {"text": "a", "limit": -1}, InvalidParamsError),
        ("query", {"text": "a", "limit": "5"}, InvalidParamsError),
        ("query", {"text": "a", "limit": True}, InvalidParamsError),
        ("forget", {"ids": [1]}, InvalidParamsError),
        ("nothing", {}, PluginNotFoundError),
    ],
)
def test_they_refuse_the_same(
    manager: PluginManager, action: str, params: dict[str, Any], error: type[PluginError]
) -> None:
    assert both(manager, action, params) is error
