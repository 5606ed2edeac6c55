"""A Rust action through the manager against PyO3 functions written by hand, called directly."""

from __future__ import annotations

import ctypes
import json
from typing import TYPE_CHECKING, Any

import bench_hand
import extism
import orjson
import payloads
import peer_libraries
import rows
import subjects
from harness import Runner, alternate, call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zerepy_plugins import PluginManager

BY_HAND = {
    "e": "PyO3 function, pythonize both ways",
    "f": "PyO3 function, derive(FromPyObject) and derive(IntoPyObject)",
}


def measure() -> Iterator[rows.Row]:
    with subjects.rust_plugin() as manager:
        yield from small(manager)
        yield from chat(manager)
        yield from table(manager)
        yield from floats(manager)


def ours(manager: PluginManager, action: str, params: dict[str, Any]) -> Runner:
    statement = f"perform('bench', {action!r}, params)"
    return call(statement, perform=manager.perform_action, params=params)


def by_hand(function: Any, params: dict[str, Any]) -> Runner:
    return call("function(params)", function=function, params=params)


def against_hand(
    title: str, mine: Runner, peers: dict[str, Runner], limits: dict[str, float], **how: Any
) -> Iterator[rows.Row]:
    samples = alternate({"ours": mine} | peers, **how)
    for letter, limit in limits.items():
        pair = {"ours": samples["ours"], "theirs": samples[letter]}
        yield rows.share(title, BY_HAND[letter], pair, limit)


def small(manager: PluginManager) -> Iterator[rows.Row]:
    params = payloads.SMALL
    result = manager.perform_action("bench", "small", params)
    assert result == bench_hand.small_e(params) == bench_hand.small_f(params)
    mine = ours(manager, "small", params)
    peers = {
        "f": by_hand(bench_hand.small_f, params),
        "e": by_hand(bench_hand.small_e, params),
    }
    title = "Rust action, small dict (5 keys) in and out"
    yield from against_hand(title, mine, peers, {"f": 1.0, "e": 0.42})
    wasm = alternate({"ours": mine, "theirs": extism_echo(params)})
    yield rows.faster(title, "extism, a wasm module that gives its input back, orjson", wasm, 20)
    c = alternate({"ours": mine, "theirs": ctypes_echo(params)})
    yield rows.faster(title, "ctypes, a C function that gives its input back, orjson", c, 3)


def chat(manager: PluginManager) -> Iterator[rows.Row]:
    params = payloads.chat()
    assert 2200 < len(json.dumps(params)) < 2400, len(json.dumps(params))
    result = manager.perform_action("bench", "chat", params)
    assert result == bench_hand.chat_e(params) == bench_hand.chat_f(params)
    assert result == manager.perform_action("bench", "chat_borrowed", params)
    peers = {"f": by_hand(bench_hand.chat_f, params), "e": by_hand(bench_hand.chat_e, params)}
    title = "Rust action, chat request of 2.3 KB"
    owned = ours(manager, "chat", params)
    yield from against_hand(f"{title}, copied", owned, peers, {"f": 0.78, "e": 0.33})
    borrowed = ours(manager, "chat_borrowed", params)
    yield from against_hand(f"{title}, borrowed", borrowed, peers, {"f": 0.60})


def table(manager: PluginManager) -> Iterator[rows.Row]:
    params = payloads.table()
    assert 1_150_000 < len(json.dumps(params)) < 1_250_000, len(json.dumps(params))
    assert manager.perform_action("bench", "rows", params) == bench_hand.rows_f(params)
    peers = {"f": by_hand(bench_hand.rows_f, params)}
    title = "Rust action, 5,200 rows (1.2 MB) in and out"
    mine = ours(manager, "rows", params)
    yield from against_hand(title, mine, peers, {"f": 0.80}, rounds=15, seconds=0.05)


def floats(manager: PluginManager) -> Iterator[rows.Row]:
    buffers, lists = payloads.vectors()
    doubled = manager.perform_action("bench", "floats", buffers)["vectors"]
    assert [list(vector) for vector in doubled] == bench_hand.floats_e(lists)["vectors"]
    peers = {"e": by_hand(bench_hand.floats_e, lists)}
    title = "Rust action, 100 x 1,536 floats as buffers (the peer: lists)"
    mine = ours(manager, "floats", buffers)
    yield from against_hand(title, mine, peers, {"e": 0.45}, rounds=15, seconds=0.05)


def extism_echo(params: dict[str, Any]) -> Runner:
    """The least that a host of wasm plugins does: the module does not even parse its input."""
    plugin = extism.Plugin(peer_libraries.wasm_echo(), wasi=False)
    statement = "loads(invoke('echo', dumps(params)))"
    names = {"invoke": plugin.call, "dumps": orjson.dumps, "loads": orjson.loads}
    assert orjson.loads(plugin.call("echo", orjson.dumps(params))) == params
    return call(statement, params=params, **names)


def ctypes_echo(params: dict[str, Any]) -> Runner:
    """JSON to a C function and back: the function does not even parse it."""
    library = ctypes.CDLL(str(peer_libraries.c_echo()))
    room = ctypes.create_string_buffer(4096)
    echo = library.echo
    echo.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t]
    echo.restype = ctypes.c_size_t

    def perform(params: dict[str, Any]) -> Any:
        given = orjson.dumps(params)
        length = echo(given, len(given), room, 4096)
        return orjson.loads(ctypes.string_at(room, length))

    assert perform(params) == params
    return call("perform(params)", perform=perform, params=params)
