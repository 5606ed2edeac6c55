"""`discover_plugins`: what it returns, and what becomes of broken plugins."""

from __future__ import annotations

import pytest

from zerepy_plugins import ActionPlugin, ConnectionPlugin, discover_plugins
from zerepy_plugins.errors import PluginConfigError, PluginLoadError
from zerepy_plugins.records import DiscoveredPlugins


def test_classes_by_name(twins_dir):
    plugins = discover_plugins(twins_dir)
    assert sorted(plugins) == ["dependent", "echo", "fragile", "shout"]
    assert issubclass(plugins["echo"], ConnectionPlugin)
    assert issubclass(plugins["shout"], ActionPlugin)
    assert {plugin.version for plugin in plugins.values()} == {"1.0.0"}
    assert plugins["dependent"].requires == ["echo>=1"]


def test_it_is_a_dict_with_failures(twins_dir):
    plugins = discover_plugins(str(twins_dir), on_error="collect")
    assert isinstance(plugins, dict)
    assert isinstance(plugins, DiscoveredPlugins)
    assert plugins.failures == []


def test_classes_can_be_used_without_a_manager(twins_dir):
    echo = discover_plugins(twins_dir)["echo"]()
    echo.initialize({})
    assert echo.perform_action("echo", {"value": [1]}) == [1]
    echo.cleanup()


def test_a_missing_directory_is_empty_and_a_warning(tmp_path, caplog):
    assert discover_plugins(tmp_path / "nowhere") == {}
    [record] = caplog.records
    assert record.name.startswith("zerepy_plugins.")
    assert (record.levelname, "nowhere" in record.getMessage()) == ("WARNING", True)


def test_an_empty_directory_is_empty_without_a_warning(tmp_path, caplog):
    assert discover_plugins(tmp_path) == {}
    assert caplog.records == []


def test_raise_is_the_default(plugin_dir):
    plugin_dir.write("bad.py", "1 / 0")
    plugin_dir.connection("good.py", "good")
    with pytest.raises(PluginLoadError, match=r"bad\.py") as caught:
        discover_plugins(plugin_dir.path)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_collect_gives_the_good_ones_and_the_failures(plugin_dir):
    plugin_dir.write("bad.py", "1 / 0")
    plugin_dir.connection("good.py", "good")
    plugins = discover_plugins(plugin_dir.path, on_error="collect")
    assert list(plugins) == ["good"]
    [failure] = plugins.failures
    assert (failure.stage, failure.plugin) == ("import", "bad")
    assert failure.origin == str(plugin_dir.path / "bad.py")
    assert isinstance(failure.error, PluginLoadError)
    assert "ZeroDivisionError" in failure.traceback
    assert "bad.py" in failure.traceback


@pytest.mark.parametrize("manifest", ['{"name": "other"}', '{"name": "a", "versoin": "1"}', "{"])
def test_whatever_is_wrong_is_a_load_error(plugin_dir, manifest):
    plugin_dir.connection("a/plugin.py", "a")
    plugin_dir.write("a/plugin.json", manifest)
    with pytest.raises(PluginLoadError) as caught:
        discover_plugins(plugin_dir.path)
    assert "plugin.json" in str(caught.value)


def test_two_of_a_name_name_both_origins(plugin_dir):
    plugin_dir.connection("one.py", "same")
    plugin_dir.connection("two.py", "same")
    plugins = discover_plugins(plugin_dir.path, on_error="collect")
    assert list(plugins) == ["same"]
    [failure] = plugins.failures
    assert failure.stage == "validate"
    assert "one.py" in str(failure.error)
    assert "two.py" in str(failure.error)


def test_an_unknown_on_error_is_told(tmp_path):
    with pytest.raises(PluginConfigError, match='Use "raise" or "collect"'):
        discover_plugins(tmp_path, on_error="ignore")


def test_the_file_itself_is_no_directory(plugin_dir):
    path = plugin_dir.connection("a.py", "a")
    with pytest.raises(PluginLoadError, match="cannot be read"):
        discover_plugins(path)


def test_a_relative_path_is_another_directory_after_a_change_of_directory(tmp_path, monkeypatch):
    for folder in ("one", "two"):
        (tmp_path / folder / "plugins").mkdir(parents=True)
        source = (
            "from zerepy_plugins import PluginBase\n"
            f"class Found(PluginBase):\n    name = {folder!r}\n    version = '1'\n"
            "    def initialize(self, config): ...\n    def cleanup(self): ...\n"
        )
        (tmp_path / folder / "plugins" / "found.py").write_text(source)
    for folder in ("one", "two"):
        monkeypatch.chdir(tmp_path / folder)
        assert list(discover_plugins("plugins")) == [folder]
