"""The core's rules for versions and schemas, as Python may ask for them."""

from __future__ import annotations

import pytest

from zerepy_plugins import _native
from zerepy_plugins.errors import PluginConfigError


@pytest.mark.parametrize("version", ["1.0.0", "2!1.0rc1.post2.dev3+local.1", "0"])
def test_versions(version):
    assert _native.is_version(version)


@pytest.mark.parametrize("version", ["", "one", "1.0-", "1..0", "1.0+é"])
def test_what_is_no_version(version):
    assert not _native.is_version(version)


def test_all_problems_are_listed_with_their_places_and_secrets_are_not_quoted():
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"b": {"type": "integer"}, "key": {"type": "integer", "writeOnly": True}},
    }
    problems = _native.schema_problems(schema, {"b": "x", "key": "hush"}, "params")
    assert sorted(problem.partition(":")[0] for problem in problems) == [
        "params.a",
        "params.b",
        "params.key",
    ]
    assert "hush" not in "".join(problems)
    assert _native.schema_problems(schema, {"a": None}, "params") == []


def test_what_is_no_schema_or_has_no_json_form():
    with pytest.raises(PluginConfigError, match="not a JSON Schema at type"):
        _native.schema_problems({"type": "nothing"}, 1, "value")
    loop: list = []
    loop.append(loop)
    for value in (2**70, b"", float("nan"), loop):
        with pytest.raises(PluginConfigError, match="value"):
            _native.schema_problems({}, value, "value")
