"""Configuration: scopes, files, the environment, mistakes, secrets."""

from __future__ import annotations

import json
import logging
import pickle
import traceback

import pytest

from zerepy_plugins import PluginManager
from zerepy_plugins.errors import PluginConfigError, PluginStateError

SECRET = "hunter2-do-not-show"
SCHEMA = {
    "type": "object",
    "properties": {
        "options": {
            "type": "object",
            "properties": {
                "host": {"type": "string", "default": "localhost"},
                "port": {"type": "integer", "minimum": 1},
                "key": {"type": "string", "secret": True, "minLength": 3},
                "debug": {"type": "boolean"},
            },
            "additionalProperties": False,
        }
    },
}


@pytest.fixture
def db(make_connection):
    return make_connection("db", config_schema=SCHEMA)


def options_of(manager: PluginManager, name: str = "db") -> dict:
    if name not in manager:
        manager.start_plugins(name)
    return manager[name].context.config.get("options", {})


def options(**values):
    return {"config": {"options": values}}


def test_without_configuration_there_are_the_defaults(manager_of, db):
    assert options_of(manager_of(db)) == {"host": "localhost"}


def test_later_scopes_win(manager_of, make_connection, make_action, monkeypatch):
    monkeypatch.setenv("ZEREPY_PLUGIN__DB__OPTIONS__E", "env")
    config = {
        "*": options(a="global", b="global", c="global", e="global"),
        "connection.*": options(b="category", c="category", e="category"),
        "action.*": options(b="action"),
        "db": options(c="plugin", e="plugin"),
    }
    manager = manager_of(
        make_connection("db"), make_connection("other"), make_action("act"), config=config
    )
    assert options_of(manager) == {"a": "global", "b": "category", "c": "plugin", "e": "env"}
    assert options_of(manager, "other")["c"] == "category"
    assert options_of(manager, "act")["b"] == "action"


def test_objects_are_merged_and_everything_else_replaced(manager_of, make_connection):
    config = {
        "*": options(deep={"a": 1, "b": {"x": 1}}, items=[1, 2]),
        "db": options(deep={"b": {"y": 2}}, items=[3]),
    }
    manager = manager_of(make_connection("db"), config=config)
    assert options_of(manager) == {"deep": {"a": 1, "b": {"x": 1, "y": 2}}, "items": [3]}


def test_the_manifest_is_below_the_users_settings(plugin_dir, manager_at):
    plugin_dir.connection("a/plugin.py", "a")
    manifest = {"name": "a", **options(x="manifest", y="manifest")}
    plugin_dir.write("a/plugin.json", json.dumps(manifest))
    manager = manager_at({"a": options(y="user")})
    manager.load_plugins()
    assert options_of(manager, "a") == {"x": "manifest", "y": "user"}


def test_plugins_cannot_change_each_others_configuration(manager_of, make_connection):
    def initialize(self, config):
        config["options"]["items"].append(self.name)

    classes = [make_connection(name, initialize=initialize) for name in ("a", "b")]
    manager = manager_of(*classes, config={"*": options(items=[])})
    manager.start_plugins()
    assert [options_of(manager, name)["items"] for name in ("a", "b")] == [["a"], ["b"]]


def test_a_native_plugin_gets_its_options(twins):
    manager = twins({"fragile": options(fail_initialize=True)})
    assert "fragile" not in manager.start_plugins()


def test_wrong_types_are_refused_alike(twins):
    manager = twins({"fragile": options(fail_initialize="yes")})
    manager.start_plugins()
    [failure] = manager.failures
    assert failure.plugin == "fragile"
    assert isinstance(failure.error, PluginConfigError)
    assert "config.options.fail_initialize" in str(failure.error)


# The environment.


def test_variables_are_filled_in(manager_of, make_connection, monkeypatch):
    monkeypatch.setenv("DB_HOST", "db.example")
    texts = {
        "plain": "${DB_HOST}",
        "within": "http://${DB_HOST}/x",
        "default": "${DB_NOTHING:-none}",
        "literal": "$${DB_HOST}",
        "items": ["${DB_HOST}", {"deep": "${DB_HOST}"}],
    }
    manager = manager_of(make_connection("db"), config={"db": options(**texts)})
    assert options_of(manager) == {
        "plain": "db.example",
        "within": "http://db.example/x",
        "default": "none",
        "literal": "${DB_HOST}",
        "items": ["db.example", {"deep": "db.example"}],
    }


def test_what_a_variable_contains_is_not_expanded_again(manager_of, make_connection, monkeypatch):
    monkeypatch.setenv("DB_A", "${DB_B}")
    manager = manager_of(make_connection("db"), config={"db": options(a="${DB_A}")})
    assert options_of(manager) == {"a": "${DB_B}"}


