from __future__ import annotations

from typing import Any

import pytest
import typer

from zerepy_plugins.cli.params import parse_params, type_names

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer"},
        "ratio": {"type": "number"},
        "loud": {"type": "boolean"},
        "tags": {"type": "array"},
        "options": {"type": "object"},
        "maybe": {"type": ["string", "null"]},
        "optional": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "referred": {"$ref": "#/$defs/Count"},
        "endless": {"$ref": "#/$defs/Endless"},
        "anything": {"anyOf": [{"type": "integer"}, {}]},
    },
    "$defs": {"Count": {"type": "integer"}, "Endless": {"$ref": "#/$defs/Endless"}},
}


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("text=5", "5"),
        ("text=", ""),
        ("text=a=b", "a=b"),
        ("count=5", 5),
        ("count=123456789012345678901234567890", 123456789012345678901234567890),
        ("ratio=5", 5),
        ("ratio=0.5", 0.5),
        ("loud=true", True),
        ("loud=False", False),
        ('tags=["a", "b"]', ["a", "b"]),
        ('options={"a": 1}', {"a": 1}),
        ("maybe=null", "null"),
        ("optional=null", None),
        ("optional=7", 7),
        ("referred=7", 7),
        ("endless=7", 7),
        ("anything=word", "word"),
        ("unknown=7", 7),
        ("unknown=seven", "seven"),
        ("unknown=[1, 2]", [1, 2]),
    ],
)
def test_a_value_is_read_as_the_schema_says(pair: str, value: Any) -> None:
    (parsed,) = parse_params([pair], None, SCHEMA).values()
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("pair", "complaint"),
    [
        ("count=five", "count must be integer, not 'five'"),
        ("count=5.5", "count must be integer, not '5.5'"),
        ("count=true", "count must be integer, not 'true'"),
        ("loud=1", "loud must be boolean, not '1'"),
        ("tags=a", "tags must be array, not 'a'"),
        ("optional=x", "optional must be integer or null, not 'x'"),
        ("text", "'text' is not of the form key=value"),
        ("=5", "'=5' is not of the form key=value"),
    ],
)
def test_a_value_of_another_type_is_a_usage_error(pair: str, complaint: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        parse_params([pair], None, SCHEMA)
    assert complaint in str(caught.value)


def test_without_a_schema_json_is_json_and_the_rest_is_text() -> None:
    assert parse_params(["a=1", "b=true", "c=one", 'd="1"'], None, None) == {
        "a": 1,
        "b": True,
        "c": "one",
        "d": "1",
    }


def test_a_param_goes_before_the_document() -> None:
    assert parse_params(["count=2"], '{"count": 1, "text": "x"}', SCHEMA) == {
        "count": 2,
        "text": "x",
    }


@pytest.mark.parametrize("document", ["{", "[1]", "5", "null", '"text"'])
def test_a_document_must_be_a_json_object(document: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_params([], document, None)


def test_a_key_given_twice_is_a_usage_error() -> None:
    with pytest.raises(typer.BadParameter, match="given twice"):
        parse_params(["a=1", "a=2"], None, None)


def test_type_names_are_sorted_and_empty_where_nothing_is_said() -> None:
    assert type_names(SCHEMA, "optional") == ["integer", "null"]
    assert type_names(SCHEMA, "anything") == []
    assert type_names(SCHEMA, "unknown") == []
    assert type_names(None, "text") == []
