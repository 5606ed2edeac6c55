"""How large a payload may be: refused before it is written, in either direction."""

from __future__ import annotations

import array
import inspect
import shutil
import tracemalloc
from pathlib import Path

import pytest

from zerepy_plugins import PluginManager
from zerepy_plugins.errors import InvalidParamsError, PluginExecutionError

DEFAULT = 256 * 2**20
LIBRARY = Path(__file__).parents[2] / "target/release/libzerepy_fixture_arrays.so"


@pytest.fixture
def managed(tmp_path):
    """Make managers of the arrays plugin."""
    shutil.copy(LIBRARY, tmp_path)
    made = []

    def make(**kwargs):
        manager = PluginManager(tmp_path, entry_points=False, **kwargs)
        made.append(manager)
        return manager.__enter__()

    yield make
    for manager in made:
        manager.stop_plugins()


# A map with one pair, and what is in it: nodes of 16 bytes, and the bytes of texts.
TAKES = [
    ("x" * 100, 3 * 16 + 1 + 100),
    (b"x" * 100, 3 * 16 + 1 + 100),
    ([None] * 100, 3 * 16 + 1 + 1600),
    ({"ab": 1}, 5 * 16 + 1 + 2),
    (2**100, 3 * 16 + 1 + 13),
]


@pytest.mark.parametrize(("value", "size"), TAKES)
def test_every_byte_counts(managed, value, size):
    call = lambda manager: manager.perform_action("arrays", "copied", {"v": value})  # noqa: E731
    assert call(managed(max_payload=size)) == {"v": value}
    with pytest.raises(InvalidParamsError) as caught:
        call(managed(max_payload=size - 1))
    assert f"and the limit is {size - 1}" in str(caught.value)
    assert str(caught.value).startswith("params")
    assert "max_payload" in caught.value.hint
    assert caught.value.plugin == "arrays"


def test_arrays_count_as_what_they_take(managed):
    manager, numbers = managed(max_payload=10_000), array.array("d", bytes(8_000))
    scale = {"values": numbers, "factor": 1.0}
    assert len(manager.perform_action("arrays", "scale", scale)) == 1000
    scale["values"] = array.array("d", bytes(16_000))
    with pytest.raises(InvalidParamsError, match=r"params\.values: it takes 16000 bytes"):
        manager.perform_action("arrays", "scale", scale)


@pytest.mark.parametrize("limit", [10_000, DEFAULT])
def test_results_are_limited(managed, arrays, limit):
    plugin = arrays if limit == DEFAULT else managed(max_payload=limit)["arrays"]
    assert len(plugin.perform_action("zeros", {"count": limit - 16})) == limit - 16
    with pytest.raises(PluginExecutionError, match=f"result: it takes {limit + 1} bytes"):
        plugin.perform_action("zeros", {"count": limit - 15})


def test_no_limit(managed):
    manager = managed(max_payload=None)
    assert len(manager.perform_action("arrays", "zeros", {"count": DEFAULT + 1})) == DEFAULT + 1


def test_the_default_holds_outside_of_a_manager(arrays):
    assert inspect.signature(PluginManager).parameters["max_payload"].default in (DEFAULT, ...)
    memory = bytearray(DEFAULT)
    tracemalloc.start()
    try:
        for action in ("copied", "scale"):
            with pytest.raises(InvalidParamsError, match=f"the limit is {DEFAULT}"):
                arrays.perform_action(action, {"values": memory})
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_few_bytes_that_show_as_very_many(managed):
    numpy = pytest.importorskip("numpy")
    values = {"values": numpy.broadcast_to(numpy.float64(1), 2**57), "factor": 1.0}
    for limit, why in ((DEFAULT, "and the limit is"), (None, "not enough memory")):
        with pytest.raises(InvalidParamsError, match=rf"params\.values: .*{why}"):
            managed(max_payload=limit).perform_action("arrays", "scale", values)


@pytest.mark.parametrize("limit", [-1, 1.5, "many"])
def test_limits_are_numbers_of_bytes(limit):
    with pytest.raises((TypeError, OverflowError, ValueError)):
        PluginManager([], max_payload=limit)
