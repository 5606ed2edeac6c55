"""What the host makes of tapes that no honest plugin would write: errors, whatever is in them."""

from __future__ import annotations

import contextlib
import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zerepy_plugins.errors import PluginExecutionError

MAX_DEPTH = 128
NULL, FALSE, TRUE, INT, UINT, BIGINT, FLOAT, STR, STR_REF, BYTES, BYTES_REF = range(11)
LIST, TUPLE, MAP, PACKED, PACKED_REF = range(11, 16)

Node = tuple[int, int, int]


def answer(raw, nodes: list[Node], arena: bytes = b"") -> Any:
    packed = b"".join(struct.pack("=IIQ", *node) for node in nodes)
    return raw.perform_action("answer", struct.pack("=Q", len(nodes)) + packed + arena)


def array_of(letter: str, length: int, offset: int) -> Node:
    return (PACKED | ord(letter) << 8, length, offset)


def test_an_honest_one(raw):
    nodes = [(LIST, 2, 3), array_of("h", 2, 0), (STR, 3, 4)]
    numbers, text = answer(raw, nodes, struct.pack("=hh", 1, -1) + b"abc")
    assert (numbers.tolist(), text) == ([1, -1], "abc")


@pytest.mark.parametrize("kind", [LIST, TUPLE, MAP])
def test_depth_is_limited(raw, kind):
    def nested(depth: int) -> list[Node]:
        if kind != MAP:
            return [(kind, 1, depth + 1)] * depth + [(NULL, 0, 0)]
        return [node for _ in range(depth) for node in ((MAP, 1, 2 * depth + 1), (STR, 0, 0))] + [
            (NULL, 0, 0)
        ]

    value = answer(raw, nested(MAX_DEPTH))
    for _ in range(MAX_DEPTH):
        (value,) = value.values() if kind == MAP else value
    assert value is None
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(PluginExecutionError, match=f"nests deeper than {MAX_DEPTH} levels"):
            answer(raw, nested(depth))


@pytest.mark.parametrize(
    ("nodes", "arena", "why"),
    [
        ([(99, 0, 0)], b"", "a value of an unknown kind"),
        ([(INT, 0, 1), (INT, 0, 2)], b"", "more than one value"),
        ([(MAP, 2, 5), *[(STR, 1, 0), (NULL, 0, 0)] * 2], b"k", "a map that has a key twice"),
        ([array_of("e", 1, 0)], b"12345678", "a value of an unknown kind"),
        ([array_of("d", 1, 0)], b"1234567", "beyond the end of the data"),
        ([array_of("d", 2**32 - 1, 0)], bytes(64), "beyond the end of the data"),
        ([array_of("d", 0, 9)], bytes(8), "beyond the end of the data"),
        ([(PACKED_REF | ord("d") << 8, 1, 4096)], b"", "a lent value"),
        ([(STR_REF, 1, 4096)], b"", "a lent value"),
        ([(STR, 1, 0)], b"\xff", "codec can't decode"),
        ([(LIST, 1, 2)], b"", "a container"),
        ([(LIST, 2**32 - 1, 1)], b"", "fewer items than it says"),
        ([(MAP, 1, 3), (INT, 0, 0), (NULL, 0, 0)], b"", "a text is expected"),
    ],
)
def test_broken_ones(raw, nodes, arena, why):
    with pytest.raises(PluginExecutionError, match=why) as caught:
        answer(raw, nodes, arena)
    assert caught.value.plugin == "raw"


@pytest.mark.parametrize("node", [(STR, 2**20, 0), (BYTES, 2**20, 0), array_of("B", 2**20, 0)])
def test_shared_bytes_count_each_time(raw, node):
    """A thousand nodes that point to the same text would be a gigabyte in Python."""
    nodes = [(LIST, 1000, 1001), *([node] * 1000)]
    with pytest.raises(PluginExecutionError, match="the limit is 268435456"):
        answer(raw, nodes, b"x" * 2**20)


kinds = st.integers(0, 17)
nodes = st.lists(
    st.tuples(
        kinds | st.tuples(kinds, st.sampled_from(b"?bBhHiIqQfdeP")).map(lambda k: k[0] | k[1] << 8),
        st.integers(0, 3) | st.sampled_from([2**31, 2**32 - 1]),
        st.integers(0, 12) | st.sampled_from([2**63, 2**64 - 1]),
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=500,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(nodes=nodes, arena=st.binary(max_size=20))
def test_whatever_is_written_does_no_harm(raw, nodes, arena):
    with contextlib.suppress(PluginExecutionError):
        answer(raw, nodes, arena)