def test_a_variable_alone_takes_the_type_of_the_schema(manager_of, db, monkeypatch):
    monkeypatch.setenv("DB_PORT", "5432")
    monkeypatch.setenv("DB_KEY", "12345")
    config = {"db": options(port="${DB_PORT}", key="${DB_KEY}")}
    assert options_of(manager_of(db, config=config)) == {
        "port": 5432,
        "key": "12345",
        "host": "localhost",
    }


def test_a_missing_variable_is_named(manager_of, db):
    manager = manager_of(db, config={"db": options(host="${DB_NOT_SET}")})
    [failure] = manager.failures
    text = str(failure.error)
    assert "config.options.host: the environment variable DB_NOT_SET is not set" in text
    assert failure.stage == "validate"


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("OPTIONS__PORT", "99", {"port": 99}),
        ("OPTIONS__DEBUG", "true", {"debug": True}),
        ("OPTIONS__HOST", "99", {"host": "99"}),
        ("OPTIONS", '{"port": 7}', {"port": 7}),
    ],
)
def test_variables_of_a_plugin(manager_of, db, monkeypatch, variable, text, expected):
    monkeypatch.setenv(f"ZEREPY_PLUGIN__DB__{variable}", text)
    assert options_of(manager_of(db)) == {"host": "localhost"} | expected


def test_a_plugins_name_in_a_variable(manager_of, make_connection, monkeypatch):
    monkeypatch.setenv("ZEREPY_PLUGIN__MY_PLUGIN_2__OPTIONS__X", "1")
    manager = manager_of(make_connection("my-plugin.2"))
    assert options_of(manager, "my-plugin.2") == {"x": 1}


def test_a_variable_can_switch_off(manager_of, db, monkeypatch):
    monkeypatch.setenv("ZEREPY_PLUGIN__DB__ENABLED", "false")
    assert manager_of(db).status()[0].state == "disabled"


# Files.

