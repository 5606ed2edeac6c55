"""Values that do their worst while they cross: errors at most, and the call works the next time."""

from __future__ import annotations

import gc
import sys
import threading
import time

import pytest

from zerepy_plugins.errors import InvalidParamsError


def never(self, *args):
    raise AssertionError("it was called")


HOOKS = ("__index__", "__int__", "__float__", "__bool__", "__len__", "__iter__", "__getitem__")
HOOKS += ("__getattr__", "__getattribute__", "__str__", "__bytes__", "__next__", "__contains__")


@pytest.mark.parametrize("pretended", [int, str, dict, list, float, bytes])
def test_pretenders_are_refused_unheard(echo, pretended):
    body = dict.fromkeys(HOOKS, never) | {"__class__": property(lambda self: pretended)}
    with pytest.raises(InvalidParamsError, match=r"params\.value\[1\]: a value of type .*Pretend"):
        echo([1, type("Pretender", (), body)()])


def test_keys_may_be_hostile_too(echo):
    class Key:
        def __repr__(self):
            raise RuntimeError("no")

    with pytest.raises(InvalidParamsError, match=r"params\.value: the key \? is not a str"):
        echo({Key(): 1})


@pytest.mark.parametrize("inner", ["{Odd(): 1}", "[Odd()]", "{Text('x'): object()}"])
def test_what_is_refused_may_clear_what_holds_it(run_child, twin_dirs, inner):
    """The path of an error was once read out of parameters that were freed."""
    child = run_child(
        f"""
        import sys
        from zerepy_plugins import discover_plugins
        from zerepy_plugins.errors import InvalidParamsError

        def clear(_):
            outer.clear()
            return "odd"

        class Naming(type):
            __module__ = property(clear)

        class Odd(metaclass=Naming):
            __repr__ = clear

        class Text(str):
            __str__ = clear

        plugin = discover_plugins(sys.argv[1])["echo"]()
        plugin.initialize({{}})
        for number in range(20):
            key = "-".join(["key", str(number)] * 20)
            outer = {{key: {inner}}}
            try:
                plugin.perform_action("echo", {{"value": outer}})
            except InvalidParamsError as error:
                assert f"params.value.{{key}}" in str(error), error
            else:
                raise AssertionError("not refused")
            assert outer == {{}}
        """,
        twin_dirs["native"],
        PYTHONMALLOC="debug",  # freed memory is overwritten
    )
    assert child.returncode == 0, child.stderr


def test_collections_do_not_run_code_in_the_middle(echo, same):
    """Big integers once set the collector off, whose finalizers could change what was lent."""
    value = ["x" * 100, *(2**100 + n for n in range(50))]

    class Cycle:
        def __init__(self):
            self.me = self

        def __del__(self):
            value[0] = None

    old = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(20):
            value[0] = "x" * 100
            Cycle()
            answer = echo(value)
            assert answer[0] in ("x" * 100, None)
            assert same(answer[1:], value[1:])
    finally:
        gc.set_threshold(*old)


@pytest.mark.parametrize("action", ["inline", "blocking"])
def test_a_dict_that_changes_meanwhile(native, arrays, action):
    values: dict = {str(number): [number] for number in range(50)}
    stop = threading.Event()

    def change():
        number = 0
        while not stop.is_set():
            number += 1
            values[f"new {number}"] = "text" * 20
            values.pop(f"new {number - 20}", None)
            values["0"] = [number]

    thread = threading.Thread(target=change)
    thread.start()
    try:
        deadline = time.monotonic() + 0.4
        while time.monotonic() < deadline:
            if action == "inline":
                answer = native.perform_action("echo", {"value": values})
            else:
                answer = arrays.perform_action("copied", {"value": values})["value"]
            assert answer["1"] == [1]
            assert all(item == "text" * 20 for key, item in answer.items() if "new" in key)
    finally:
        stop.set()
        thread.join()


since_3_12 = pytest.mark.skipif(sys.version_info < (3, 12), reason="__buffer__ is new in 3.12")


@since_3_12
def test_a_buffer_written_in_python(echo, same):
    events = []

    class Exporter:
        def __buffer__(self, flags):
            events.append("asked")
            return memoryview(b"\1\0\2\0").cast("h")

        def __release_buffer__(self, view):
            events.append("given back")

    assert same(echo([Exporter()]), [memoryview(b"\1\0\2\0").cast("h")])
    assert events == ["asked", "given back"]


@since_3_12
@pytest.mark.parametrize("raised", [RuntimeError("no"), SystemExit(), MemoryError()], ids=repr)
def test_a_buffer_that_raises(echo, raised):
    class Exporter:
        def __buffer__(self, flags):
            raise raised

    with pytest.raises(InvalidParamsError, match=r"params\.value\.a: it gives no access") as caught:
        echo({"a": Exporter()})
    assert caught.value.__cause__ is raised


@since_3_12
def test_ctrl_c_passes_through_a_buffer(echo):
    class Exporter:
        def __buffer__(self, flags):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        echo({"a": Exporter()})


@since_3_12
def test_a_buffer_of_nonsense(echo):
    class Exporter:
        def __buffer__(self, flags):
            return 42

    with pytest.raises(InvalidParamsError, match="it gives no access"):
        echo(Exporter())


@since_3_12
@pytest.mark.parametrize("change", ["clear", "replace", "grow"])
def test_a_buffer_that_changes_the_parameters(echo, change):
    """It runs before anything is lent: what was found then decides."""
    value: list = ["x" * 1000, {"k": "y" * 1000}]

    class Exporter:
        def __buffer__(self, flags):
            if change == "clear":
                value.clear()
            elif change == "replace":
                value[2] = Exporter()
            else:
                value.insert(0, "z" * 1000)
            gc.collect()
            return memoryview(b"abc")

    value.append(Exporter())
    if change == "clear":
        assert echo(value) == []
    elif change == "grow":
        assert echo(value) == ["z" * 1000, "x" * 1000, {"k": "y" * 1000}, memoryview(b"abc")]
    else:
        with pytest.raises(InvalidParamsError, match="changed its size while it was read"):
            echo(value)


@since_3_12
def test_a_buffer_that_calls_plugins(echo):
    class Exporter:
        def __buffer__(self, flags):
            assert echo(["inner"]) == ["inner"]
            return memoryview(b"abc")

        def __release_buffer__(self, view):
            assert echo(["inner"]) == ["inner"]

    assert echo(["outer", Exporter()]) == ["outer", memoryview(b"abc")]
