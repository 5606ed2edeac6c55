"""What ZerePy's plugin branch does with its configuration."""

from __future__ import annotations

import builtins
import json
import stat

import pytest

from zerepy_plugins.compat.config import (
    AgentConfigValidator,
    CompositeConfigProvider,
    ConnectionConfigValidator,
    EnvConfigProvider,
    FileConfigProvider,
    PluginConfigValidator,
    SchemaValidator,
    Settings,
    ValidationError,
)
from zerepy_plugins.errors import PluginConfigError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_settings_are_kept_in_the_users_file(home):
    settings = Settings()
    assert (settings._settings, settings._config_dir) == ({}, home / ".zerepy")
    assert settings._config_dir.is_dir()
    settings.set("a", [1, "ä"])
    settings.set("b", None)
    settings.delete("b")
    settings.delete("c")
    assert (settings.get("a"), settings.get("b"), settings.get("b", 2)) == ([1, "ä"], None, 2)
    assert Settings().all == {"a": [1, "ä"]}
    (file,) = settings._config_dir.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(TypeError):
        settings.set("d", object())
    assert settings.all == Settings().all == {"a": [1, "ä"]}


def test_a_file_that_cannot_be_read_is_never_overwritten(home):
    (home / ".zerepy").mkdir()
    file = home / ".zerepy" / "config.json"
    for text in ("{", "[]"):
        file.write_text(text)
        with pytest.raises(PluginConfigError, match=r"config\.json cannot be used"):
            Settings()
        assert file.read_text() == text


def test_the_global_settings_read_their_file_when_they_are_asked(run_child, home):
    result = run_child(
        """
        from pathlib import Path
        from zerepy_plugins.compat.config import Settings, settings
        from zerepy_plugins.compat.config.settings import settings as same
        import zerepy_plugins.compat.config as config
        folder = Path.home() / ".zerepy"
        assert settings is same is config.settings and isinstance(settings, Settings)
        assert not folder.exists() and not hasattr(settings, "nothing")
        settings.set("a", 1)
        assert settings.all == {"a": 1} and folder.is_dir()
        """
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_the_first_provider_that_has_a_value_wins(home, monkeypatch):
    monkeypatch.setenv("KEY", "of the environment")
    monkeypatch.delenv("OTHER", raising=False)
    (home / ".env").write_text("KEY=of the file\nOTHER=other\n")
    (home / "config.json").write_text('{"KEY": "of the JSON", "depth": 0}')
    env, file = EnvConfigProvider(str(home / ".env")), FileConfigProvider(home / "config.json")
    both = CompositeConfigProvider([env, file])
    assert [both.get(key) for key in ("KEY", "OTHER", "depth", "nope")] == [
        "of the environment", "other", 0, None,
    ]  # fmt: skip
    both.set("depth", 5)
    assert (env.get("depth"), json.loads((home / "config.json").read_text())["depth"]) == ("5", 5)
    monkeypatch.delenv("depth")
    monkeypatch.delenv("OTHER")


def test_without_the_package_a_dotenv_file_is_an_error_and_none_is_fine(home, monkeypatch):
    def without(name, *args):
        if name == "dotenv":
            raise ModuleNotFoundError(name)
        return real(name, *args)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", without)
    assert EnvConfigProvider(str(home / ".env")).get("HOME") == str(home)
    (home / ".env").write_text("A=1\n")
    with pytest.raises(PluginConfigError, match=r"zerepy-plugins\[zerepy\]"):
        EnvConfigProvider(str(home / ".env"))


AGENT = {
    "name": "A",
    "bio": ["a"],
    "traits": [],
    "examples": [],
    "loop_delay": 900,
    "config": [{"name": "openai", "model": "m"}],
    "tasks": [{"name": "post-tweet", "weight": 1}],
}


@pytest.mark.parametrize(
    ("validator", "document", "problems"),
    [
        (AgentConfigValidator(), AGENT, []),
        (AgentConfigValidator(), AGENT | {"bio": "a", "loop_delay": 0.5}, []),
        (
            AgentConfigValidator(),
            AGENT | {"loop_delay": True, "config": [{}], "tasks": [{"name": "a"}, 5]},
            ["loop_delay", "config[0].name", "tasks[1]"],
        ),
        (AgentConfigValidator(), [], [""]),
        (
            ConnectionConfigValidator(),
            {"name": 1, "credentials": {"api_key": 2}},
            ["name", "type", "credentials.api_key"],
        ),
        (
            PluginConfigValidator(),
            {"name": "a", "version": "1", "type": "x", "config": {"enabled": "no"}},
            ["type", "config.enabled"],
        ),
        (SchemaValidator({"a": {"type": (int, str)}}), {"a": 1.5}, ["a"]),
    ],
)
def test_all_problems_are_found_with_their_places(validator, document, problems):
    assert [problem.field for problem in validator.validate(document)] == problems


def test_a_problem_says_what_is_wanted():
    validator = SchemaValidator({"a": {"type": (int, str)}, "b": {"required": True}})
    assert validator.validate({"a": 1.5}) == [
        ValidationError("a", "a must be of type int or str"),
        ValidationError("b", "b is required"),
    ]