DOCUMENT = {"db": {"config": {"options": {"host": "from file", "port": 1}}}}
TOML = """
[db.config.options]
host = "from file"
port = 1
"""
TOML_LIST = """
[[plugins]]
name = "db"
config.options = { host = "from file", port = 1 }
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.json", json.dumps(DOCUMENT)),
        ("c.json", json.dumps([{"name": "db", **DOCUMENT["db"]}])),
        ("c.json", json.dumps({"name": "db", **DOCUMENT["db"]})),
        ("c.toml", TOML),
        ("c.toml", TOML_LIST),
        ("c.toml", 'name = "db"\n[config.options]\nhost = "from file"\nport = 1\n'),
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_files(manager_of, db, tmp_path, name, text, as_text):
    path = tmp_path / name
    path.write_text(text)
    manager = manager_of(db, config=str(path) if as_text else path)
    assert options_of(manager) == {"host": "from file", "port": 1}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("c.json", '{"db": ', "is not JSON.*line 1 column"),
        ("c.toml", "[db]\nconfig = ", "is not TOML.*line 2 column"),
        ("c.yaml", "db: {}", "neither JSON nor TOML"),
        ("c.json", "[3]", r"plugins\[0\]: must be an object"),
        ("c.json", "3", "an entry, a list of entries, or a table"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, text, told):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(PluginConfigError, match=told) as caught:
        PluginManager([], path)
    assert str(path) in str(caught.value)


# Mistakes.

THREE_MISTAKES = [
    {"name": "a/b", "version": "one", "confg": {}},
    {"name": "db", "requires": ["x=>1"], "config": {"options": 3}},
]


def test_all_mistakes_of_a_document_are_told_with_their_paths():
    with pytest.raises(PluginConfigError) as caught:
        PluginManager([], THREE_MISTAKES)
    text = str(caught.value)
    for path in (
        "plugins[0].name:",
        "plugins[0].version:",
        "plugins[0].confg: unknown key",
        'Did you mean "config"',
        "plugins[1].requires[0]:",
        "plugins[1].config.options:",
    ):
        assert path in text


def test_all_mistakes_of_a_manifest_are_told_with_their_paths(plugin_dir, manager_at):
    plugin_dir.connection("a/plugin.py", "a")
    manifest = {"name": "a", "version": "one", "typ": "connection", "requires": [3]}
    path = plugin_dir.write("a/plugin.json", json.dumps(manifest))
    manager = manager_at()
    assert manager.load_plugins() == []
    [failure] = manager.failures
    assert (failure.stage, failure.plugin, failure.origin) == ("validate", "a", str(path))
    for place in ("version:", "typ: unknown key", "requires[0]:"):
        assert place in str(failure.error)


def test_all_mistakes_of_a_configuration_are_told_with_their_paths(manager_of, db):
    wrong = options(port=0, debug="maybe", hots="x", timeout=-1)
    manager = manager_of(db, config={"db": wrong})
    [failure] = manager.failures
    for place in ("port", "debug", "hots", "timeout"):
        assert f"config.options.{place}" in str(failure.error)
    assert 'Did you mean "host"?' in str(failure.error)


def test_a_wrong_configuration_stops_only_its_plugin(manager_of, db, make_connection):
    manager = manager_of(db, make_connection("free"), config={"db": options(port=0)})
    assert manager.start_plugins() == ["free"]
    with pytest.raises(PluginConfigError, match="port"):
        manager.start_plugins("db")
    with pytest.raises(PluginStateError, match="failed"):
        manager.perform_action("db", "x")


def test_a_name_that_is_there_twice():
    with pytest.raises(PluginConfigError, match='"db" is there twice'):
        PluginManager([], [{"name": "db"}, {"name": "db"}])


def test_a_cyclic_configuration_is_told():
    config: dict = {}
    config["db"] = config
    with pytest.raises(PluginConfigError):
        PluginManager([], config)


def test_a_schema_that_is_wrong_is_told(manager_of, make_connection):
    manager = manager_of(make_connection("db", config_schema={"type": "objekt"}))
    [failure] = manager.failures
    assert "config_schema" in str(failure.error)


def test_a_pydantic_model_is_a_schema(manager_of, make_connection):
    import pydantic

    class Options(pydantic.BaseModel):
        host: str = "localhost"
        port: int

    class Config(pydantic.BaseModel):
        options: Options

    plugin = make_connection("db", config_schema=Config)
    assert options_of(manager_of(plugin, config={"db": options(port=1)})) == {
        "port": 1,
        "host": "localhost",
    }
    manager = manager_of(plugin, config={"db": options(port="one")})
    assert "config.options.port" in str(manager.failures[0].error)


# Switching off.


def test_disabled(manager_of, db):
    manager = manager_of(db, config={"db": {"config": {"enabled": False}}})
    assert manager.start_plugins() == []
    assert manager.status()[0].state == "disabled"
    manager.enable("db")
    assert manager.start_plugins() == ["db"]
    assert manager["db"].context.config["enabled"] is False


def test_a_disabled_plugin_may_be_misconfigured_until_it_is_switched_on(manager_of, db):
    config = {"db": {"config": {"enabled": False, "options": {"port": 0}}}}
    manager = manager_of(db, config=config)
    assert manager.failures == []
    with pytest.raises(PluginConfigError, match="port"):
        manager.enable("db")
    assert manager.status()[0].state == "disabled"


# Secrets.


def test_the_plugin_gets_its_secret(manager_of, db):
    assert options_of(manager_of(db, config={"db": options(key=SECRET)}))["key"] == SECRET


def shown_by(manager: PluginManager) -> str:
    shown = [repr(manager), repr(manager.status()), repr(manager.failures)]
    for failure in manager.failures:
        shown += [str(failure.error), repr(failure.error), failure.traceback or ""]
        shown += traceback.format_exception(failure.error)
        shown += [repr(pickle.dumps(failure.error))] if not failure.error.__cause__ else []
    for status in manager.status():
        shown.append(repr(manager.describe(status.name)))
    return "\n".join(shown)


def test_secrets_are_never_shown(manager_of, db, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("DB_SECRET", SECRET)
    for value in (SECRET, "${DB_SECRET}"):
        manager = manager_of(db, config={"db": options(key=value)})
        heard = []
        manager.events.subscribe("*", heard.append)
        manager.start_plugins()
        manager.perform_action("db", "x")
        described = manager.describe("db")["config"]
        assert described["options"]["key"] == "***"
        manager.stop_plugins()
        assert SECRET not in shown_by(manager) + repr(heard)
    assert SECRET not in caplog.text


@pytest.mark.parametrize("key", [[SECRET], {"x": SECRET}])
def test_a_secret_of_the_wrong_type_is_not_quoted(manager_of, db, caplog, key):
    manager = manager_of(db, config={"db": options(key=key, port=0)})
    assert "config.options.key" in str(manager.failures[0].error)
    assert SECRET not in shown_by(manager) + caplog.text


def test_a_secret_that_breaks_a_rule_is_not_quoted(manager_of, db, caplog):
    manager = manager_of(db, config={"db": options(key="%!")})
    assert "config.options.key" in str(manager.failures[0].error)
    assert "%!" not in shown_by(manager) + caplog.text


def test_what_came_from_the_environment_is_shown_by_its_name(manager_of, db, monkeypatch):
    monkeypatch.setenv("DB_HOST", SECRET)
    monkeypatch.setenv("ZEREPY_PLUGIN__DB__OPTIONS__PORT", "7")
    manager = manager_of(db, config={"db": options(host="x ${DB_HOST}")})
    described = manager.describe("db")["config"]["options"]
    assert described["host"] == "x ${DB_HOST}"
    assert described["port"] == "${ZEREPY_PLUGIN__DB__OPTIONS__PORT}"
    assert SECRET not in shown_by(manager)


def test_a_broken_file_is_not_quoted(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(f'[db.config.options]\nkey = "{SECRET}\n')
    with pytest.raises(PluginConfigError) as caught:
        PluginManager([], path)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
