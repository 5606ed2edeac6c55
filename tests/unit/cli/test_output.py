from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

import pytest

from zerepy_plugins.cli.output import duration, print_json, print_value


class Color(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: float


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"a": [1, 2.5, None, True, "ä"]}, {"a": [1, 2.5, None, True, "ä"]}),
        (10**30, 10**30),
        (b"\x00\xff", "AP8="),
        (Point(1, 2.0), {"x": 1, "y": 2.0}),
        ([Color.RED], ["red"]),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ((1, 2), [1, 2]),
        (complex(1, 2), "(1+2j)"),
    ],
)
def test_everything_has_a_json_form(
    value: Any, written: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    print_json(value)
    assert json.loads(capsys.readouterr().out) == written


def test_records_of_one_shape_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_value([{"id": "a", "score": 1 / 3}, {"id": "[b]", "score": 2.0}])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["id", "score"], ["a", "0.3333"], ["[b]", "2"]]


@pytest.mark.parametrize("value", [[], [{}], [{"a": 1}, {"b": 2}], [1, 2], {"a": 1}, 5, None])
def test_other_values_are_json(value: Any, capsys: pytest.CaptureFixture[str]) -> None:
    print_value(value)
    assert json.loads(capsys.readouterr().out) == value


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.345, "12.3 s"), (0.00123, "1.23 ms"), (4.5e-6, "4.5 µs"), (12e-9, "12 ns"), (0.0, "0 ns")],
)
def test_a_duration_has_the_unit_that_suits_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text
