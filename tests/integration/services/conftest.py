"""A manager that runs the plugins which ask for everything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from zerepy_plugins import PluginManager

LIBRARY = Path(__file__).parents[3] / "target/release/libzerepy_fixture_services.so"


@pytest.fixture
def directory(tmp_path):
    shutil.copy(LIBRARY, tmp_path)
    return tmp_path


@pytest.fixture
def manager(directory, registry_of):
    config = {"talker": {"config": {"options": {"pattern": "talk.*"}}}}
    with PluginManager(directory, config, registry=registry_of(), entry_points=False) as manager:
        yield manager


@pytest.fixture
def add(manager):
    """Add running plugins to the manager."""

    def add(*classes):
        for plugin_class in classes:
            category = "action" if hasattr(plugin_class, "execute") else "connection"
            manager.registry.register(category, plugin_class.name, plugin_class)
        manager.load_plugins()
        manager.start_plugins()

    return add
