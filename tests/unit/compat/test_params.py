from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Dict, List, Literal, Optional, Union  # noqa: UP035 - as ZerePy has them

import pytest

from zerepy_plugins.compat.params import (
    Unchanged,
    coerced,
    describe_action,
    named,
    schema_of_type,
)

STRINGS = {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, {"type": "string"}),
        (bool, {"type": "boolean"}),
        (List[str], STRINGS),  # noqa: UP006
        (list[str], STRINGS),
        (Unchanged(list[str]), STRINGS),
        (Dict[str, Any], {"type": "object"}),  # noqa: UP006
        (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045
        (Union[int, str], {"anyOf": [{"type": "integer"}, {"type": "string"}]}),  # noqa: UP007
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Literal["a", "b"], {"enum": ["a", "b"]}),
        (Any, {}),
        (list, {"type": "array"}),
        (SimpleNamespace, {}),
        ("str", {}),
    ],
)
def test_types_become_schemas(annotation, schema):
    assert schema_of_type(annotation) == schema


def test_an_action_without_parameters_is_described_too():
    nothing = {"type": "object", "properties": {}, "required": []}
    assert describe_action(SimpleNamespace()) == {"description": "", "params": nothing}


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        ("5", {"type": "integer"}, 5),
        (" -5 ", {"type": "integer"}, -5),
        ("5.5", {"type": "integer"}, "5.5"),
        ("1_0", {"type": "integer"}, "1_0"),
        (5.0, {"type": "integer"}, 5),
        (5.5, {"type": "integer"}, 5.5),
        (True, {"type": "integer"}, True),
        ("1e3", {"type": "number"}, 1000.0),
        (1, {"type": "number"}, 1),
        ("False", {"type": "boolean"}, False),
        ("perhaps", {"type": "boolean"}, "perhaps"),
        ("5", {"type": "string"}, "5"),
        (5, {"type": "string"}, 5),
        ('{"a": 1}', {"type": "object"}, {"a": 1}),
        ("[1]", {"type": "object"}, "[1]"),
        ('["1", 2]', {"type": "array", "items": {"type": "integer"}}, [1, 2]),
        ("a,b", STRINGS, "a,b"),
        (None, {"type": "integer"}, None),
        ("7", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, 7),
        ("7", {"type": ["integer", "null"]}, 7),
        ("7", {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "7"),
        ("x", {"enum": ["a"]}, "x"),
        ("7", {}, "7"),
        ("7", {"$ref": "#/$defs/Number"}, "7"),
    ],
)
def test_only_what_does_not_fit_and_is_beyond_doubt_is_changed(value, schema, expected):
    changed = coerced(value, schema)
    assert (changed, type(changed)) == (expected, type(expected))


def test_a_list_that_fits_stays_the_callers_own():
    mine = ["a", "b"]
    assert coerced(mine, STRINGS) is mine
    numbers = ["1"]
    assert coerced(numbers, {"type": "array", "items": {"type": "integer"}}) == [1]
    assert numbers == ["1"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (None, {}),
        ([], {}),
        ({}, {}),
        ([1], {"a": 1}),
        ((1, 2), {"a": 1, "b": 2}),
        ([1, 2, 3], {"a": 1, "b": 2}),
        ({"c": 3}, {"c": 3}),
    ],
)
def test_params_come_by_name_or_in_order(params, expected):
    arguments = named(params, ["a", "b"])
    assert arguments == expected
    assert arguments is not params


def test_one_text_is_no_list_of_letters():
    with pytest.raises(TypeError, match="not one text"):
        named("ab", ["a", "b"])
