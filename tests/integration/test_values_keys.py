"""The keys of results: the host keeps those it made, and they are still the right ones."""

from __future__ import annotations

import gc
import sys

ALIKE = ["axbc", "aybc", "azbc", "ä", "é", "k" * 64, "k" * 65, ""]  # some share a slot of the cache


def test_keys_come_back_as_themselves(running):
    for _ in range(3):
        for key in ALIKE:
            assert running.perform_action("echo", "echo", {"value": {key: key}}) == {key: key}
    value = {key: {key: [key]} for key in ALIKE}
    assert running.perform_action("echo", "echo", {"value": value}) == value


def test_finalizers_may_call_plugins_while_a_result_is_built(running, kind):
    params = {"value": {f"outer{number}": {"a": {}, "b": []} for number in range(50)}}
    inner, within = [], []

    class Cycle:
        def __init__(self):
            self.me = self

        def __del__(self):
            within.append(running.monitor.stats("echo").in_flight)
            inner.append(running.perform_action("echo", "echo", {"value": {"inner": {}}}))

    before = gc.get_threshold()
    try:
        for _ in range(20):
            Cycle()
            gc.set_threshold(1)
            result = running.perform_action("echo", "echo", params)
            gc.set_threshold(*before)
            assert result == params["value"]
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert inner == [{"inner": {}}] * 20
    if kind != "python" and sys.version_info < (3, 12):  # later ones collect between steps of code
        assert 1 in within
