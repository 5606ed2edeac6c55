"""The classes that plugins subclass, in Python and, through generated classes, in Rust.

They are plain abstract base classes, so they mix with dataclasses, pydantic models (listed first),
``Generic`` and each other; instances can be copied, pickled and weakly referenced.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from zerepy_plugins.context import PluginContext

__all__ = ["ActionPlugin", "ConnectionPlugin", "PluginBase"]


class _ClassReadable(property):
    """A property that also answers on the class, as ``name`` and ``version`` must."""

    def __get__(self, instance: Any, owner: type | None = None, /) -> Any:
        if instance is not None or self.fget is None:
            return super().__get__(instance, owner)
        try:
            return self.fget(owner)
        except Exception as error:
            name = self.fget.__name__
            raise AttributeError(
                f"{owner.__qualname__ if owner else '?'}.{name} needs an instance: "
                f"make it a plain class attribute, or a property that returns a constant ({error})"
            ) from error


class PluginBase(ABC):
    """What every plugin is: a name, a version, a beginning and an end.

    Any ``__init__`` signature is fine: none, ``(self, config)``, or one that never calls
    ``super().__init__()``. Before ``initialize`` the manager sets ``self.context``.

    Optional members, used when present: ``requires`` (names of plugins with optional PEP 440
    ranges), ``config_schema`` (a JSON Schema or a pydantic model), the methods of
    :class:`PluginHooks`, ``health() -> bool``, and, each plain or ``async``:

    - ``reconfigure(config)``: take over another configuration while running; with a parameter
      ``changes`` also a ``dict`` from the path of each difference to the values before and after.
      An error means that the plugin goes on with the one it has.
    - ``save_state() -> dict``, what to remember (as JSON can hold it), and ``load_state(state)``,
      called after ``initialize``; with a parameter ``version`` also the version that saved it.
    """

    if TYPE_CHECKING:
        context: PluginContext  # at runtime not declared: pydantic would take it for a field

    requires: ClassVar[list[str]] = []
    """Plugins that must run first: ``"db"`` or ``"db>=1.2,<2"``."""
    config_schema: ClassVar[Any] = None
    """What ``initialize`` accepts: a JSON Schema ``dict`` or a pydantic model class."""
    bound_to_thread: ClassVar[bool] = False
    """Whether the steps of its life (``initialize``, ``cleanup``, ``save_state``, ``load_state``,
    ``reconfigure``) run on the thread that starts, stops or changes it, and without time limits;
    for what is bound to its thread. Read from the class when an instance is made."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for attribute in ("name", "version"):
            found = next(vars(c)[attribute] for c in cls.__mro__ if attribute in vars(c))
            if type(found) is property and not getattr(found, "__isabstractmethod__", False):
                setattr(cls, attribute, _ClassReadable(found.fget, found.fset, found.fdel))

    if TYPE_CHECKING:
        # For type checkers: plain class attributes and properties are both fine.
        name: Any
        version: Any
    else:

        @property
        @abstractmethod
        def name(self) -> str:
            """The plugin's name, unique among the plugins of a manager."""

        @property
        @abstractmethod
        def version(self) -> str:
            """The plugin's version (PEP 440), such as ``"1.0.0"``."""

    @abstractmethod
    def initialize(self, config: dict[str, Any]) -> Any:
        """Make the plugin ready for calls.

        Args:
            config: The content of the manifest's ``config``: ``{"enabled": true, "options": {…}}``,
                merged from all scopes and checked against ``config_schema``.

        Raise :class:`~zerepy_plugins.errors.PluginNotReady` if that is not possible yet. After an
        error ``cleanup`` is not called; what was given to ``context.add_cleanup`` is run.
        """

    @abstractmethod
    def cleanup(self) -> Any:
        """Undo ``initialize``. Called again if it raised and the plugin is stopped again."""

    def __getstate__(self) -> Any:
        state = super().__getstate__()
        if isinstance(state, dict) and "context" in state:
            state = {key: value for key, value in state.items() if key != "context"}
        return state


class ConnectionPlugin(PluginBase):
    """A connection to something, with named actions."""

    actions: ClassVar[Any] = {}
    """Its actions: a ``dict`` from name to description, or to ``{"description", "params",
    "result"}`` with JSON Schemas or pydantic models, and with ``"exec": "stream"`` if it yields
    items, or to an object with ``description`` and ``parameters`` as ZerePy's ``Action``. An
    instance may have others (``self.actions``). Without a schema, the type hints and the docstring
    of a method of the action's name describe it.

    A ``"policy"`` says how the action may be run, and the user may say otherwise in the plugin's
    configuration (``{"actions": {"ask": {…}}}``, with ``"*"`` for all): ``idempotent`` (it may be
    done twice: only then is a call repeated that failed with a retryable error), ``retries`` (how
    often), ``max_rate`` (calls per second) and ``burst``, ``max_concurrent``, and ``breaker``
    (``{"failures": 5, "pause": 30}``: after so many failures in a row it is left alone for so many
    seconds)."""

    @abstractmethod
    def is_configured(self) -> bool:
        """Say whether the plugin has what it needs to work, such as credentials."""

    @abstractmethod
    def configure(self) -> bool:
        """Set the plugin up, and say whether it is configured now."""

    @abstractmethod
    def perform_action(self, action: str, params: dict[str, Any]) -> Any:
        """Perform one of the plugin's actions; may be ``async``, and may yield items.

        An action yields items if this is a generator function, ``async`` or not, or returns an
        async iterator or a generator; it is then called with ``manager.perform_action_stream``.

        Args:
            action: The action's name.
            params: The caller's own object, not a copy.
        """


class ActionPlugin(PluginBase):
    """One action."""

    params_schema: ClassVar[Any] = None
    """What ``execute`` accepts: a JSON Schema ``dict`` or a pydantic model class."""
    policy: ClassVar[Any] = None
    """How it may be run; as in :attr:`ConnectionPlugin.actions`."""

    @abstractmethod
    def validate_params(self, params: dict[str, Any]) -> list[str]:
        """List the problems with ``params``; an empty list means there are none."""

    if TYPE_CHECKING:
        # For type checkers: an ``async def`` and a plain ``def``, generators or not, are all fine.
        execute: Callable[..., Any]
    else:

        @abstractmethod
        async def execute(self, params: dict[str, Any]) -> Any:
            """Do it; may be a plain ``def``, and may yield items, as ``perform_action`` may.

            ``params`` is the caller's own object, not a copy.
            """
