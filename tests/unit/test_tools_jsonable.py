"""Results on their way to protocols that speak JSON."""

from __future__ import annotations

import array
import enum
import itertools
import json
import math
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

from zerepy_plugins.tools.jsonable import jsonable


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int


class Model(pydantic.BaseModel):
    at: Any


class Odd:
    def __str__(self) -> str:
        return "odd"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (10**30, 10**30),
        (float("nan"), "nan"),
        (b"\xff\x00", "/wA="),
        (memoryview(b"ab"), "YWI="),
        (memoryview(array.array("d", [1.0, 2.5])), [1.0, 2.5]),
        (Colour.RED, "red"),
        (Model(at=Point(1)), {"at": {"x": 1}}),
        ({1: (2, {3})}, {"1": [2, [3]]}),
        (Odd(), "odd"),
        ("a\ud800", "a?"),
        (array.array("i", [1, 2]), [1, 2]),
    ],
)
def test_results_become_json(value: Any, expected: Any) -> None:
    found = jsonable(value)
    assert found == expected
    assert json.loads(json.dumps(found, allow_nan=False)) == expected


def test_what_contains_itself_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    endless *= 100
    assert len(json.dumps(jsonable(endless))) < 10_000
    assert "in itself" in json.dumps(jsonable(endless))
    assert "count(" in jsonable([itertools.count()])[0]
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert "nested too deeply" in json.dumps(jsonable(deep))


def test_numpy() -> None:
    numpy = pytest.importorskip("numpy")
    value = {"n": numpy.int64(7), "a": numpy.array([[1.5, math.inf]])}
    assert jsonable(value) == {"n": 7, "a": [[1.5, "inf"]]}


def test_what_stands_twice_is_told_twice() -> None:
    shared = [1]
    assert jsonable([shared, shared]) == [[1], [1]]
