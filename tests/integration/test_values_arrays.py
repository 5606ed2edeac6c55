"""Arrays of numbers cross packed: from whatever has the buffer protocol, to a `memoryview`."""

from __future__ import annotations

import array
import ctypes
import gc
import mmap
import struct
import sys

import pytest

from zerepy_plugins import PluginManager
from zerepy_plugins.errors import InvalidParamsError

NAN_WITH_PAYLOAD = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000001))[0]
SAMPLES = {
    "?": [True, False],
    "b": [-128, 127],
    "B": [0, 255],
    "h": [-(2**15), 2**15 - 1],
    "H": [0, 2**16 - 1],
    "i": [-(2**31), 2**31 - 1],
    "I": [0, 2**32 - 1],
    "l": [-(2**63), 2**63 - 1],
    "L": [0, 2**64 - 1],
    "q": [-(2**63), 2**63 - 1],
    "Q": [0, 2**64 - 1],
    "f": [0.5, -0.0],
    "d": [0.1, -0.0, float("inf")],
}
SAME_SIZE = {"l": "q", "L": "Q"}


def packed(letter: str, numbers: list) -> memoryview:
    return memoryview(struct.pack(f"{len(numbers)}{letter}", *numbers)).cast(letter)


@pytest.mark.parametrize("letter", SAMPLES)
def test_each_type_of_number(echo, same, letter):
    if letter == "B":
        sent = memoryview(array.array("B", SAMPLES["B"]))
        answer = echo(array.array("B", SAMPLES["B"]))
    else:
        sent = packed(letter, SAMPLES[letter])
        answer = echo(sent)
    assert answer == sent
    assert answer.tolist() == SAMPLES[letter]
    assert answer.format == SAME_SIZE.get(letter, letter)
    assert answer.tobytes() == sent.tobytes()


def test_every_bit_of_a_nan(echo):
    numbers = array.array("d", [NAN_WITH_PAYLOAD, -0.0])
    assert echo(numbers).tobytes() == numbers.tobytes()


def test_a_result_is_memory_of_its_own(echo):
    numbers = array.array("i", [1, 2, 3])
    answer = echo(numbers)
    answer[0] = 7
    assert numbers[0] == 1
    assert array.array(answer.format, answer).tolist() == [7, 2, 3]
    numbers.append(4)  # and the buffer of the parameter was given back


@pytest.mark.parametrize("kind", ["native", "c"], indirect=True)
def test_in_every_place(running, same):
    numbers = array.array("h", [1, -1])
    value = [b"x", numbers, {"a": (numbers, "odd")}, 2**70, array.array("d")]
    view = memoryview(numbers)
    expected = [b"x", view, {"a": (view, "odd")}, 2**70, memoryview(b"").cast("d")]
    assert same(running.perform_action("echo", "echo", {"value": value}), expected)


def test_dimensions_are_lists_of_rows(echo, same):
    flat = memoryview(bytes(range(24))).cast("h")
    cube = flat.cast("B").cast("h", shape=[2, 3, 2])
    answer = echo(cube)
    assert [[row.tolist() for row in plane] for plane in answer] == cube.tolist()
    assert all(row.format == "h" for plane in answer for row in plane)
    one = memoryview(ctypes.c_double(2.5))
    assert one.ndim == 0
    assert same(echo(one), 2.5)


def test_what_is_not_contiguous_is_copied_into_order(echo):
    numbers = array.array("q", range(10))
    assert echo(memoryview(numbers)[::-3]).tolist() == [9, 6, 3, 0]
    assert echo(memoryview(numbers)[1:1]).tolist() == []


@pytest.mark.parametrize(
    "value",
    [
        bytearray(b"a\0b"),
        memoryview(b"a\0b"),
        memoryview(bytearray(b"a\0b")),
        memoryview(b"b\0\0\0a"[::-1])[::2][:0].tobytes() + b"a\0b",
    ],
    ids=["bytearray", "memoryview", "memoryview of a bytearray", "bytes"],
)
@pytest.mark.parametrize("action", ["echo", "copied"])
def test_bytes_by_another_name_are_bytes(echo, arrays, same, value, action):
    answer = echo(value) if action == "echo" else arrays.perform_action("copied", {"": value})[""]
    assert same(answer, b"a\0b")


def test_bytes_in_another_order(echo, same):
    assert same(echo(memoryview(b"abc")[::-1]), b"cba")


def test_other_exporters_of_bytes_are_arrays(echo, same):
    with mmap.mmap(-1, 4) as memory:
        memory[:] = b"abcd"
        assert same(echo(memory), memoryview(b"abcd"))


STANDARD = memoryview((ctypes.c_int32.__ctype_le__ * 2)(1, -1))


@pytest.mark.skipif(sys.byteorder != "little", reason="the format is this machine's own")
def test_the_standard_sizes_of_formats(echo):
    assert STANDARD.format.startswith("<")
    assert echo(STANDARD).tolist() == [1, -1]
    assert echo(STANDARD).format == "i"


class Point(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int), ("y", ctypes.c_int))


