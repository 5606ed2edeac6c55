"""Plugins that speak MessagePack: a library in C that has nothing of ours but the header."""

from __future__ import annotations

import array
import struct

import pytest

from zerepy_plugins.errors import InvalidParamsError, PluginExecutionError

NAN_WITH_PAYLOAD = struct.unpack("<d", struct.pack("<Q", 0xFFF0000000000001))[0]
WIDTHS = [5, 7, 8, 15, 16, 31, 32, 63, 64, 100, 256]
INTEGERS = [sign * 2**bits + delta for bits in WIDTHS for sign in (1, -1) for delta in (-1, 0, 1)]
LENGTHS = [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536]

EXACT = [
    *(None, True, False, 0.0, -0.0, float("inf"), NAN_WITH_PAYLOAD, "größe\0", b"\xff\0"),
    INTEGERS,
    ["x" * length for length in LENGTHS],
    [b"x" * length for length in LENGTHS],
    [[1] * length for length in LENGTHS],
    [{str(n): n for n in range(length)} for length in LENGTHS],
    [memoryview(bytes(8 * length)).cast("d") for length in LENGTHS],
    memoryview(array.array("B", b"abc")).cast("b"),
]


@pytest.mark.parametrize("value", EXACT)
def test_exact(packer, same, value):
    assert same(packer.perform_action("echo", {"value": value}), {"value": value})


def test_a_tuple_comes_back_as_a_list(packer, same):
    assert same(packer.perform_action("echo", {"value": (1, (2,))}), {"value": [1, [2]]})


def test_depth_is_the_same(packer):
    value: dict = {}
    for _ in range(127):
        value = {"k": value}
    assert packer.perform_action("echo", value) == value
    with pytest.raises(InvalidParamsError, match="nests deeper than 128 levels"):
        packer.perform_action("echo", {"k": value})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "c0"),
        (1, "01"),
        (-33, "d0df"),
        (2**64, "c70901000000000000000001"),
        (-(2**63) - 1, "c70901ffffffffffffff7fff"),
        ("ä", "a2c3a4"),
        (b"a", "c40161"),
        ((1,), "9101"),
        (array.array("h", [1, -1]), "c70502680100ffff"),
        (array.array("b", [7]), "d5026207"),
    ],
)
def test_the_bytes_on_the_wire(packer, value, expected):
    wire = packer.perform_action("raw", {"v": value})
    assert wire.hex() == "81a176" + expected


@pytest.mark.parametrize(
    ("wire", "value"),
    [("ca3f000000", 0.5), ("cd0001", 1), ("d3ffffffffffffffff", -1), ("d9026162", "ab")],
)
def test_other_ways_to_write_it(packer, same, wire, value):
    assert same(packer.perform_action("parse", bytes.fromhex(wire)), value)


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        ("", "it ends within a value"),
        ("c1", "a byte that MessagePack does not use"),
        ("0101", "bytes after the value"),
        ("ddffffffff", "a container with fewer items than it says"),
        ("c6ffffffff", "it ends within a value"),
        ("a1ff", "a text that is not UTF-8"),
        ("810101", "a key that is not a text"),
        ("d6ff00000000", "an extension type that values do not use"),
        ("d5026401", "a packed array that is not of whole numbers"),
        ("91" * 129 + "c0", "it nests deeper than 128 levels"),
    ],
    ids=lambda item: item[:40],
)
def test_broken_answers(packer, wire, why):
    with pytest.raises(PluginExecutionError, match=why):
        packer.perform_action("parse", bytes.fromhex(wire))
    assert packer.perform_action("echo", {"v": 1}) == {"v": 1}


def test_a_few_bytes_do_not_take_all_memory(packer):
    """Each byte of nulls would be a node of 16."""
    size = 2**24
    wire = b"\xdd" + struct.pack(">I", size) + b"\xc0" * size
    with pytest.raises(PluginExecutionError, match="the limit is 268435456"):
        packer.perform_action("parse", wire)
