"""Names of tools: fit for every provider, the same in every run, never two alike."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerepy_plugins.tools import tool_name

ALLOWED = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}", re.ASCII)
PLUGIN = st.from_regex(r"[\w.-]{1,64}", fullmatch=True)
ACTION = st.text(min_size=1, max_size=80)


@pytest.mark.parametrize(
    ("plugin", "action", "name"),
    [
        ("search", "query", "search__query"),
        ("my-db", "read_rows", "my-db__read_rows"),
        ("a", "_b", "a___b"),
        ("a", "b__c", "a__b__c"),
        ("a__b", "c", "a_b_c_a92700ced282"),
        ("a_", "b", "a_b_a00766a378dc"),
        ("3d", "draw", "p_3d_draw_9576c9b95bd9"),
        ("my.own", "fs/read", "my_own_fs_read_dc0bed5c352a"),
        ("überfall", "an", "_berfall_an_2807543b9813"),
        ("p" * 40, "a" * 40, f"{'p' * 40}_{'a' * 10}_a7735e50552c"),
    ],
)
def test_names_are_the_same_in_every_run(plugin: str, action: str, name: str) -> None:
    assert tool_name(plugin, action) == name


@given(PLUGIN, ACTION)
def test_names_are_what_every_provider_takes(plugin: str, action: str) -> None:
    assert ALLOWED.fullmatch(tool_name(plugin, action))


@given(st.tuples(PLUGIN, ACTION), st.tuples(PLUGIN, ACTION))
def test_two_actions_never_have_the_same_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (tool_name(*one) == tool_name(*other)) == (one == other)


def test_names_that_read_alike_differ() -> None:
    alike = [("a", "b__c"), ("a__b", "c"), ("a_", "_b"), ("a", "_b"), ("a__", "b"), ("a.", "b")]
    assert len({tool_name(*pair) for pair in alike}) == len(alike)