@pytest.mark.parametrize(
    "value",
    [
        memoryview(b"ab").cast("c"),
        (Point * 2)(),
        (ctypes.c_int.__ctype_be__ * 2)(1, 2),
        (ctypes.c_void_p * 2)(),
        array.array("u", "text") if sys.version_info < (3, 13) else (ctypes.c_wchar * 2)(),
    ],
    ids=["chars", "structs", "other byte order", "pointers", "wide chars"],
)
def test_other_formats_are_refused(echo, value):
    with pytest.raises(InvalidParamsError) as caught:
        echo([1, {"k": value}])
    assert "params.value[1].k: an array of the format" in str(caught.value)
    assert "convert it to one of bools, integers or floats" in str(caught.value)


def test_released_memory_is_refused(echo):
    view = memoryview(bytearray(8))
    view.release()
    with pytest.raises(InvalidParamsError, match=r"params\.value: .*released memoryview"):
        echo(view)


def test_buffers_are_given_back(echo, arrays):
    memory = bytearray(16)
    for wrong in (set(), memoryview(b"x").cast("c")):
        with pytest.raises(InvalidParamsError):
            echo([memoryview(memory).cast("d"), wrong])
    echo(memoryview(memory).cast("d"))
    arrays.perform_action("copied", {"a": memoryview(memory).cast("d")})
    gc.collect()
    memory.append(1)  # a BufferError, if a buffer were still held


def test_types_of_rust(arrays):
    numbers = array.array("d", [1.0, 2.5])
    scale = lambda values: arrays.perform_action("scale", {"values": values, "factor": 2.0})  # noqa: E731
    for values in (numbers, [1.0, 2.5], (1.0, 2.5), array.array("f", numbers)):
        assert scale(values).tolist() == [2.0, 5.0]
        assert scale(values).format == "d"
    assert scale(array.array("q", [3])).tolist() == [6.0]
    assert arrays.perform_action("mean", {"values": array.array("B", [1, 2])}) == 1.5
    with pytest.raises(InvalidParamsError, match=r"params\.values\[1\]: expected a float"):
        scale(array.array("q", [1, 2**60]))
    with pytest.raises(InvalidParamsError, match=r"params\.values\[0\]: .*expected f64"):
        scale(memoryview(b"\1").cast("?"))
    with pytest.raises(InvalidParamsError, match=r"params\.values: expected a list, got bytes"):
        scale(b"12345678")


def test_inline_actions_borrow(arrays):
    for values in (b"aab", bytearray(b"aab"), array.array("B", b"aab")):
        answer = arrays.perform_action("count", {"values": values})
        assert answer["borrowed"] is True
        assert answer["counts"][ord("a")] == 2


def test_the_schema_says_numbers(arrays):
    properties = arrays.actions["scale"]["params"]["properties"]
    assert properties["values"]["type"] == "array"
    assert properties["values"]["items"] == {"type": "number"}
    assert arrays.actions["scale"]["result"] == {"type": "array", "items": {"type": "number"}}


def test_older_plugins_get_lists(old_echo, same):
    numbers = array.array("d", [NAN_WITH_PAYLOAD, -0.0])
    value = {"a": [numbers, memoryview(bytes(4)).cast("B", shape=[2, 2])]}
    assert same(old_echo.perform_action("echo", value), {"a": [list(numbers), [[0, 0], [0, 0]]]})


def test_a_config_takes_arrays_as_lists(make_connection):
    seen = []
    plugin = make_connection("taker", initialize=lambda self, config: seen.append(config))
    config = [{"name": "taker", "config": {"options": {"weights": array.array("h", [1, 2])}}}]
    manager = PluginManager([], config, entry_points=False)
    manager.registry.register("connection", "taker", plugin)
    with manager:
        assert seen[0]["options"]["weights"] == [1, 2]


def test_numpy(echo, arrays, same):
    numpy = pytest.importorskip("numpy")
    for dtype in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"):
        sent = numpy.arange(6).astype(dtype)
        for shaped in (sent, sent[::-1], sent[::2]):
            answer = numpy.asarray(echo(shaped))
            assert answer.dtype == shaped.dtype
            assert answer.tobytes() == shaped.tobytes()
            assert (echo(shaped) == memoryview(shaped)) is True
    table = numpy.arange(6.0).reshape(2, 3)
    for order in (table, numpy.asfortranarray(table), table.T.copy().T):
        assert numpy.array_equal(numpy.array(echo(order)), table)
    assert same(echo(numpy.int64(3)), 3)
    assert same(echo(numpy.float64(0.5)), 0.5)
    assert numpy.shares_memory(*map(numpy.asarray, [answer := echo(table[0]), answer]))
    scaled = numpy.asarray(arrays.perform_action("scale", {"values": table[1], "factor": 0.5}))
    assert scaled.tolist() == [1.5, 2.0, 2.5]
    assert scaled.flags.writeable
    odd = numpy.frombuffer(b"\0" + struct.pack("<2d", 1.0, 2.0), offset=1)  # not aligned
    assert arrays.perform_action("scale", {"values": odd, "factor": 1.0}).tolist() == [1.0, 2.0]
    for wrong in (numpy.array([1j]), numpy.array([None]), numpy.array([1], dtype=">i4")):
        with pytest.raises(InvalidParamsError, match=r"params\.value: an array of the format"):
            echo(wrong)
    with pytest.raises(InvalidParamsError, match=r"params\.value: it gives no access"):
        echo(numpy.array(["2026-01-01"], dtype="M8[D]"))
