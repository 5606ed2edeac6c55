"""Where schemas come from: type hints, docstrings, lists of parameters; and what refers to what."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NewType, NotRequired, TypedDict, Unpack

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


class Opaque(enum.Enum):
    """One whose values are nothing that a model could write."""

    IT = object()


@dataclass
class Recorded:
    """Where it is.

    Attributes:
        x: From the left.
    """

    x: int


RANGE = {"minimum": 1, "exclusiveMaximum": 9}
RECORDED = {
    "properties": {"x": {"type": "integer", "description": "From the left."}},
    "required": ["x"],
}
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
        (datetime.datetime, {"type": "string", "format": "date-time"}),
        (Annotated[int, pydantic.Field(ge=1, lt=9)], {"type": "integer", **RANGE}),
        (
            Annotated[list[str], pydantic.Field(max_length=3, description="Few.")],
            {"type": "array", "items": {"type": "string"}, "maxItems": 3, "description": "Few."},
        ),
        (Annotated[str, pydantic.Field(pattern="^a")], {"type": "string", "pattern": "^a"}),
        (Opaque, {}),
        (Recorded, {"type": "object", "additionalProperties": False, **RECORDED}),
    ],
)
def test_schema_of_a_hint(hint: Any, schema: dict[str, Any]) -> None:
    assert hints.schema_of(hint) == schema


@pytest.mark.parametrize(("hint", "list_name"), [(Tree, "children"), (Nested, "inner")])
def test_a_type_within_itself_refers_to_itself(hint: type, list_name: str) -> None:
    schema = hints.schema_of(hint)
    definitions = schema.pop("$defs")
    assert schema == definitions[hint.__name__]
    assert schema["properties"][list_name]["items"] == {"$ref": f"#/$defs/{hint.__name__}"}
    within = hints.properties_of({"one": hint, "many": list[hint]})  # once, at the root
    assert within["$defs"] == definitions
    assert within["properties"] == {"one": schema, "many": {"type": "array", "items": schema}}


def test_types_of_one_name_are_kept_apart() -> None:
    def made(kind: type) -> type:
        return dataclasses.make_dataclass("Twin", [("value", kind), ("next", "Twin")])

    first, second = made(int), made(str)
    for twin in (first, second):  # what the name means to each of them
        twin.__annotations__["next"] = twin
    definitions = hints.properties_of({"a": first, "b": second})["$defs"]
    assert {name: part["properties"]["value"] for name, part in definitions.items()} == {
        "Twin": {"type": "integer"},
        "Twin_": {"type": "string"},
    }


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
        def size(self, size: Size): ...
        def options(self, text: str, **options: Unpack[Size]): ...
        def others(self, **others: int): ...
        def defaults(self, c: Colour = Colour.RED, many=(1, 2), odd=Colour): ...

    schema = hints.parameters_schema(Plugin.model)
    assert schema is not None
    assert schema["properties"]["text"]["description"] == "What to look for."
    assert "$defs" not in schema
    assert hints.parameters_schema(Plugin.record) == SIZE
    for name in ("unknown", "anything", "missing"):
        assert hints.parameters_schema(getattr(Plugin, name)) is None
    assert hints.parameters_schema(Plugin.one)["required"] == ["text"]
    assert hints.parameters_schema(Plugin.size)["properties"] == {"size": SIZE}
    assert hints.parameters_schema(Plugin.size, is_whole=True) == SIZE
    options = hints.parameters_schema(Plugin.options)
    assert list(options["properties"]) == ["text", "width", "height"]
    assert (options["required"], options["additionalProperties"]) == (["text", "width"], False)
    assert hints.parameters_schema(Plugin.others)["additionalProperties"] == {"type": "integer"}
    defaults = hints.parameters_schema(Plugin.defaults)["properties"]
    assert (defaults["c"]["default"], defaults["many"]) == ("red", {"default": [1, 2]})
    assert defaults["odd"] == {}
    assert hints.parameters_schema(print) is not None  # whatever it is, it does not raise


def test_docstrings_are_read_in_three_styles() -> None:
    google = "Do it.\n\nWith care.\n\nArgs:\n    a: One.\n    **b: Two.\n\nRaises:\n    X: no.\n"
    assert docstrings.read(google) == ("Do it.\n\nWith care.", {"a": "One.", "b": "Two."})
    sphinx = "Do it.\n\n:param a: One.\n:param int b: Two.\n:returns: it\n"
    assert docstrings.read(sphinx) == ("Do it.", {"a": "One.", "b": "Two."})
    more = "Do it.\n\n:param a: One\n    and a half.\n:type a: int\n:return: it\n    or not\n"
    assert docstrings.read(more) == ("Do it.", {"a": "One and a half."})
    numpy = """Do it.

    Parameters
    ----------
    a : int
        One,

        and a half.
    b, c : {"x", "y"}, optional
        Two.
    d
    **e
        Rest.

    Returns
    -------
    int
        a : what it was.
    """
    told = {"a": "One, and a half.", "b": "Two.", "c": "Two.", "e": "Rest."}
    assert docstrings.read(numpy) == ("Do it.", told)
    deep = "Do it.\n\nArgs:\n    a (dict[str, int]): One:\n        b: two.\n    c: Three."
    assert docstrings.read(deep)[1] == {"a": "One: b: two.", "c": "Three."}
    assert docstrings.read("Title\n-----\nText.") == ("Title\n-----\nText.", {})
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
