"""An unmodified ZerePy connection class, hosted as a plugin. Knows nothing of managers."""

from __future__ import annotations

import inspect
import logging
import re
import time
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, ClassVar, Self

from zerepy_plugins.base import ConnectionPlugin
from zerepy_plugins.compat.nearest import nearest
from zerepy_plugins.compat.params import Unchanged, coerced, describe_action, named
from zerepy_plugins.compat.prompts import Answers, answering
from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginError,
    PluginNotFoundError,
    PluginStateError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["HostedConnection", "host"]

CONFIGURED_FOR_SECONDS = 60.0
"""How long a connection that said it is configured is believed."""
_HOST_KEYS = frozenset({"timeout", "retries"})  # options that the host heeds; a class may not know


class _Configured:
    """A connection's ``is_configured``, which may ask the network, with its good answer kept."""

    def __init__(self, check: Callable[..., Any]) -> None:
        self._check = check
        self._takes_verbose = _accepts(check, "verbose")
        self._until = 0.0

    def __call__(self, verbose: bool = False) -> bool:
        if time.monotonic() < self._until:
            return True
        answer = bool(self._check(verbose=verbose) if self._takes_verbose else self._check())
        self._until = time.monotonic() + CONFIGURED_FOR_SECONDS if answer else 0.0
        return answer

    def forget(self) -> None:
        self._until = 0.0


class _Actions:
    """``actions``: schemas on the class, as the host reads them; ZerePy's own on the instance."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._described = described

    def __get__(self, instance: HostedConnection | None, owner: type) -> Any:
        if instance is None or instance.wrapped is None:
            return self._described
        return instance.wrapped.actions


class _CallableBool(int):
    """A yes or no for callers that read it and for callers that call it."""

    def __new__(cls, answer: object) -> Self:
        return super().__new__(cls, bool(answer))

    def __call__(self) -> bool:
        return bool(self)

    def __repr__(self) -> str:
        return repr(bool(self))


class _Takes(Enum):
    """How a connection's ``perform_action`` takes the parameters."""

    DICT = auto()
    KEYWORDS = auto()
    NOTHING = auto()  # it is the base class's, which calls what is no function

    @classmethod
    def of(cls, connection: type) -> _Takes:
        perform = getattr(connection, "perform_action", None)
        if perform is None:
            return cls.NOTHING
        parameters = inspect.signature(perform).parameters.values()
        if sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters) > 2:  # self, name, dict
            return cls.DICT
        return cls.NOTHING if perform.__qualname__.startswith("Base") else cls.KEYWORDS


