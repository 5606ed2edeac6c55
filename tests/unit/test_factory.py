"""The factory: from a configuration of the manifest's shape to an instance."""

from __future__ import annotations

import pytest

import zerepy_plugins
from zerepy_plugins import PluginFactory
from zerepy_plugins.errors import PluginConfigError, PluginExecutionError, PluginNotFoundError

SCHEMA = {
    "type": "object",
    "properties": {
        "options": {
            "type": "object",
            "properties": {"size": {"type": "integer", "default": 3}, "key": {"type": "string"}},
        }
    },
}


@pytest.fixture
def registry(registry_of, make_connection, make_action):
    def keep(self, config):
        self.config = config

    return registry_of(
        make_connection("plain"),
        make_connection("configured", __init__=keep, config_schema=SCHEMA),
        make_connection("raises", __init__=lambda self: 1 / 0),
        make_action("greet"),
    )


def test_the_instance_is_not_initialized(registry_of, make_connection):
    calls = []
    registry = registry_of(make_connection("a", initialize=lambda self, config: calls.append(1)))
    plugin = PluginFactory.create("connection", {"name": "a"}, registry=registry)
    assert type(plugin) is registry.get_plugin("connection", "a")
    assert calls == []


def test_each_call_makes_another(registry):
    first, second = (
        PluginFactory.create("action", {"name": "greet"}, registry=registry) for _ in range(2)
    )
    assert first is not second


def test_the_whole_manifest_shape_is_taken(registry):
    document = {
        "name": "configured",
        "version": "1.0.0",
        "type": "connection",
        "config": {"enabled": True, "options": {"key": "x", "timeout": 30, "retries": 3}},
    }
    plugin = PluginFactory.create("connection", document, registry=registry)
    assert plugin.config == {
        "enabled": True,
        "options": {"key": "x", "timeout": 30, "retries": 3, "size": 3},
    }


def test_defaults_of_the_schema_are_filled_in(registry):
    plugin = PluginFactory.create("connection", {"name": "configured"}, registry=registry)
    assert plugin.config == {"options": {"size": 3}}


def test_the_environment_is_filled_in(registry, monkeypatch):
    monkeypatch.setenv("FACTORY_KEY", "from outside")
    monkeypatch.setenv("ZEREPY_PLUGIN__CONFIGURED__OPTIONS__SIZE", "8")
    document = {"name": "configured", "config": {"options": {"key": "${FACTORY_KEY}"}}}
    plugin = PluginFactory.create("connection", document, registry=registry)
    assert plugin.config == {"options": {"key": "from outside", "size": 8}}


def test_without_a_registry_the_default_one_is_asked(make_connection):
    plugin_class = make_connection("by-default")
    zerepy_plugins.default_registry.register("connection", "by-default", plugin_class)
    try:
        plugin = PluginFactory.create("connection", {"name": "by-default"})
    finally:
        zerepy_plugins.default_registry.unregister("connection", "by-default")
    assert type(plugin) is plugin_class


@pytest.mark.parametrize(
    ("plugin_type", "document", "error", "text"),
    [
        ("database", {"name": "plain"}, ValueError, "database"),
        ("connection", {"name": "plian"}, PluginNotFoundError, "plain"),
        ("connection", {"name": "greet"}, PluginNotFoundError, "greet"),
        ("connection", {"name": "plain", "type": "action"}, PluginConfigError, "config.type"),
        ("connection", {}, PluginConfigError, "one plugin"),
        ("connection", [], PluginConfigError, "one plugin"),
        ("connection", "plain", PluginConfigError, "config"),
        ("connection", [{"name": "plain"}, {"name": "raises"}], PluginConfigError, "one plugin"),
        ("connection", {"name": "plain", "config": {"x": {1}}}, ValueError, "config.config.x"),
        ("connection", {"name": "plain", "config": {"x": "${NOT_SET_X}"}}, ValueError, "NOT_SET_X"),
        ("connection", {"name": "raises"}, PluginExecutionError, "ZeroDivisionError"),
    ],
)
def test_what_is_wrong_is_told(registry, plugin_type, document, error, text):
    with pytest.raises(error) as caught:
        PluginFactory.create(plugin_type, document, registry=registry)
    assert text in str(caught.value)


def test_all_problems_are_told_together(registry):
    options = {"size": "big", "key": 3, "retries": -1}
    document = {"name": "configured", "config": {"options": options}}
    with pytest.raises(PluginConfigError) as caught:
        PluginFactory.create("connection", document, registry=registry)
    for path in ("config.options.size", "config.options.key", "config.options.retries"):
        assert path in str(caught.value)
    assert caught.value.plugin == "configured"


@pytest.mark.parametrize("kind_of_init", ["none", "config", "optional", "required", "keyword"])
def test_any_init_signature_is_fine(registry_of, make_connection, kind_of_init):
    def config(self, config):
        self.got = config

    def optional(self, size=3):
        self.got = size

    def required(self, settings):
        self.got = settings

    def keyword(self, *, config=None):
        self.got = config

    made = {"config": config, "optional": optional, "required": required, "keyword": keyword}
    init = {"__init__": made[kind_of_init]} if kind_of_init in made else {}
    registry = registry_of(make_connection("a", **init))
    document = {"name": "a", "config": {"x": 1}}
    plugin = PluginFactory.create("connection", document, registry=registry)
    expected = {"none": None, "optional": 3}.get(kind_of_init, {"x": 1})
    assert getattr(plugin, "got", None) == expected
