"""Values made from schemas: those that fit do, those that do not do not."""

from __future__ import annotations

import pytest

from zerepy_plugins.cli.validate.samples import NoSampleError, fits, misfits, sample

TREE = {
    "$ref": "#/$defs/tree",
    "$defs": {
        "tree": {
            "type": "object",
            "required": ["name", "size"],
            "properties": {
                "name": {"type": "string", "minLength": 3},
                "size": {"anyOf": [{"type": "integer", "exclusiveMinimum": 7}, {"type": "null"}]},
                "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
            },
        }
    },
}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (None, {}),
        (
            {"type": "object", "required": ["a"], "properties": {"a": {"type": "boolean"}}},
            {"a": False},
        ),
        (TREE, {"name": "aaa", "size": 8}),
        ({"type": "integer", "minimum": 10, "multipleOf": 4}, 12),
        ({"type": "integer", "maximum": -3, "multipleOf": 2}, -4),
        ({"type": "number", "exclusiveMaximum": 0}, -1),
        ({"type": "array", "minItems": 2, "items": {"enum": ["x", "y"]}}, ["x", "x"]),
        ({"type": ["null", "string"]}, None),
        ({"const": [1]}, [1]),
        ({"type": "string", "default": "blue"}, "blue"),
        ({"type": "string", "pattern": "^0x", "examples": ["0x12"]}, "0x12"),
        (
            {
                "allOf": [
                    {"type": "object", "required": [key], "properties": {key: {"type": "integer"}}}
                    for key in ("a", "b")
                ]
            },
            {"a": 1, "b": 1},
        ),
        ({}, "a"),
    ],
)
def test_a_sample_is_small_and_fits(schema, expected):
    made = sample(schema)
    assert made == expected
    assert schema is None or fits(schema, made)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^0x[0-9a-f]+$"},
        {"type": "integer", "minimum": 3, "maximum": 2},
        False,
    ],
)
def test_where_none_can_be_made_that_is_said(schema):
    with pytest.raises(NoSampleError):
        sample(schema)


def test_misfits_are_all_refused_and_each_property_has_some():
    schema = {
        "type": "object",
        "required": ["text"],
        "properties": {"text": {"type": "string"}, "count": {"type": "integer"}, "any": {}},
    }
    wrong = dict(misfits(schema))
    assert not any(fits(schema, value) for value in wrong.values())
    assert {"a text", "a list", "an empty object", "null for 'text'", "a text for 'count'"} <= set(
        wrong
    )
    assert "deep lists for 'text'" in wrong
    assert "a text of 8 MiB for 'count'" in wrong
    assert not any("'any'" in what for what in wrong)
    assert "an integer beyond 64 bits for 'count'" not in wrong  # it is an integer


def test_who_takes_no_parameters_misreads_none():
    assert list(misfits({"type": "object", "additionalProperties": False})) == []
