"""The registry: register, find, list, take away; from many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from zerepy_plugins import PluginRegistry, default_registry
from zerepy_plugins.errors import PluginConfigError, PluginNotFoundError


@pytest.fixture
def registry():
    return PluginRegistry()


def test_what_was_registered_is_found(registry, make_connection, make_action):
    connection, action = make_connection("db"), make_action("greet")
    registry.register("connection", "db", connection)
    registry.register("action", "greet", action)
    assert registry.get_plugin("connection", "db") is connection
    assert registry.get_plugin("action", "greet") is action


def test_the_name_given_counts_not_that_of_the_class(registry, make_connection):
    registry.register("connection", "other", make_connection("db"))
    assert "other" in registry
    assert "db" not in registry


def test_categories_are_apart(registry, make_connection, make_action):
    registry.register("connection", "same", make_connection("same"))
    registry.register("action", "same", make_action("same"))
    assert len(registry) == 2
    registry.unregister("connection", "same")
    assert ("action", "same") in registry
    assert ("connection", "same") not in registry


@pytest.mark.parametrize("method", ["register", "get_plugin", "unregister"])
def test_an_unknown_category_is_a_value_error(registry, make_connection, method):
    arguments = ("database", "db", make_connection("db"))
    arguments = arguments if method == "register" else arguments[:2]
    with pytest.raises(ValueError, match=r"database.*connection.*action") as caught:
        getattr(registry, method)(*arguments)
    assert isinstance(caught.value, PluginConfigError)


def test_listing_an_unknown_category_is_a_value_error(registry):
    with pytest.raises(ValueError, match="database"):
        registry.list_plugins("database")


@pytest.mark.parametrize(
    ("asked", "hint"),
    [("serach", 'Did you mean "search"?'), ("SEARCH", '"search"'), ("zzz", "Known: search, shop")],
)
def test_an_unknown_name_offers_the_nearest(registry, make_connection, asked, hint):
    for name in ("search", "shop"):
        registry.register("connection", name, make_connection(name))
    with pytest.raises(PluginNotFoundError) as caught:
        registry.get_plugin("connection", asked)
    assert hint in caught.value.hint
    assert asked in str(caught.value)
    assert (caught.value.plugin, caught.value.code) == (asked, "not_found")


def test_unregistering_an_unknown_name_is_an_error(registry):
    with pytest.raises(PluginNotFoundError, match="There are none"):
        registry.unregister("connection", "db")


def test_a_taken_name_is_refused_and_nothing_changes(registry, make_connection):
    first = make_connection("db")
    registry.register("connection", "db", first)
    with pytest.raises(PluginConfigError, match=r"db.*registered by hand"):
        registry.register("connection", "db", make_connection("db"))
    assert registry.get_plugin("connection", "db") is first


def test_replace_puts_another_in_its_place(registry, make_connection):
    second = make_connection("db")
    registry.register("connection", "db", make_connection("db"))
    registry.register("connection", "db", second, replace=True)
    assert registry.get_plugin("connection", "db") is second
    assert len(registry) == 1


@pytest.mark.parametrize("name", ["", "*", "a b", "a/b", "connection.*", "x" * 65])
def test_a_name_that_cannot_be_one_is_refused(registry, make_connection, name):
    with pytest.raises(PluginConfigError, match="cannot be a plugin's name"):
        registry.register("connection", name, make_connection("db"))
    assert len(registry) == 0


def test_what_is_no_plugin_class_is_refused(registry, make_connection, make_action):
    for wrong, why in [
        (make_connection("db")(), "instance"),
        (object, "does not extend"),
        (make_action("greet"), "no connection plugin"),
        (42, "no class"),
    ]:
        with pytest.raises(PluginConfigError, match=why):
            registry.register("connection", "db", wrong)
    assert len(registry) == 0


def test_an_abstract_class_is_refused_with_what_it_lacks(registry, make_connection):
    whole = make_connection("db")
    body = {name: vars(whole)[name] for name in ("name", "version", "initialize", "configure")}
    partial = type("Partial", whole.__bases__, body)
    with pytest.raises(PluginConfigError, match=r"cleanup, is_configured, perform_action"):
        registry.register("connection", "db", partial)


def test_a_name_that_needs_an_instance_is_told(registry, make_connection):
    plugin = make_connection("db", version=property(lambda self: self.numbers[0]))
    with pytest.raises(PluginConfigError, match="the version of plugin class Db cannot be read"):
        registry.register("connection", "db", plugin)


def test_listings_are_copies(registry, make_connection, make_action):
    connection, action = make_connection("db"), make_action("greet")
    registry.register("connection", "db", connection)
    registry.register("action", "greet", action)
    assert registry.list_plugins("connection") == {"db": connection}
    listing = registry.list_plugins()
    assert listing == {"connection": {"db": connection}, "action": {"greet": action}}
    listing["connection"].clear()
    listing.clear()
    assert registry.list_plugins("connection") == {"db": connection}


def test_an_empty_registry(registry):
    assert registry.list_plugins() == {}
    assert (len(registry), list(registry), "db" in registry) == (0, [], False)


def test_iteration_gives_category_and_name_in_order(registry, make_connection, make_action):
    registry.register("action", "z", make_action("z"))
    registry.register("connection", "a", make_connection("a"))
    assert list(registry) == [("action", "z"), ("connection", "a")]
    assert all(key in registry for key in registry)


@pytest.mark.parametrize("key", [None, 3, ("a",), ("database", "db"), ("connection", 3), "zz"])
def test_containment_of_odd_keys_is_false(registry, make_connection, key):
    registry.register("connection", "db", make_connection("db"))
    assert key not in registry


def test_iteration_survives_changes(registry, make_connection):
    for number in range(10):
        registry.register("connection", f"p{number}", make_connection(f"p{number}"))
    for category, name in registry:
        registry.unregister(category, name)
    assert len(registry) == 0


def test_repr_counts(registry, make_connection):
    registry.register("connection", "db", make_connection("db"))
    assert repr(registry) == "<PluginRegistry: 1 connections, 0 actions>"


def test_registries_are_independent(registry, make_connection):
    registry.register("connection", "db", make_connection("db"))
    assert "db" not in PluginRegistry()
    assert "db" not in default_registry


def test_many_threads_register_each_name_once(registry, make_connection):
    names = [f"p{number}" for number in range(50)]
    classes = {name: make_connection(name) for name in names}

    def register(name):
        try:
            registry.register("connection", name, classes[name])
        except PluginConfigError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        succeeded = sum(pool.map(register, names * 4))
    assert succeeded == len(registry) == 50
    assert registry.list_plugins("connection") == classes


def test_where_a_class_comes_from_is_told_and_it_can_still_be_reloaded(manager_of, make_connection):
    registry = PluginRegistry()
    registry.register("connection", "db", make_connection("db"), origin="src/db.py")
    manager = manager_of(registry=registry)
    assert [status.origin for status in manager.status()] == ["registered by hand: src/db.py"]
    manager.start_plugins("db")
    other = make_connection("db", version="2.0.0")
    registry.register("connection", "db", other, replace=True, origin="src/db.py")
    manager.reload("db")
    (status,) = manager.status()
    assert (status.version, status.origin) == ("2.0.0", "registered by hand: src/db.py")
