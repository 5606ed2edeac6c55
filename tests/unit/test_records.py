"""The records: frozen data that can be compared, copied and pickled."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from zerepy_plugins import Event, PluginFailure, PluginState, PluginStats, PluginStatus
from zerepy_plugins.errors import PluginLoadError

FAILURE = PluginFailure("import", "a", "/a.py", PluginLoadError("no"), "Traceback …", "Mend it")
RECORDS = [
    Event("a.b", {"x": 1}, "me"),
    PluginStats(calls=1, last_error="no"),
    PluginStatus("a", "action", "1", "python", "/a.py", PluginState.RUNNING, True),
    FAILURE,
]

each_record = pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)


@each_record
def test_frozen(record):
    field = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, field, "other")


@each_record
def test_pickled_and_copied(record):
    for other in (pickle.loads(pickle.dumps(record)), copy.deepcopy(record)):
        assert type(other) is type(record)
        assert repr(other) == repr(record)


def test_states_are_their_words():
    words = ["discovered", "registered", "initializing", "running", "stopping", "stopped"]
    words += ["failed", "disabled", "skipped", "retrying"]
    assert [state.value for state in PluginState] == words
    assert PluginState.RUNNING == "running"
    assert str(PluginState.RUNNING) == f"{PluginState.RUNNING}" == "running"
    assert PluginState("failed") is PluginState.FAILED
    assert pickle.loads(pickle.dumps(PluginState.FAILED)) is PluginState.FAILED


def test_events_compare_by_content():
    assert Event("a", {"x": 1}) == Event("a", {"x": 1})
    assert Event("a") != Event("a", source="me")


def test_a_failures_traceback_is_not_in_its_repr():
    assert "Traceback" not in repr(FAILURE)
    assert "Mend it" in repr(FAILURE)


def test_the_managers_records_are_these(running):
    status = {entry.name: entry for entry in running.status()}
    echo = status["echo"]
    assert (echo.category, echo.version, echo.state) == ("connection", "1.0.0", "running")
    assert (echo.healthy, echo.failure) == (True, None)
    assert status["shout"].category == "action"
    assert pickle.loads(pickle.dumps(running.status())) == running.status()


def test_kind_and_origin(running, kind, twins_dir):
    kind, file = ("python", "twins_py") if kind == "python" else ("native", "twins.so")
    origin = str(twins_dir / file)
    assert {(entry.kind, entry.origin) for entry in running.status()} == {(kind, origin)}
