"""ZerePy's classes as plugins, without a manager."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from zerepy_plugins import ConnectionPlugin
from zerepy_plugins.compat.hosted import host
from zerepy_plugins.errors import PluginLoadError, PluginNotFoundError, PluginStateError


def _parameter(name, required=True):
    return SimpleNamespace(name=name, required=required, type=int, description="")


class BaseConnection:
    def __init__(self, config):
        self.actions = {}
        self.config = config
        self.register_actions()

    def register_actions(self):
        parameters = [_parameter("a"), _parameter("b", required=False)]
        self.actions["add-up"] = SimpleNamespace(parameters=parameters, description="Add")

    def is_configured(self, verbose=False):
        return True

    def add_up(self, a, b=0):
        return a + b

    def perform_action(self, action_name, **kwargs):
        return self.actions[action_name](**kwargs)


class Inherits(BaseConnection):
    pass


class TakesDict(BaseConnection):
    def perform_action(self, action_name, kwargs=None):
        return ["dict", self.add_up(**kwargs)]


class TakesKeywords(BaseConnection):
    def perform_action(self, action_name, **kwargs):
        return ["keywords", self.add_up(**kwargs)]


class TakesPeers(BaseConnection):
    def __init__(self, config, connections):
        super().__init__(config)
        self.connections = connections

    def set_solana_connection(self, connection):
        self.solana = connection


def _started(cls, config=None, **kwargs):
    plugin = host("one", lambda: cls, **kwargs)()
    plugin.initialize(config or {})
    return plugin


@pytest.mark.parametrize(
    ("cls", "result"), [(Inherits, 3), (TakesDict, ["dict", 3]), (TakesKeywords, ["keywords", 3])]
)
def test_every_way_to_perform_an_action_is_used(cls, result):
    plugin = _started(cls)
    assert plugin.perform_action("add-up", {"a": 1, "b": 2}) == result
    assert plugin.perform_action("add-up", ["1", 2]) == result


@pytest.mark.parametrize(
    ("given", "config", "got"),
    [
        (None, {"name": "one", "x": 1}, {"name": "one", "x": 1}),
        (None, {}, {"name": "one"}),
        ({"x": 1}, {"enabled": True, "options": {}}, {"x": 1}),
        ({"x": 1, "y": 1}, {"enabled": True, "options": {"x": 2}}, {"x": 2, "y": 1}),
        ({"timeout": 9}, {"options": {"timeout": 5, "retries": 1, "x": 1}}, {"timeout": 9, "x": 1}),
    ],
)
def test_initialize_gives_the_class_its_settings(given, config, got):
    plugin = _started(Inherits, config, settings=given)
    assert (plugin.config, plugin.name) == (got, "one")


def test_the_settings_are_the_callers_own_object():
    mine = {"name": "one"}
    assert _started(Inherits, settings=mine).config is mine


def test_a_class_that_wants_the_others_gets_them(caplog):
    solana = object()
    peers = {"solana": solana}
    plugin = _started(TakesPeers, peers=peers)
    assert (plugin.connections, plugin.solana) == (peers, solana)
    _started(TakesPeers)
    assert "TakesPeers requires a Solana connection." in caplog.text


def test_attributes_are_the_connections_while_it_runs():
    plugin = _started(Inherits)
    plugin.mark = 1
    assert (plugin.wrapped.mark, plugin.mark) == (1, 1)
    assert isinstance(plugin, ConnectionPlugin)
    plugin.cleanup()
    with pytest.raises(AttributeError, match="mark"):
        plugin.mark  # noqa: B018
    with pytest.raises(PluginStateError, match="not initialized"):
        plugin.perform_action("add-up", [1])


def test_schemas_are_on_the_class_and_zerepys_actions_on_the_instance():
    cls = host("one", lambda: Inherits)
    assert cls.actions["add-up"]["params"]["required"] == ["a"]
    plugin = cls()
    assert plugin.actions is cls.actions
    plugin.initialize({})
    assert plugin.actions["add-up"].description == "Add"
    with pytest.raises(PluginNotFoundError, match="add-up"):
        plugin.perform_action("add-on", [])


def test_a_class_that_cannot_be_loaded_is_tried_again_at_the_next_start():
    loads = []

    def load():
        loads.append(1)
        if len(loads) < 3:
            raise PluginLoadError("not yet", hint="pip install it")
        return Inherits

    cls = host("one", load)
    assert (cls.unusable.hint, cls.actions) == ("pip install it", {})
    with pytest.raises(PluginLoadError):
        cls().initialize({})
    plugin = cls()
    plugin.initialize({})
    assert plugin.perform_action("add-up", [1]) == 1


@pytest.mark.parametrize("answer", [True, False])
def test_is_llm_provider_may_be_read_and_where_it_is_a_method_called(answer):
    as_method = _started(type("One", (Inherits,), {"is_llm_provider": lambda self: answer}))
    assert (bool(as_method.is_llm_provider), as_method.is_llm_provider()) == (answer, answer)
    assert repr(as_method.is_llm_provider) == repr(answer)
    as_property = _started(
        type("Two", (Inherits,), {"is_llm_provider": property(lambda self: answer)})
    )
    assert as_property.is_llm_provider is answer