class HostedConnection(ConnectionPlugin):
    """A ZerePy connection as a plugin; made by :func:`host`.

    What is not a plugin's, such as attributes of the project's class, is read from and written to
    the connection itself, which is ``wrapped`` (``None`` unless initialized).
    """

    version = "0.0.0"
    bound_to_thread = True  # ZerePy makes its connections on the caller's thread
    _load: ClassVar[Callable[[], type]]
    _settings: ClassVar[Mapping[str, Any]]
    _peers: ClassVar[Mapping[str, Any]]
    unusable: ClassVar[PluginError | None] = None
    """Why ZerePy's class could not be loaded when this was made."""
    wrapped: Any = None
    _configured: _Configured

    def initialize(self, config: dict[str, Any]) -> None:
        """Create the connection.

        Args:
            config: What the class's ``__init__`` is given, or the host's ``{"enabled",
                "options"}``, whose options go before the settings it was hosted with.
        """
        given = config
        if config.keys() <= {"enabled", "options"}:
            options = config.get("options", {})
            given = {key: value for key, value in options.items() if key not in _HOST_KEYS}
        settings = {**self._settings, **given} if given else self._settings
        cls = type(self)._load()
        arguments = (settings, self._peers) if _wants_peers(cls) else (settings,)
        connection = cls(*arguments)
        configured = _Configured(connection.is_configured)
        connection.is_configured = configured  # its own actions ask it, too, each time
        self._schemas: dict[str, tuple[Any, dict[str, Any]]] = {}
        self._takes = _Takes.of(cls)
        self._configured = configured
        self.wrapped = connection  # from here on, other attributes are the connection's
        self._introduce_peers()

    def _introduce_peers(self) -> None:
        """Give it the other connections that it has a setter for, ``set_<name>_connection``."""
        for method in dir(type(self.wrapped)):
            if not (match := re.fullmatch(r"set_(\w+)_connection", method)):
                continue
            if peer := self._peers.get(match[1]):
                getattr(self.wrapped, method)(peer)
            else:
                title, needed = type(self.wrapped).__name__.removesuffix("Connection"), match[1]
                logging.error(
                    f"{title} requires a {needed.title()} connection. "
                    "Make sure to configure it in the agent config."
                )

    def cleanup(self) -> Any:
        """Let go of the connection, after its own ``cleanup`` if it has one."""
        connection, self.wrapped = self.wrapped, None
        own = getattr(connection, "cleanup", None)
        return own() if callable(own) else None

    @property
    def is_llm_provider(self) -> bool | _CallableBool:
        """Whether it generates text; may be called where the connection has a method for it."""
        answer = getattr(self._running(), "is_llm_provider", False)
        return _CallableBool(answer()) if callable(answer) else bool(answer)

    def is_configured(self, verbose: bool = False, *, fresh: bool = False) -> bool:
        """Ask the connection, unless it said yes within the last minute.

        Args:
            verbose: Let it say what is wrong; it is asked in any case then.
            fresh: Ask it in any case.
        """
        self._running()
        if fresh or verbose:
            self._configured.forget()
        return self._configured(verbose)

    def configure(self, *, prompts: Callable[[str], str] | None = None, **answers: Any) -> bool:
        """Let the connection configure itself, and answer what it asks.

        Args:
            prompts: Called with what it asks and neither ``answers`` nor a variable answers.
            **answers: By what is asked for, such as ``api_key``. If there are any, or no terminal
                to ask at, variables of the environment that begin with the connection's name
                answer, too.

        Raises:
            PluginConfigError: It asks, and there is no answer.
        """
        configure = self._running().configure
        accepted = {key: value for key, value in answers.items() if _accepts(configure, key)}
        with answering(Answers(self.name, answers, prompts)):
            done = configure(**accepted)
        self._configured.forget()
        return bool(done)

    def perform_action(self, action_name: str, kwargs: Any = None) -> Any:
        """Perform an action.

        Args:
            action_name: One of ``actions``.
            kwargs: By name, or a list of values in the order of the action's parameters.

        Returns:
            What the connection returns: of an ``async`` action, something to await.
        """
        action = self._action(action_name)
        arguments = self._arguments(action_name, action, kwargs)
        try:
            if self._takes is _Takes.DICT:
                return self.wrapped.perform_action(action_name, arguments)
            if self._takes is _Takes.KEYWORDS:
                return self.wrapped.perform_action(action_name, **arguments)
            return getattr(self.wrapped, action_name.replace("-", "_"))(**arguments)
        except Exception:
            self._configured.forget()
            raise

    def _action(self, name: str) -> Any:
        actions = self._running().actions
        if name not in actions:
            raise PluginNotFoundError(
                f"connection {self.name!r} has no action {name!r}",
                plugin=self.name,
                hint=nearest(name, actions),
            )
        return actions[name]

    def _arguments(self, name: str, action: Any, params: Any) -> dict[str, Any]:
        arguments = named(params, [parameter.name for parameter in action.parameters])
        schema = self._schema(name, action)
        if missing := [key for key in schema["required"] if key not in arguments]:
            raise InvalidParamsError(
                f"action {name!r} of connection {self.name!r} needs {', '.join(missing)}",
                plugin=self.name,
            )
        for parameter in action.parameters:
            if parameter.name in arguments:
                value, wanted = arguments[parameter.name], schema["properties"][parameter.name]
                arguments[parameter.name] = coerced(value, wanted)
        return arguments

    def _schema(self, name: str, action: Any) -> dict[str, Any]:
        """Return an action's parameters as a schema, made once, and mend what cannot be called."""
        known, schema = self._schemas.get(name, (None, {}))
        if known is not action:
            schema = describe_action(action)["params"]
            self._schemas[name] = (action, schema)
            for parameter in action.parameters:
                if not isinstance(parameter.type, type):  # calling List[str] is a TypeError
                    parameter.type = Unchanged(parameter.type)
        return schema

    def _running(self) -> Any:
        if self.wrapped is None:
            raise PluginStateError(
                f"connection {self.name!r} is not initialized",
                plugin=self.name,
                hint="Start it first",
            )
        return self.wrapped

    def __getattr__(self, name: str) -> Any:
        if self.wrapped is None or name.startswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.wrapped, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if self.wrapped is None or name in {"wrapped", "context"}:
            super().__setattr__(name, value)
        else:
            setattr(self.wrapped, name, value)


def host(
    name: str,
    load: Callable[[], type],
    settings: Mapping[str, Any] | None = None,
    peers: Mapping[str, Any] | None = None,
) -> type[HostedConnection]:
    """Make the plugin class of a connection.

    Args:
        name: The connection's name.
        load: Returns ZerePy's class; a :class:`PluginError` that it raises keeps the plugin from
            starting, and it is called again at the next start.
        settings: What the class is instantiated with, unless ``initialize`` says otherwise.
        peers: The other connections by name, for classes that want them.
    """
    cls, unusable = None, None
    try:
        cls = load()
    except PluginError as error:  # raised again when it is started
        unusable = error
    body = {
        "__doc__": vars(cls).get("__doc__") if cls else None,
        "__module__": __name__,
        "name": name,
        "unusable": unusable,
        "_load": staticmethod(load),
        "_settings": {"name": name} if settings is None else settings,
        "_peers": {} if peers is None else peers,
        "actions": _Actions(_described_actions(cls) if cls else {}),
    }
    title = cls.__name__ if cls else name.title()
    return type(f"Hosted{title}", (HostedConnection,), body)


def _described_actions(cls: type) -> dict[str, Any]:
    """Describe a class's actions without a connection: ``register_actions`` fills a plain dict."""
    try:
        blank: Any = object.__new__(cls)
        blank.actions = {}
        blank.register_actions()
        return {name: describe_action(action) for name, action in blank.actions.items()}
    except Exception as error:  # noqa: BLE001 - it may need what __init__ sets: then it is not told
        logging.getLogger("zerepy_plugins.compat").debug("actions of %s: %s", cls, error)
        return {}


def _wants_peers(cls: type) -> bool:
    """Tell whether ``__init__`` needs a second argument: in ZerePy, all connections by name."""
    return len(_required(cls)) > 1  # config, connections


def _required(function: Any) -> list[inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]


def _accepts(function: Any, keyword: str) -> bool:
    parameters = inspect.signature(function).parameters
    return keyword in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
