"""Values across the border, through `echo`: exact, or refused with the path."""

from __future__ import annotations

import contextlib
import enum
import gc
import math
import struct
import sys
from collections import OrderedDict, namedtuple
from typing import Any

import pytest

from zerepy_plugins import discover_plugins
from zerepy_plugins.errors import InvalidParamsError

MAX_DEPTH = 128


def nested(depth: int, innermost: Any = None) -> list:
    value: Any = innermost
    for _ in range(depth):
        value = [value]
    return value


WIDTHS = [7, 8, 31, 32, 53, 63, 64, 65, 127, 128, 256]
EDGES = [2**bits + delta for bits in WIDTHS for delta in (-1, 0, 1)]
QUIET_AND_SIGNALING = [
    0x7FF8000000000000,
    0xFFF8000000000000,
    0x7FF8000000000001,
    0x7FF0000000000001,
]
NANS = [struct.unpack("<d", struct.pack("<Q", bits))[0] for bits in QUIET_AND_SIGNALING]

EXACT = [
    *(None, True, False, 0, 1, -1, 2**300, -(2**300), 10**77),
    *EDGES,
    *(-edge for edge in EDGES),
    *(0.0, -0.0, 0.1, 1e308, 5e-324, math.inf, -math.inf),
    *NANS,
    *("", "text", "größe", "日本", "🦀", "a\0b", "\0", "\ufeff", "\U0010ffff", "x" * 70_000),
    *(b"", b"bytes", b"\0\xff", bytes(range(256)) * 300),
    *([], [1], [[]], [None, True, 1, 1.0, "1", b"1"]),
    *((), (1,), ((),), (1, [2, (3,)])),
    *({}, {"": 0}, {"a": {"b": {"c": []}}}, {"b": 1, "a": 2}, {"größe\0": 1, "🦀": 2}),
    list(range(10_000)),
    {str(number): number for number in range(10_000)},
]


@pytest.mark.parametrize("value", EXACT)
def test_exact(echo, same, value):
    assert same(echo(value), value)


def test_exact_through_a_manager(running, same):
    for value in EXACT:
        assert same(running.perform_action("echo", "echo", {"value": value}), value)


def test_a_bool_stays_a_bool(echo):
    assert [type(item) for item in echo([True, 1, False, 0])] == [bool, int, bool, int]


def test_the_result_is_a_copy(echo):
    value = {"a": [1]}
    answer = echo(value)
    answer["a"].append(2)
    assert value == {"a": [1]}


def test_the_same_object_twice_becomes_two(echo):
    item = [1]
    first, second = echo([item, item])
    assert first == second == [1]
    assert first is not second


class Color(enum.IntEnum):
    RED = 3


class Word(enum.StrEnum):
    HELLO = "hello"


class Text(str):
    __slots__ = ()


Point = namedtuple("Point", ["x", "y"])


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (Color.RED, 3),
        (Word.HELLO, "hello"),
        (Text("text"), "text"),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (Point(1, 2), (1, 2)),
        ({Word.HELLO: 1}, {"hello": 1}),
        (type("Many", (list,), {})([1, 2]), [1, 2]),
        (type("Real", (float,), {})(1.5), 1.5),
        (type("Raw", (bytes,), {})(b"x"), b"x"),
        (bytearray(b"x\0"), b"x\0"),
        (type("Raw", (bytearray,), {})(b"x"), b"x"),
        (type("Big", (int,), {})(2**100), 2**100),
    ],
)
def test_subclasses_become_what_they_extend(echo, same, value, result):
    assert same(echo(value), result)


def test_no_code_of_a_subclass_runs(echo, same):
    def never(self, *args):
        raise AssertionError("it was called")

    hooks = ("__iter__", "__len__", "__getitem__", "__str__", "__index__", "__int__", "__float__")
    hooks += ("items", "keys", "bit_length", "to_bytes", "__eq__", "__bool__", "__contains__")
    body = dict.fromkeys(hooks, never) | {"__hash__": object.__hash__}
    values = [
        base.__new__(type("Tricky", (base,), body), *arguments)
        for base, arguments in [(int, (2**100,)), (float, (1.5,)), (str, ("x",)), (tuple, ([1],))]
    ]
    answer = echo(values)
    assert same(answer, [2**100, 1.5, "x", (1,)])


