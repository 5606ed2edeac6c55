"""Tool lists in each provider's dialect, held against golden files; ZEREPY_RENEW=1 writes them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from zerepy_plugins._native import JsonSchema
from zerepy_plugins.errors import PluginConfigError
from zerepy_plugins.tools import FORMATS

GOLDEN = Path(__file__).parents[1] / "fixtures" / "tools"
NODE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
    },
    "required": ["name"],
}
PARAMS: dict[str, Any] = {
    "type": "object",
    "title": "Everything",
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": 80, "pattern": "^[a-z]+$"},
        "when": {"type": "string", "format": "date-time", "description": "Since when."},
        "mail": {"type": "string", "format": "email"},
        "count": {"type": "integer", "minimum": 1, "exclusiveMaximum": 10, "default": 3},
        "ratio": {"type": ["number", "null"]},
        "unit": {"enum": ["C", "F"]},
        "level": {"enum": [1, 2, 3]},
        "kind": {"const": "fixed"},
        "either": {"oneOf": [{"type": "integer"}, {"$ref": "#/$defs/size"}, {"type": "null"}]},
        "both": {
            "allOf": [{"$ref": "#/$defs/size"}, {"properties": {"depth": {"type": "number"}}}]
        },
        "free": {"type": "object", "additionalProperties": {"type": "integer"}},
        "anything": {"description": "Whatever you like."},
        "list": {"type": "array", "minItems": 1, "uniqueItems": True},
        "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
        "several": {"type": ["string", "array"], "items": {"type": "string"}},
        "tree": {"$ref": "#/$defs/node"},
        "closed": {"type": "object", "additionalProperties": False},
    },
    "required": ["text", "tree", "unit"],
    "$defs": {
        "node": NODE,
        "size": {
            "type": "object",
            "properties": {"width": {"type": "number"}, "height": {"type": "number"}},
            "required": ["width"],
        },
        "unused": {"type": "string"},
    },
    "not": {"required": ["none"]},
}


def properties(parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": parts}


ACTIONS = {
    "everything": {"description": "Takes everything.", "params": PARAMS, "result": NODE},
    "nothing": {"params": {"type": "object", "additionalProperties": False}},
    "open": "Says nothing of its parameters.",
    "scalar": {"description": "Takes a text.", "params": {"type": "string"}},
    "union": {
        "description": "Takes one of two.",
        "params": {
            "oneOf": [
                {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
                {"type": "object", "properties": {"name": {"type": "string"}}},
            ]
        },
    },
}
ACTIONS["everything"]["result"] = {"$ref": "#/$defs/node", "$defs": {"node": NODE}}


@pytest.fixture
def manager(manager_of, make_connection, make_action):
    manager = manager_of(
        make_connection("every", actions=ACTIONS),
        make_action(
            "act", __doc__="Acts.", params_schema={"properties": {"n": {"type": "number"}}}
        ),
    )
    manager.start_plugins()
    return manager


@pytest.mark.parametrize("dialect", FORMATS)
def test_tools_are_as_recorded(manager, dialect: str) -> None:
    tools = manager.tools(dialect)
    path = GOLDEN / f"{dialect}.json"
    if os.environ.get("ZEREPY_RENEW"):
        path.write_text(json.dumps(tools, indent=2) + "\n", encoding="utf-8")
    assert tools == json.loads(path.read_text(encoding="utf-8"))


def parts(schema: Any) -> list[dict[str, Any]]:
    """All schemas within a schema, itself first."""
    found = [schema]
    for key in ("properties", "$defs"):
        for part in schema.get(key, {}).values():
            found += parts(part)
    for part in [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]:
        found += parts(part)
    return found


def test_strict_schemas_are_within_what_strict_mode_takes(manager) -> None:
    for tool in manager.tools("openai-strict"):
        function = tool["function"]
        assert function["strict"] is True
        assert function["parameters"]["type"] == "object"
        for part in parts(function["parameters"]):
            known = {"type", "description", "enum", "anyOf", "$ref", "$defs", "items"}
            assert part.keys() <= known | {"properties", "required", "additionalProperties"}
            assert len({"type", "anyOf", "$ref"} & part.keys()) == 1
            if "properties" in part:
                assert part["additionalProperties"] is False
                assert part["required"] == list(part["properties"])
            if "array" in part.get("type", ()):
                assert "items" in part
        JsonSchema(function["parameters"])  # and a JSON Schema


def nested(depth: int) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "integer"}
    for _ in range(depth):
        part = {"type": "object", "properties": {"x": part}}
    return part


@pytest.mark.parametrize(
    ("params", "is_strict"),
    [
        (nested(10), True),
        (nested(11), False),
        (properties({f"p{n}": {"type": "null"} for n in range(5_001)}), False),
        (properties({"p" * 120_001: {"type": "null"}}), False),
        (properties({"x": {"enum": list(range(999))}}), True),  # and null
        (properties({"x": {"enum": list(range(1_000))}}), False),
        (properties({"x": {"enum": [f"{n:060}" for n in range(251)]}}), False),
    ],
)
def test_a_schema_beyond_the_limits_of_strict_mode_is_not_strict(
    manager_of, make_connection, params: dict[str, Any], is_strict: bool
) -> None:
    manager = manager_of(make_connection("large", actions={"take": {"params": params}}))
    manager.start_plugins()
    (tool,) = manager.tools("openai-strict")
    assert tool["function"]["strict"] is is_strict
    if not is_strict:
        assert tool["function"]["parameters"] == params


def test_gemini_is_not_given_an_empty_choice(manager_of, make_connection) -> None:
    params = properties({"x": {"type": "string", "enum": ["", "a"]}})
    manager = manager_of(make_connection("c", actions={"take": {"params": params}}))
    manager.start_plugins()
    (tool,) = manager.tools("gemini")
    told = {"type": "string", "description": '(enum: ["", "a"])'}
    assert tool["parameters"]["properties"]["x"] == told


def test_mcp_is_told_what_may_be_done_twice(manager_of, make_connection) -> None:
    actions = {"read": {"policy": {"idempotent": True}}, "pay": {"policy": {"retries": 1}}}
    manager = manager_of(make_connection("c", actions=actions))
    manager.start_plugins()
    read, pay = manager.tools("mcp")
    assert read["annotations"] == {"idempotentHint": True}
    assert "annotations" not in pay


def test_gemini_schemas_are_within_its_subset(manager) -> None:
    known = {"type", "description", "title", "nullable", "enum", "format", "items", "properties"}
    known |= {"required", "anyOf", "minimum", "maximum", "pattern"}
    known |= {"minItems", "maxItems", "minLength", "maxLength"}
    for tool in manager.tools("gemini"):
        for part in parts(tool.get("parameters", {"type": "string"})):
            assert part.keys() <= known
            assert isinstance(part.get("type"), str) != ("anyOf" in part)
            assert part.get("type") != "object" or part["properties"]
            assert part.get("type") != "array" or part["items"]
            assert "enum" not in part or part["type"] == "string"
            assert set(part.get("required", ())) <= set(part.get("properties", ()))


def test_every_root_is_an_object_without_alternatives(manager) -> None:
    for tool in manager.tools("anthropic"):
        assert tool["input_schema"]["type"] == "object"
        assert not {"anyOf", "oneOf", "allOf", "$ref"} & tool["input_schema"].keys()


def test_an_unknown_format_is_refused(manager) -> None:
    with pytest.raises(PluginConfigError, match=r"no tool format 'cohere'.*openai-strict"):
        manager.tools("cohere")


def test_include_and_exclude(manager) -> None:
    def names(**patterns: Any) -> set[str]:
        return {tool["name"].removeprefix("every__") for tool in manager.tools("mcp", **patterns)}

    assert names(include="act") == {"act__execute"}
    assert names(include=["every.n*", "act"]) == {"nothing", "act__execute"}
    assert names(exclude=["every.*"]) == {"act__execute"}
    assert names(include=["every"], exclude=["*.everything", "*.open"]) == {
        "nothing",
        "scalar",
        "union",
    }
    assert names(include=[]) == set()
    with pytest.raises(PluginConfigError, match="include of tools"):
        names(include=[7])


def test_only_running_plugins_have_tools(manager) -> None:
    manager.stop_plugins("every")
    assert [tool["name"] for tool in manager.tools("mcp")] == ["act__execute"]
