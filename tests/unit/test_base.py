"""The base classes: abstract, mixable, copyable."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import pydantic
import pytest

from zerepy_plugins import ActionPlugin, ConnectionPlugin, PluginBase, PluginHooks

T = TypeVar("T")

CONNECTION_METHODS = ["initialize", "cleanup", "is_configured", "configure", "perform_action"]
ACTION_METHODS = ["initialize", "cleanup", "validate_params", "execute"]


class Whole(ConnectionPlugin):
    """Has all that a connection needs."""

    name = "whole"
    version = "1.0.0"

    def initialize(self, config):
        self.config = config

    def cleanup(self):
        pass

    def is_configured(self):
        return True

    def configure(self):
        return True

    def perform_action(self, action, params):
        return action, params


class WithProperties(Whole):
    """Has its name and version as properties."""

    @property
    def name(self):
        return "properties"

    @property
    def version(self):
        """The version."""
        return "2.0.0"


@dataclass
class Data(Whole):
    """A dataclass."""

    size: int = 3
    items: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Frozen(Whole):
    """A frozen dataclass."""

    size: int = 3

    def initialize(self, config):
        pass


class Model(pydantic.BaseModel, Whole):
    """A pydantic model."""

    size: int = 3

    def initialize(self, config):
        pass


class Typed(Whole, Generic[T]):
    """Generic."""

    item: T


class Both(Whole, ActionPlugin):
    """A connection and an action."""

    def validate_params(self, params):
        return []

    async def execute(self, params):
        return params


class ManyArguments(Whole):
    """Has an `__init__` of its own, which does not call that of its base."""

    def __init__(self, first, /, second=2, *rest, third=3, **others):
        self.arguments = (first, second, rest, third, others)


def without(base: type, methods: list[str], missing: str) -> type:
    body = {name: lambda self, *a: None for name in methods if name != missing}
    return type("Partial", (base,), {"name": "partial", "version": "1"} | body)


@pytest.mark.parametrize(
    ("base", "methods", "missing"),
    [
        *((ConnectionPlugin, CONNECTION_METHODS, method) for method in CONNECTION_METHODS),
        *((ActionPlugin, ACTION_METHODS, method) for method in ACTION_METHODS),
    ],
)
def test_a_missing_method_is_pythons_own_type_error(base, methods, missing):
    with pytest.raises(TypeError, match=f"Can't instantiate abstract class.*{missing}"):
        without(base, methods, missing)()


@pytest.mark.parametrize("missing", ["name", "version"])
def test_a_missing_name_or_version_is_a_type_error(missing):
    body = {name: lambda self, *a: None for name in CONNECTION_METHODS}
    body |= {key: "1" for key in ("name", "version") if key != missing}
    with pytest.raises(TypeError, match=missing):
        type("Partial", (ConnectionPlugin,), body)()


@pytest.mark.parametrize("base", [PluginBase, ConnectionPlugin, ActionPlugin])
def test_the_bases_themselves_are_abstract(base):
    with pytest.raises(TypeError, match="abstract"):
        base()


def test_a_subclass_of_a_whole_plugin_is_whole():
    class Sub(Whole):
        pass

    assert isinstance(Sub(), ConnectionPlugin)
    assert not isinstance(Sub(), ActionPlugin)
    assert issubclass(ConnectionPlugin, PluginBase)


@pytest.mark.parametrize("plugin", [Whole, Whole(), WithProperties, WithProperties()])
def test_name_and_version_answer_on_class_and_instance(plugin):
    expected = ("properties", "2.0.0") if "Properties" in repr(plugin) else ("whole", "1.0.0")
    assert (plugin.name, plugin.version) == expected


def test_inherited_properties_answer_too():
    class Sub(WithProperties):
        pass

    class Newer(WithProperties):
        @property
        def version(self):
            return super().version + ".post1"

    assert (Sub.name, Sub().name) == ("properties", "properties")
    assert (Newer().name, Newer().version) == ("properties", "2.0.0.post1")


def test_what_a_mixin_defines_counts(make_connection):
    class Named:
        @property
        def name(self):
            return "mixed"

    class Mixed(Named, Whole):
        pass

    assert (Mixed().name, Mixed.name, Mixed.version) == ("mixed", "mixed", "1.0.0")


def test_an_abstract_property_stays_abstract_until_it_is_written():
    class Half(ConnectionPlugin):
        version = "1"
        initialize = cleanup = is_configured = configure = perform_action = lambda self, *a: None

    with pytest.raises(TypeError, match="name"):
        Half()
    assert Half.version == "1"


def test_a_property_with_setter_still_sets():
    class Named(Whole):
        _name = "one"

        @property
        def name(self):
            return self._name

        @name.setter
        def name(self, value):
            self._name = value

    plugin = Named()
    plugin.name = "two"
    assert (plugin.name, Named.name) == ("two", "one")


def test_a_property_that_needs_an_instance_says_so_on_the_class():
    class Named(Whole):
        def __init__(self):
            self.inner = {"name": "inner"}

        @property
        def name(self):
            return self.inner["name"]

    assert Named().name == "inner"
    with pytest.raises(AttributeError, match=r"Named\.name needs an instance.*class attribute"):
        Named.name  # noqa: B018


def test_documentation_of_a_property_is_kept():
    assert WithProperties.__dict__["version"].__doc__ == "The version."


@pytest.mark.parametrize("make", [Data, Frozen, Model, Typed, Both, Whole, WithProperties])
def test_mixtures_are_plugins(make):
    plugin = make()
    assert isinstance(plugin, ConnectionPlugin)
    assert plugin.version
    assert plugin.perform_action("a", {}) == ("a", {})


def test_dataclass_fields_work():
    assert Data(size=5) == Data(size=5, items=[])
    assert Data() != Data(size=5)
    assert Data(items=[1]).items == [1]


def test_pydantic_fields_are_checked():
    assert Model(size="5").size == 5
    with pytest.raises(pydantic.ValidationError):
        Model(size="five")


def test_both_bases_mix():
    plugin = Both()
    assert isinstance(plugin, ConnectionPlugin)
    assert isinstance(plugin, ActionPlugin)


def test_generic_takes_a_parameter():
    assert isinstance(Typed[int](), Typed)


def test_hooks_mix_in():
    class Hooked(PluginHooks, Whole):
        pass

    assert Hooked().pre_initialize() is None


def test_any_init_signature_is_fine():
    plugin = ManyArguments(1, 2, 3, third=4, fourth=5)
    assert plugin.arguments == (1, 2, (3,), 4, {"fourth": 5})


def test_slots_work():
    class Slotted(Whole):
        __slots__ = ("only",)

    plugin = Slotted()
    plugin.only = 1
    assert plugin.only == 1


@pytest.mark.parametrize("plugin", [Data(size=7), Frozen(size=7), Model(size=7)])
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda plugin: pickle.loads(pickle.dumps(plugin))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_are_equal_and_separate(plugin, duplicate):
    other = duplicate(plugin)
    assert type(other) is type(plugin)
    assert other is not plugin
    assert (other.size, other.name) == (7, plugin.name)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_attributes_are_pickled(protocol):
    plugin = Whole()
    plugin.state = {"a": [1, 2]}
    assert pickle.loads(pickle.dumps(plugin, protocol)).state == {"a": [1, 2]}


def test_a_running_plugin_is_pickled_without_its_context(manager_of):
    manager = manager_of(Whole, WithProperties)
    manager.start_plugins("whole")
    plugin = manager["whole"]
    assert plugin.context is not None
    other = pickle.loads(pickle.dumps(plugin))
    assert not hasattr(other, "context")
    assert other.config == plugin.config
    assert not hasattr(copy.copy(plugin), "context")


def test_instances_can_be_referenced_weakly():
    plugin = Whole()
    reference = weakref.ref(plugin)
    assert reference() is plugin
    del plugin
    gc.collect()
    assert reference() is None


def test_cycles_are_collected():
    plugin = Whole()
    plugin.itself = plugin
    reference = weakref.ref(plugin)
    del plugin
    gc.collect()
    assert reference() is None


def test_optional_members_have_defaults():
    assert (Whole.requires, Whole.config_schema, Whole.actions) == ([], None, {})
    assert Both.params_schema is None
