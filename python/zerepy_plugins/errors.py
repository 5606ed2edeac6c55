"""What can go wrong, as exceptions.

Every error knows the ``plugin`` it is about (or ``None``), a stable ``code`` for programs to
compare, and a ``hint`` that says what to do (or ``None``). The failure beneath is its
``__cause__``. All of them can be pickled.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "InvalidParamsError",
    "PluginAbiError",
    "PluginBusyError",
    "PluginCleanupError",
    "PluginConfigError",
    "PluginCrashedError",
    "PluginDependencyError",
    "PluginError",
    "PluginExecutionError",
    "PluginLoadError",
    "PluginNotFoundError",
    "PluginNotReady",
    "PluginPanicError",
    "PluginStateError",
    "PluginTimeoutError",
    "PluginTrustError",
    "PluginVetoError",
]


class PluginError(Exception):
    """Anything that goes wrong with a plugin.

    Args:
        message: What failed, which plugin, and why.
        plugin: The plugin's name.
        code: A stable word for programs to compare; by default that of the class.
        hint: What to do about it.
        retryable: Whether the same call may well succeed if it is repeated; by default what the
            class says. An action that is declared idempotent is then repeated by the host, as
            often as ``retries`` allows.
        retry_after: After how many seconds it is worth trying again.
    """

    default_code: ClassVar[str] = "plugin_error"
    default_retryable: ClassVar[bool] = False

    plugin: str | None
    code: str
    hint: str | None
    retryable: bool
    retry_after: float | None

    def __init__(
        self,
        message: str = "",
        *,
        plugin: str | None = None,
        code: str | None = None,
        hint: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.plugin = plugin
        self.code = code or self.default_code
        self.hint = hint
        self.retryable = self.default_retryable if retryable is None else retryable
        self.retry_after = retry_after

    def __str__(self) -> str:
        separator = "\n" if "\n" in self.message else ". "
        return f"{self.message}{separator}{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__.copy())


def _rebuild(cls: type[PluginError], args: tuple[Any, ...], state: dict[str, Any]) -> PluginError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class PluginNotFoundError(PluginError, LookupError):
    """There is no plugin, or no action, of that name; the hint offers the nearest."""

    default_code = "not_found"


class PluginLoadError(PluginError):
    """A plugin could not be found, read, imported or loaded."""

    default_code = "load_failed"


class PluginAbiError(PluginLoadError):
    """A shared library was built for another version of the plugin ABI."""

    default_code = "abi_mismatch"


class PluginTrustError(PluginLoadError):
    """A shared library is not one that may be loaded."""

    default_code = "not_trusted"


class PluginConfigError(PluginError, ValueError):
    """A configuration, a manifest or a plugin class is wrong; all problems are listed together."""

    default_code = "invalid_config"


class PluginDependencyError(PluginError):
    """A plugin that is needed is missing, has the wrong version, or depends back."""

    default_code = "dependency_failed"


class PluginStateError(PluginError):
    """The operation is not possible in the state that the plugin is in."""

    default_code = "wrong_state"


class PluginExecutionError(PluginError):
    """An action, or ``initialize``, failed; the plugin's own exception is the cause."""

    default_code = "execution_failed"


class PluginTimeoutError(PluginExecutionError, TimeoutError):
    """A time limit was reached."""

    default_code = "timed_out"


class PluginBusyError(PluginExecutionError):
    """An action may not run now, and did not run; ``retry_after`` says when it may.

    Its rate or its concurrency is used up, or it kept failing and is left alone for a while.
    """

    default_code = "busy"
    default_retryable = True


class PluginPanicError(PluginExecutionError):
    """A Rust plugin panicked; it takes no calls until it is initialized again."""

    default_code = "plugin_panicked"


class PluginCrashedError(PluginExecutionError):
    """The process in which a plugin ran has died."""

    default_code = "plugin_crashed"


class InvalidParamsError(PluginExecutionError, ValueError):
    """An action's parameters are wrong; the message names each one by its path.

    Args:
        message: What is wrong.
        plugin: The plugin's name.
        code: A stable word for programs to compare; by default that of the class.
        hint: What to do about it.
        problems: What a schema found: for each wrong value its ``path``, and in words ``message``,
            ``expected`` and ``got``.
    """

    default_code = "invalid_params"

    problems: list[dict[str, str]]

    def __init__(
        self,
        message: str = "",
        *,
        plugin: str | None = None,
        code: str | None = None,
        hint: str | None = None,
        problems: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(message, plugin=plugin, code=code, hint=hint)
        self.problems = problems or []


class PluginVetoError(PluginExecutionError):
    """Raised by a hook before an action, or before ``initialize``: it must not happen, and why."""

    default_code = "vetoed"


class PluginCleanupError(PluginError):
    """Cleaning up failed. Everything was cleaned up that could be; several errors form a group."""

    default_code = "cleanup_failed"


class PluginNotReady(PluginError):  # noqa: N818 - the name is part of the documented interface
    """Raised by a plugin's ``initialize``: not possible yet, try again later.

    Args:
        message: Why it is not possible yet.
        retry_after: After how many seconds it is worth trying again.
        plugin: The plugin's name.
        code: A stable word for programs to compare; by default that of the class.
        hint: What to do about it.
    """

    default_code = "not_ready"
    default_retryable = True

    def __init__(
        self,
        message: str = "",
        retry_after: float | None = None,
        *,
        plugin: str | None = None,
        code: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, plugin=plugin, code=code, hint=hint, retry_after=retry_after)
