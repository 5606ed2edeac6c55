"""What ZerePy's own plugin system and its guide expect of these classes."""

from __future__ import annotations

import pytest

from zerepy_plugins import (
    Event,
    EventBus,
    PluginBase,
    PluginManager,
    PluginRegistry,
    discover_plugins,
)
from zerepy_plugins.errors import PluginLoadError, PluginNotFoundError, PluginStateError

PLAIN = """
from zerepy_plugins import PluginBase

class Plain(PluginBase):
    @property
    def name(self):
        return "plain"

    @property
    def version(self):
        return "1.0.0"

    def initialize(self, config):
        self.config = config

    def cleanup(self):
        pass
"""


@pytest.fixture
def plain(tmp_path):
    (tmp_path / "test_plugin.py").write_text(PLAIN)
    return discover_plugins(str(tmp_path))["plain"]


def test_a_plugin_of_neither_kind_is_found_by_its_name(plain):
    assert issubclass(plain, PluginBase)
    assert (plain.name, plain.version) == ("plain", "1.0.0")


def test_a_broken_file_is_a_load_error_and_a_missing_directory_is_nothing(tmp_path):
    (tmp_path / "broken.py").write_text("no python")
    with pytest.raises(PluginLoadError):
        discover_plugins(str(tmp_path))
    assert discover_plugins(str(tmp_path / "missing")) == {}


@pytest.mark.parametrize("category", ["connection", "action"])
def test_it_can_be_registered_in_either_category(plain, category):
    registry = PluginRegistry()
    assert (registry._plugins, registry._categories) == ({}, {"connection", "action"})
    registry.register(category, "plain", plain)
    assert registry._plugins == registry.list_plugins() == {category: {"plain": plain}}
    assert registry.get_plugin(category, "plain") is plain
    with pytest.raises(PluginNotFoundError):
        registry.get_plugin(category, "other")
    with pytest.raises(ValueError, match="invalid"):
        registry.register("invalid", "plain", plain)


@pytest.mark.parametrize(
    ("folder", "category"),
    [(".", "connection"), ("connections", "connection"), ("actions", "action")],
)
def test_a_manager_hosts_it_in_the_category_of_its_folder(tmp_path, folder, category):
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "plain.py").write_text(PLAIN)
    with PluginManager(tmp_path, entry_points=False) as manager:
        (status,) = manager.status()
        assert (status.name, status.category, status.state) == ("plain", category, "running")
        for call in (
            lambda: manager.perform_action("plain", "anything"),
            lambda: manager.execute_sync("plain"),
        ):
            with pytest.raises(PluginStateError, match="cannot be called"):
                call()


def test_the_layout_of_the_guide(tmp_path):
    folder = tmp_path / "actions" / "my_action"
    folder.mkdir(parents=True)
    (folder / "plugin.py").write_text(
        PLAIN.replace("PluginBase", "ActionPlugin")
        + "    def validate_params(self, params):\n        return []\n"
        + "    async def execute(self, params):\n        return params\n"
    )
    (folder / "__init__.py").write_text("from .plugin import Plain\n__all__ = ['Plain']\n")
    with PluginManager(tmp_path, entry_points=False) as manager:
        assert manager.execute_sync("plain", {"a": 1}) == {"a": 1}


async def test_events_are_published_with_await_and_without():
    bus, received = EventBus(), []
    bus.subscribe("test_event", received.append)
    event = Event("test_event", {"data": "test"}, "test")
    await bus.publish(event)
    bus.publish(event)
    bus.unsubscribe("test_event", received.append)
    await bus.publish(event)
    assert received == [event, event]