def cyclic_list() -> list:
    value: list = []
    value.append(value)
    return value


def cyclic_dict() -> dict:
    value: dict = {}
    value["self"] = [value]
    return value


REFUSED = [
    ({1, 2}, "params.value: a value of type set"),
    (object(), "params.value: a value of type object"),
    (1j, "params.value: a value of type complex"),
    ([1, [2, {1}]], "params.value[1][1]: a value of type set"),
    ([0, 1, 2, {"x": object()}], "params.value[3].x: a value of type object"),
    ({"a": ({"b": print},)}, "params.value.a[0].b: a value of type builtin_function_or_method"),
    ({1: 2}, "params.value: the key 1 is not a str"),
    ({"a": {None: 2}}, "params.value.a: the key None is not a str"),
    ([{("a",): 2}], "params.value[0]: the key ('a',) is not a str"),
    ("\ud800", "params.value: the text holds a lone surrogate"),
    (["ok", {"k": "a\udfffb"}], "params.value[1].k: the text holds a lone surrogate"),
    ({"\ud800": 1}, "params.value: the text holds a lone surrogate"),
    (type, "params.value: a value of type type"),
]


@pytest.mark.parametrize(("value", "text"), REFUSED)
def test_refused_with_the_path(echo, value, text):
    with pytest.raises(InvalidParamsError) as caught:
        echo(value)
    assert text in str(caught.value)
    str(caught.value).encode()


def cyclic_tuple() -> tuple:
    value: tuple = ([],)
    value[0].append(value)
    return value


@pytest.mark.parametrize("make", [cyclic_list, cyclic_dict, cyclic_tuple])
def test_cycles_are_told(echo, make):
    with pytest.raises(InvalidParamsError, match=r"params\.value.*contains itself"):
        echo(make())


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"k": v}])
def test_depth_is_limited(native, same, wrap):
    params: Any = 1
    for _ in range(MAX_DEPTH - 1):
        params = wrap(params)
    assert same(native.perform_action("echo", {"value": params}), params)
    with pytest.raises(InvalidParamsError, match=f"nests deeper than {MAX_DEPTH} levels"):
        native.perform_action("echo", {"value": wrap(params)})


def test_abysses_are_told(echo):
    value = nested(100_000)
    with pytest.raises(InvalidParamsError, match=r"params\.value.*nests deeper"):
        echo(value)
    while value:  # taken apart by hand: freeing it at once is deep recursion as well
        value = value.pop()


def test_the_plugin_works_after_a_refusal(echo):
    with pytest.raises(InvalidParamsError):
        echo([1, "x" * 1000, {2}])
    assert echo([1]) == [1]


def blocks_kept_by(work) -> int:
    """Say how many blocks of memory a thousand repetitions leave behind."""
    for _ in range(100):
        work()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(1000):
        work()
    gc.collect()
    return sys.getallocatedblocks() - before


def test_calls_leave_nothing_behind(echo):
    value = {"a": [1.5, "text" * 10, b"x" * 100, 2**100, (None, True)], "b": {"c": []}}
    assert blocks_kept_by(lambda: echo(value)) < 500


@pytest.mark.parametrize(("value", "text"), REFUSED[:9:4])
def test_refusals_leave_nothing_behind(echo, value, text):
    def work():
        with contextlib.suppress(InvalidParamsError):
            echo(["x" * 100, value])

    assert blocks_kept_by(work) < 500


@pytest.mark.parametrize("params", [[], (), 3, "text", b"x", True])
def test_params_that_are_no_dict_are_told_by_the_plugin(native, params):
    with pytest.raises(InvalidParamsError, match="params: expected a dict"):
        native.perform_action("echo", params)


def test_a_config_crosses_the_border_too(native, twin_dirs):
    plugin = discover_plugins(twin_dirs["native"])["fragile"]()
    with pytest.raises(ValueError, match=r"config\.options\.x: a value of type set"):
        plugin.initialize({"options": {"x": {1}}})


async def test_values_of_async_calls(twin_dirs):
    plugin = discover_plugins(twin_dirs["native"])["shout"]()
    plugin.initialize({})
    assert await plugin.execute({"text": "größe 🦀"}) == "GRÖSSE 🦀"
