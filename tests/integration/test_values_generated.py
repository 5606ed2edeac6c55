"""Whatever a value is, it comes back: generated ones, through each way there is."""

from __future__ import annotations

import array
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zerepy_plugins import discover_plugins

LETTERS = "?bBhHiIqQfd"


def _array(drawn: tuple[str, bytes]) -> Any:
    """Make an array of bytes, as far as they are whole numbers."""
    letter, content = drawn
    size = memoryview(bytes(8)).cast(letter).itemsize
    if letter == "B":
        return array.array("B", content)  # a memoryview of these would be bytes
    return memoryview(content[: len(content) // size * size]).cast(letter)


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**300), max_value=2**300)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=20)
    | st.tuples(st.sampled_from(LETTERS), st.binary(max_size=20)).map(_array)
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=4,
)
ANY = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}


def received(value: Any) -> Any:
    """Return what the other side should make of it: an `array` has the form of a `memoryview`."""
    if isinstance(value, list):
        return [received(item) for item in value]
    if isinstance(value, tuple):
        return tuple(received(item) for item in value)
    if isinstance(value, dict):
        return {key: received(item) for key, item in value.items()}
    return memoryview(value) if isinstance(value, array.array) else value


def without_tuples(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [without_tuples(item) for item in value]
    if isinstance(value, dict):
        return {key: without_tuples(item) for key, item in value.items()}
    return value


@settings(max_examples=10_000, **ANY)
@given(value=values)
def test_inline(native, same, value):
    assert same(native.perform_action("echo", {"value": value}), received(value))


@settings(max_examples=300, **ANY)
@given(value=values)
def test_on_another_thread(arrays, same, value):
    assert same(arrays.perform_action("copied", {"value": value}), {"value": received(value)})


@settings(max_examples=500, **ANY)
@given(value=values)
def test_in_c(c_echo, same, value):
    assert same(c_echo.perform_action("echo", {"value": value}), received(value))


@settings(max_examples=500, **ANY)
@given(value=values)
def test_as_messagepack(packer, same, value):
    answer = packer.perform_action("echo", {"value": value})
    assert same(answer, {"value": without_tuples(received(value))})


@settings(max_examples=50, **ANY)
@given(numbers=st.lists(st.floats(allow_nan=False, width=32), max_size=50))
def test_sums_are_bit_equal(twin_dirs, native, same, numbers):
    python = discover_plugins(twin_dirs["python"])["echo"]()
    params = {"numbers": numbers}
    assert same(*(plugin.perform_action("sum", params) for plugin in (python, native)))


@pytest.fixture(scope="module")
def c_echo(twin_dirs):
    plugin = discover_plugins(twin_dirs["c"])["echo"]()
    plugin.initialize({})
    return plugin
