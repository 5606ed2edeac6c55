"""Where schemas come from: type hints, docstrings, lists of parameters; and what refers to what."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NewType, NotRequired, TypedDict

import pydantic
import pytest

from zerepy_plugins.tools import docstrings, hints
from zerepy_plugins.tools.declared import normalised
from zerepy_plugins.tools.references import inlined


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(TypedDict):
    width: float
    height: NotRequired[float]


@dataclass
class Order:
    name: str
    size: Size
    tags: list[str] = field(default_factory=list)


@dataclass
class Tree:
    children: list[Tree]


class Query(pydantic.BaseModel):
    text: str = pydantic.Field(description="What to look for.")
    colour: Colour | None = None


class Nested(pydantic.BaseModel):
    inner: list[Nested]


UserId = NewType("UserId", int)
SIZE = {
    "type": "object",
    "properties": {"width": {"type": "number"}, "height": {"type": "number"}},
    "required": ["width"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (bool, {"type": "boolean"}),
        (None, {"type": "null"}),
        (Any, {}),
        (bytes, {}),
        (UserId, {"type": "integer"}),
        (int | None, {"type": ["integer", "null"]}),
        (
            int | list[int],
            {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]},
        ),
        (int | Any, {}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (Colour, {"enum": ["red", "blue"]}),
        (list, {"type": "array"}),
        (Sequence[float], {"type": "array", "items": {"type": "number"}}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, str],
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (dict[str, Any], {"type": "object"}),
        (Mapping[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Annotated[int, "In seconds."], {"type": "integer", "description": "In seconds."}),
        (Size, SIZE),
        (
            Order,
            {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "size": SIZE,
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["name", "size"],
                "additionalProperties": False,
            },
        ),
        (Nested, {"type": "object"}),
    ],
)
def test_schema_of_a_hint(hint: Any, schema: dict[str, Any]) -> None:
    assert hints.schema_of(hint) == schema


def test_a_type_within_itself_ends() -> None:
    tree = hints.schema_of(Tree)
    assert tree["properties"] == {"children": {"type": "array", "items": {"type": "object"}}}


def test_a_method_describes_its_parameters() -> None:
    class Post:
        def post(self, text: str, times: int = 1, *, where: Colour | None = None, **_more: Any):
            """Post a text.

            Args:
                text: What to post,
                    in one line.
                times (int): How often.

            Returns:
                The links: a list.
            """

    assert hints.parameters_schema(Post.post) == {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "What to post, in one line."},
            "times": {"type": "integer", "description": "How often.", "default": 1},
            "where": {
                "anyOf": [{"enum": ["red", "blue"]}, {"type": "null"}],
                "default": None,
            },
        },
        "required": ["text"],
        "additionalProperties": True,
    }


def test_one_parameter_may_stand_for_all() -> None:
    class Plugin:
        def model(self, params: Query): ...
        def record(self, params: Size): ...
        def unknown(self, params): ...
        def anything(self, given: dict[str, Any]): ...
        def missing(self, params: NoSuchType): ...  # noqa: F821
        def one(self, text: str): ...

    schema = hints.parameters_schema(Plugin.model)
    assert schema is not None
    assert schema["properties"]["text"]["description"] == "What to look for."
    assert "$defs" not in schema
    assert hints.parameters_schema(Plugin.record) == SIZE
    for name in ("unknown", "anything", "missing"):
        assert hints.parameters_schema(getattr(Plugin, name)) is None
    assert hints.parameters_schema(Plugin.one)["required"] == ["text"]
    assert hints.parameters_schema(print) is not None  # whatever it is, it does not raise


def test_docstrings_are_read_in_two_styles() -> None:
    google = "Do it.\n\nWith care.\n\nArgs:\n    a: One.\n    **b: Two.\n\nRaises:\n    X: no.\n"
    assert docstrings.read(google) == ("Do it.\n\nWith care.", {"a": "One.", "b": "Two."})
    sphinx = "Do it.\n\n:param a: One.\n:param int b: Two.\n:returns: it\n"
    assert docstrings.read(sphinx) == ("Do it.", {"a": "One.", "b": "Two."})
    assert docstrings.read(None) == ("", {})
    assert docstrings.read("Note: this is it.\nExample: none") == (
        "Note: this is it.\nExample: none",
        {},
    )


def test_parameters_as_zerepy_declares_them() -> None:
    @dataclass
    class ActionParameter:
        name: str
        required: bool
        type: type
        description: str

    @dataclass
    class Action:
        name: str
        parameters: list[ActionParameter]
        description: str

    parameters = [
        ActionParameter("message", True, str, "Text of the post"),
        ActionParameter("tags", False, list[str], ""),
    ]
    assert normalised(Action("post", parameters, "Post it")) == {
        "description": "Post it",
        "exec": "inline",
        "params": {
            "type": "object",
            "properties": {
                "message": {"type": "string", "description": "Text of the post"},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["message"],
        },
    }
    assert normalised({"params": Query})["params"]["title"] == "Query"
    assert normalised(7) is None


def test_references_are_put_in_place() -> None:
    schema = {
        "properties": {
            "a": {"$ref": "#/$defs/text", "description": "Own words."},
            "b": {"$ref": "#/properties/a"},
            "c": {"$ref": "#/$defs/a~1b"},
            "d": {"$ref": "https://example.com/x"},
            "e": {"const": {"$ref": "#/$defs/text"}},
        },
        "$defs": {"text": {"type": "string", "description": "Text."}, "a/b": {"type": "null"}},
    }
    assert inlined(schema) == {
        "properties": {
            "a": {"type": "string", "description": "Own words."},
            "b": {"type": "string", "description": "Own words."},
            "c": {"type": "null"},
            "d": {},
            "e": {"const": {"$ref": "#/$defs/text"}},
        }
    }


def test_what_contains_itself_stays_a_reference() -> None:
    node = {"properties": {"next": {"$ref": "#/definitions/node"}}}
    schema = {"$ref": "#/definitions/node", "definitions": {"node": node, "other": {}}}
    reference = {"$ref": "#/$defs/node"}
    assert inlined(schema) == {
        "properties": {"next": reference},
        "$defs": {"node": {"properties": {"next": reference}}},
    }
    assert inlined({"properties": {"me": {"$ref": "#"}}})["properties"]["me"] == {
        "$ref": "#/$defs/root"
    }


def test_a_schema_that_would_explode_keeps_its_references() -> None:
    definitions: dict[str, Any] = {"d0": {"type": "string"}}
    for at in range(1, 40):
        part = {"$ref": f"#/$defs/d{at - 1}"}
        definitions[f"d{at}"] = {"properties": {"left": part, "right": part}}
    flat = inlined({"properties": {"x": {"$ref": "#/$defs/d39"}}, "$defs": definitions})
    assert len(str(flat)) < 1_000_000
    assert set(flat["$defs"]) <= set(definitions)
