"""The exceptions: who is whose base, what they carry, that they can be pickled."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from zerepy_plugins import errors
from zerepy_plugins.errors import PluginError, PluginNotReady

HIERARCHY = {
    "PluginError": (Exception,),
    "PluginNotFoundError": (errors.PluginError, LookupError),
    "PluginLoadError": (errors.PluginError,),
    "PluginAbiError": (errors.PluginLoadError,),
    "PluginTrustError": (errors.PluginLoadError,),
    "PluginConfigError": (errors.PluginError, ValueError),
    "PluginDependencyError": (errors.PluginError,),
    "PluginStateError": (errors.PluginError,),
    "PluginExecutionError": (errors.PluginError,),
    "PluginTimeoutError": (errors.PluginExecutionError, TimeoutError),
    "PluginBusyError": (errors.PluginExecutionError,),
    "PluginPanicError": (errors.PluginExecutionError,),
    "PluginCrashedError": (errors.PluginExecutionError,),
    "InvalidParamsError": (errors.PluginExecutionError, ValueError),
    "PluginVetoError": (errors.PluginExecutionError,),
    "PluginCleanupError": (errors.PluginError,),
    "PluginNotReady": (errors.PluginError,),
}
CLASSES = [getattr(errors, name) for name in HIERARCHY]

each_class = pytest.mark.parametrize("error_class", CLASSES)


def test_all_lists_every_error():
    defined = {
        name
        for name, member in vars(errors).items()
        if inspect.isclass(member) and issubclass(member, BaseException)
    }
    assert set(errors.__all__) == defined == set(HIERARCHY)


@each_class
def test_bases(error_class):
    assert error_class.__bases__ == HIERARCHY[error_class.__name__]
    assert issubclass(error_class, PluginError)


def test_codes_are_stable_words_and_differ():
    codes = {error_class.__name__: error_class().code for error_class in CLASSES}
    assert codes == {
        "PluginError": "plugin_error",
        "PluginNotFoundError": "not_found",
        "PluginLoadError": "load_failed",
        "PluginAbiError": "abi_mismatch",
        "PluginTrustError": "not_trusted",
        "PluginConfigError": "invalid_config",
        "PluginDependencyError": "dependency_failed",
        "PluginStateError": "wrong_state",
        "PluginExecutionError": "execution_failed",
        "PluginTimeoutError": "timed_out",
        "PluginBusyError": "busy",
        "PluginPanicError": "plugin_panicked",
        "PluginCrashedError": "plugin_crashed",
        "InvalidParamsError": "invalid_params",
        "PluginVetoError": "vetoed",
        "PluginCleanupError": "cleanup_failed",
        "PluginNotReady": "not_ready",
    }


@each_class
def test_what_it_carries(error_class):
    plain = error_class("it broke")
    assert (plain.message, plain.plugin, plain.hint) == ("it broke", None, None)
    full = error_class("it broke", plugin="p", code="odd", hint="Mend it")
    assert (full.plugin, full.code, full.hint) == ("p", "odd", "Mend it")
    assert error_class().message == ""


@each_class
def test_text_is_message_and_hint(error_class):
    assert str(error_class("it broke")) == "it broke"
    assert str(error_class("it broke", hint="Mend it")) == "it broke. Mend it"
    assert str(error_class("two:\n - things", hint="Mend it")) == "two:\n - things\nMend it"


@each_class
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_keeps_everything(error_class, protocol):
    error = error_class("it broke", plugin="p", code="odd", hint="Mend it")
    error.note = {"more": [1]}
    other = pickle.loads(pickle.dumps(error, protocol))
    assert type(other) is error_class
    assert (str(other), vars(other), other.args) == (str(error), vars(error), error.args)


@each_class
def test_copies_are_equal(error_class):
    error = error_class("it broke", plugin="p", hint="Mend it")
    assert vars(copy.deepcopy(error)) == vars(copy.copy(error)) == vars(error)


@each_class
def test_every_error_is_documented(error_class):
    assert error_class.__doc__


def test_subclasses_with_an_init_of_their_own_are_pickled():
    error = OwnInitError(3)
    other = pickle.loads(pickle.dumps(error))
    assert (other.number, str(other), other.code) == (3, "number 3", "own")


class OwnInitError(PluginError):
    default_code = "own"

    def __init__(self, number):
        super().__init__(f"number {number}")
        self.number = number


def test_not_ready_says_when_to_try_again():
    error = PluginNotReady("warming up", 2.5, plugin="p")
    assert (error.retry_after, error.plugin) == (2.5, "p")
    assert pickle.loads(pickle.dumps(error)).retry_after == 2.5
    assert PluginNotReady("warming up").retry_after is None


def test_the_cause_is_what_was_raised_from():
    cause = KeyError("x")
    with pytest.raises(PluginError) as caught:
        raise PluginError("it broke") from cause
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize(
    ("error_class", "builtin"),
    [
        ("PluginNotFoundError", LookupError),
        ("PluginConfigError", ValueError),
        ("PluginTimeoutError", TimeoutError),
        ("InvalidParamsError", ValueError),
    ],
)
def test_they_are_caught_as_pythons_own(error_class, builtin):
    with pytest.raises(builtin):
        raise getattr(errors, error_class)("it broke")
