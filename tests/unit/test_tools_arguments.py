"""Arguments of models: what is mended, what never is, and what is said about the rest."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zerepy_plugins._native import JsonSchema
from zerepy_plugins.errors import InvalidParamsError
from zerepy_plugins.tools.arguments import checked
from zerepy_plugins.tools.catalog import Tool

NODE = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
    },
    "required": ["id"],
}


def tool(properties: dict[str, Any], required: tuple[str, ...] = (), **rest: Any) -> Tool:
    schema = {"type": "object", "properties": properties, "required": list(required)} | rest
    return Tool("t", "p", "a", "connection", "", schema, None, "inline", is_wrapped=False)


def one(schema: dict[str, Any], value: Any, **rest: Any) -> Any:
    return checked(tool({"x": schema}, **rest), {"x": value})["x"]


INTEGER, NUMBER, BOOLEAN = {"type": "integer"}, {"type": "number"}, {"type": "boolean"}
STRING, ARRAY = {"type": "string"}, {"type": "array", "items": {"type": "integer"}}


@pytest.mark.parametrize(
    ("schema", "given", "expected"),
    [
        (INTEGER, "5", 5),
        (INTEGER, " -7 ", -7),
        (INTEGER, "123456789012345678901234567890", 123456789012345678901234567890),
        (NUMBER, "2.5", 2.5),
        (NUMBER, "1e3", 1000.0),
        (NUMBER, "3", 3),
        (BOOLEAN, "false", False),
        (BOOLEAN, "True", True),
        ({"type": "null"}, "null", None),
        ({"type": ["integer", "null"]}, "None", None),
        ({"enum": [1, 2]}, "2", 2),
        (ARRAY, "[1, 2]", [1, 2]),
        (ARRAY, ["1", 2], [1, 2]),
        (ARRAY, '["1"]', [1]),
        ({"type": "object"}, '{"a": "1"}', {"a": "1"}),
        ({"type": "object", "additionalProperties": INTEGER}, {"a": "1"}, {"a": 1}),
        ({"anyOf": [INTEGER, {"type": "null"}]}, "5", 5),
        ({"oneOf": [NODE | {"properties": {"id": INTEGER}}, BOOLEAN]}, '{"id": "3"}', {"id": 3}),
    ],
)  # fmt: skip
def test_texts_become_what_the_schema_asks_for(schema, given: Any, expected: Any) -> None:
    result = one(schema, given)
    assert (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("schema", "given"),
    [
        (STRING, "5"),
        (STRING, "true"),
        (STRING, "[1]"),
        ({}, "5"),
        ({"type": ["string", "integer"]}, "5"),
        ({"anyOf": [INTEGER, STRING]}, "5"),
        ({"enum": ["1", 1]}, "1"),
        ({"description": "no type"}, "null"),
        (NUMBER, 5),
        (INTEGER, 10**30),
        ({"type": "object"}, {"a": "5"}),
        ({"type": "array"}, ["5", "true"]),
        ({"type": ["string", "null"]}, "null"),
        ({"type": ["string", "null"]}, None),
    ],
)
def test_what_fits_is_never_touched(schema: dict[str, Any], given: Any) -> None:
    assert one(schema, given) is given


@pytest.mark.parametrize(
    ("schema", "given", "expected", "got"),
    [
        (INTEGER, "five", "integer", 'string "five"'),
        (INTEGER, "5.5", "integer", 'string "5.5"'),
        (INTEGER, "", "integer", 'string ""'),
        (INTEGER, True, "integer", "boolean true"),
        (INTEGER, "\u0665", "integer", 'string "\u0665"'),
        (NUMBER, "nan", "number", 'string "nan"'),
        (NUMBER, "1e999", "number", 'string "1e999"'),
        (BOOLEAN, "yes", "boolean", 'string "yes"'),
        (BOOLEAN, 1, "boolean", "integer 1"),
        (STRING, 5, "string", "integer 5"),
        (STRING, None, "string", "null"),
        (ARRAY, "1, 2", "array", 'string "1, 2"'),
        (ARRAY, "[1, 2", "array", 'string "[1, 2"'),
        (ARRAY, {"a": 1}, "array", "object"),
        ({"type": "integer", "minimum": 3}, "2", "at least 3", "integer 2"),
        ({"type": "integer", "writeOnly": True}, "hunter2", "integer", "string"),
    ],
)
def test_what_cannot_be_mended_is_told(schema, given: Any, expected: str, got: str) -> None:
    with pytest.raises(InvalidParamsError) as raised:
        one(schema, given, required=("x",))
    (problem,) = raised.value.problems
    assert (problem["path"], problem["expected"], problem["got"]) == ("params.x", expected, got)


@pytest.mark.parametrize(
    ("schema", "given", "expected"),
    [
        (INTEGER, 5.0, 5),
        (INTEGER, "[5.0]", None),
        (NUMBER, 5.0, 5.0),
        ({"type": ["integer", "null"]}, 5.0, 5),
        ({"type": ["integer", "number"]}, 5.0, 5.0),
        ({"anyOf": [INTEGER, {"type": "null"}]}, 5.0, 5),
        ({"anyOf": [INTEGER, NUMBER]}, 5.0, 5.0),
        (ARRAY, [1.0, 2], [1, 2]),
        (ARRAY, "[1.0, 2]", [1, 2]),
        ({"$ref": "#/$defs/node"}, {"id": 1.0, "more": 2.0}, {"id": 1, "more": 2.0}),
        ({"type": "object", "additionalProperties": INTEGER}, {"a": 1.0}, {"a": 1}),
    ],
)
def test_whole_floats_are_integers_where_those_are_wanted(schema, given: Any, expected) -> None:
    where = tool({"x": schema}, **{"$defs": {"node": NODE}})
    before = copy.deepcopy(given)
    if expected is None:
        with pytest.raises(InvalidParamsError):
            checked(where, {"x": given})
    else:
        assert repr(checked(where, {"x": given})["x"]) == repr(expected)
    assert repr(given) == repr(before)


def test_null_is_left_out_where_it_is_optional_and_not_allowed() -> None:
    optional = tool({"a": INTEGER, "b": {"type": ["integer", "null"]}, "c": {}}, ("c",))
    assert checked(optional, {"a": None, "b": None, "c": None}) == {"b": None, "c": None}
    inner = tool({"size": {"type": "object", "properties": {"w": NUMBER}}})
    assert checked(inner, {"size": {"w": None}}) == {"size": {}}


def test_all_problems_come_together_after_mending() -> None:
    strict = tool({"a": INTEGER, "b": INTEGER}, ("a", "c"), additionalProperties=False)
    with pytest.raises(InvalidParamsError) as raised:
        checked(strict, {"a": "1", "b": "x", "d": 1})
    assert {problem["path"] for problem in raised.value.problems} == {
        "params.b",
        "params.c",
        "params.d",
    }
    assert "3 problems" in raised.value.message


def test_what_contains_itself_is_mended_too() -> None:
    chain = tool({"head": {"$ref": "#/$defs/node"}}, **{"$defs": {"node": NODE}})
    given = {"head": {"id": "1", "next": {"id": "2", "next": None}}}
    before = copy.deepcopy(given)
    assert checked(chain, given) == {"head": {"id": 1, "next": {"id": 2, "next": None}}}
    assert given == before  # the caller's own is as it was


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {}),
        ("", {}),
        ("null", {}),
        ({}, {}),
        ('{"a": "1"}', {"a": 1}),
        (b'{"a": 2}', {"a": 2}),
    ],
)
def test_arguments_may_be_json_text(given: Any, expected: dict[str, Any]) -> None:
    assert checked(tool({"a": INTEGER}), given) == expected


@pytest.mark.parametrize(
    ("given", "got"),
    [("[1]", "list"), ("{", "a text"), ([("a", 1)], "list"), (7, "int"), ("[" * 100_000, "a text")],
)  # fmt: skip
def test_arguments_that_are_no_object_are_refused(given: Any, got: str) -> None:
    with pytest.raises(InvalidParamsError) as raised:
        checked(tool({}), given)
    assert raised.value.problems[0]["got"] == got


def test_what_json_cannot_hold_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value in (float("nan"), b"x", {1: 2}, object(), endless, 10**400):
        with pytest.raises(InvalidParamsError):
            one({}, value)


def test_a_schema_that_is_none_lets_the_plugin_decide(caplog: pytest.LogCaptureFixture) -> None:
    assert one({"type": "objekt"}, "5") == "5"
    assert "are not checked" in caplog.text


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
SCHEMAS = st.sampled_from([{}, INTEGER, NUMBER, BOOLEAN, STRING, ARRAY, {"type": "object"}, NODE])


@example(INTEGER, 2.0**64)  # no schema can check an integer of that size
@given(SCHEMAS, VALUES)
def test_whatever_comes_out_fits(schema: dict[str, Any], value: Any) -> None:
    before = copy.deepcopy(value)
    where = tool({"x": schema}, **{"$defs": {"node": NODE}})
    with contextlib.suppress(InvalidParamsError):
        result = checked(where, {"x": value})
        assert JsonSchema(where.parameters).accepts(result)
        assert checked(where, result) == result
    assert value == before
