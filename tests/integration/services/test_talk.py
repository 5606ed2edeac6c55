"""What plugins may ask of their host: logs, events, metrics."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from asking import heard_by, messages
from waiting import until

from zerepy_plugins import Event
from zerepy_plugins.errors import PluginConfigError, PluginExecutionError

# Logs.


def test_records_have_typed_fields_and_those_of_spans(manager, caplog):
    manager.perform_action("talker", "log", {"text": "hello"})
    records = [it for it in caplog.records if it.name == "zerepy_plugins.plugin.talker"]
    plain, fields, traced = records
    assert (plain.getMessage(), plain.levelno, plain.fields) == ("plain hello", 30, {})
    assert fields.levelno == logging.ERROR
    assert fields.getMessage() == "fields text=hello length=5 share=0.5 short=False"
    assert fields.fields == {"text": "hello", "length": 5, "share": 0.5, "short": False}
    assert traced.getMessage().startswith("traced ")
    assert traced.fields == {
        "request": 7,
        "kept": "inner",
        "late": True,
        "text": "hello",
        "ratio": 0.25,
    }


def test_levels_are_pythons(manager, caplog):
    def details():
        manager.perform_action("talker", "log", {"text": "x"})
        return "a detail" in "".join(messages(caplog, "zerepy_plugins.plugin.talker"))

    assert not details()
    caplog.set_level(logging.DEBUG)
    until(details)


def test_records_of_background_work_arrive_by_themselves(manager, caplog):
    manager.perform_action("talker", "log_later", {"text": "later"})
    until(lambda: "later" in messages(caplog, "zerepy_plugins.plugin.talker"))
    until(lambda: "traced elsewhere" in "".join(message for message in caplog.messages))


# Events.


@pytest.mark.parametrize("action", ["say", "say_elsewhere"])
def test_what_a_plugin_publishes_is_heard(manager, action):
    heard = []
    manager.events.subscribe("said", heard.append)
    data = {"a": [1, None, 2.5, b"x", 2**70], "b": "ü"}
    manager.perform_action("talker", action, {"name": "said", "data": data})
    until(lambda: heard)
    assert heard == [Event("said", data, "talker")]


def test_async_handlers_hear_it_too(manager):
    heard = []

    async def handler(event):
        heard.append(event.name)

    manager.events.subscribe("*", handler)
    manager.perform_action("talker", "say", {"name": "said"})
    until(lambda: "said" in heard)


def test_a_plugin_hears_python_and_native_events_in_order(manager):
    for number in range(20):
        manager.events.publish(Event("talk.python", {"number": number}, "me"))
    manager.events.publish(Event("other", {}, "me"))
    manager.perform_action("talker", "say", {"name": "talk.native", "data": [1]})
    heard = until(lambda: [all_ for all_ in [heard_by(manager)] if len(all_) == 21])[0]
    assert [event["data"] for event in heard[:-1]] == [{"number": number} for number in range(20)]
    assert heard[0] == {"name": "talk.python", "source": "me", "data": {"number": 0}}
    assert heard[-1] == {"name": "talk.native", "source": "talker", "data": [1]}


def test_what_cannot_cross_is_reported_and_others_hear_it(manager, caplog):
    heard = []
    manager.events.subscribe("talk.odd", heard.append)
    event = Event("talk.odd", {"it": object()}, "me")
    manager.events.publish(event)
    assert heard == [event]
    manager.stop_plugins()  # hands records over
    assert "event.data.it" in caplog.text


def test_an_event_may_be_no_more_than_a_name(manager):
    manager.events.publish(SimpleNamespace(name="talk.bare"))
    until(lambda: heard_by(manager))
    assert heard_by(manager) == [{"name": "talk.bare", "source": "", "data": None}]


def test_a_dropped_subscription_hears_nothing(manager):
    manager.perform_action("talker", "stop_listening")
    manager.events.publish(Event("talk.a", {}, "me"))
    manager.perform_action("talker", "listen_forever", {"text": "late"})
    manager.events.publish(Event("late", {}, "me"))
    until(lambda: heard_by(manager))
    assert [event["name"] for event in heard_by(manager)] == ["late"]


def test_cleanup_ends_all_subscriptions(manager):
    manager.perform_action("talker", "listen_forever", {"text": "*"})
    manager.stop_plugins("talker")
    assert manager.events.publish(Event("talk.a", {}, "me")) is not None
    manager.start_plugins("talker")
    manager.events.publish(Event("talk.b", {}, "me"))
    until(lambda: heard_by(manager))
    assert [event["name"] for event in heard_by(manager)] == ["talk.b"]


def test_a_panicking_handler_is_logged_and_others_go_on(manager, caplog):
    manager.perform_action("talker", "panic_at", {"text": "talk.a"})
    manager.events.publish(Event("talk.a", {}, "me"))
    manager.events.publish(Event("talk.b", {}, "me"))
    until(lambda: len(heard_by(manager)) == 2)
    until(lambda: "at talk.a" in caplog.text)


def test_a_wrong_pattern_is_refused(manager):
    with pytest.raises(PluginExecutionError, match=r"cannot subscribe to \"a\*\""):
        manager.perform_action("talker", "listen_forever", {"text": "a*"})


# Metrics.


def test_metrics_of_native_plugins(manager):
    assert manager.monitor.metrics("caller") == {}
    for name in ("a", "abc"):
        manager.perform_action("talker", "say", {"name": name})
    assert manager.monitor.metrics("talker") == {
        "said": {"kind": "counter", "value": 2},
        "last": {"kind": "gauge", "value": 2.5},
        "sizes": {"kind": "histogram", "count": 2, "sum": 4.0, "min": 1.0, "max": 3.0},
    }


def test_metrics_of_python_plugins(manager, add, make_connection):
    def perform_action(self, action, params):
        self.context.counter("calls").add()
        self.context.counter("calls").add(2)
        self.context.gauge("level").set(-1)
        self.context.histogram("sizes").record(3)

    add(make_connection("py", perform_action=perform_action))
    manager.perform_action("py", "x")
    assert manager.monitor.metrics(manager["py"]) == {
        "calls": {"kind": "counter", "value": 3},
        "level": {"kind": "gauge", "value": -1.0},
        "sizes": {"kind": "histogram", "count": 1, "sum": 3.0, "min": 3.0, "max": 3.0},
    }
    with pytest.raises(PluginConfigError, match="is a counter, not a gauge"):
        manager["py"].context.gauge("calls")


def test_metrics_are_bounded(manager):
    for number in range(256 - len(manager.monitor.metrics("talker"))):
        manager.perform_action("talker", "count", {"text": str(number)})
    with pytest.raises(PluginExecutionError, match="one too many"):
        manager.perform_action("talker", "count", {"text": "more"})
