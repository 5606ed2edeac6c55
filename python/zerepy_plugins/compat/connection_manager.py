"""ZerePy's ``src.connection_manager``, with connections that fail alone and run as plugins."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zerepy_plugins._loop import is_loop_thread
from zerepy_plugins.compat import legacy
from zerepy_plugins.compat.events.bus import event_bus
from zerepy_plugins.compat.hosted import HostedConnection
from zerepy_plugins.compat.hosting import Connections, serving_manager, take_in
from zerepy_plugins.compat.legacy import Refused, logger
from zerepy_plugins.compat.params import named
from zerepy_plugins.compat.project import Project
from zerepy_plugins.compat.served import ServedConnection
from zerepy_plugins.compat.settling import off_loop
from zerepy_plugins.compat.unsaid import unsaid
from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginConfigError,
    PluginError,
    PluginStateError,
)
from zerepy_plugins.records import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from zerepy_plugins import PluginManager

__all__ = ["ConnectionManager"]

Errors = Literal["legacy", "raise"]
_log = logging.getLogger("zerepy_plugins.compat")


class ConnectionManager:
    """The connections of one agent.

    Args:
        agent_config: The list under ``config`` in ``agents/<name>.json``.
        errors: ``"legacy"`` logs what goes wrong and returns ``None`` or ``False``, as ZerePy does;
            ``"raise"`` raises it.
        prompts: Answers what ``configure()`` asks and nothing else answers.
        root: The project's folder; by default the working directory.

    A connection that cannot be started is logged and left out; ``plugins.failures`` has the reason.
    May be used from any thread.
    """

    def __init__(
        self,
        agent_config: Iterable[Mapping[str, Any]],
        *,
        errors: Errors = "legacy",
        prompts: Callable[[str], str] | None = None,
        root: Path | None = None,
    ) -> None:
        if errors not in ("legacy", "raise"):
            raise PluginConfigError(f'errors must be "legacy" or "raise", not {errors!r}')
        self._raises = errors == "raise"
        self._prompts = prompts
        self._project = Project((root or Path.cwd()).resolve())
        self._awaited = self._project.awaits("connection_manager", "perform_action")
        self.plugins: PluginManager = serving_manager(self._project)
        """The plugin manager that runs the connections: status, failures, monitor, hooks."""
        self._started = Connections(self.plugins)
        self.connections: Mapping[str, Any] = self._started
        self._wanted: set[str] = set()
        self._refused: dict[str, PluginError] = {}
        items = [item for item in _last_of_each(agent_config) if self._take_in(item)]
        self.plugins.load_plugins()
        for item in items:
            self._start(item)

    def close(self) -> None:
        """Stop all connections; the interpreter's end does it, too."""
        off_loop(self.plugins.stop_plugins)

    # What there is.

    def list_connections(self) -> dict[str, bool]:
        """Log every connection and whether it is configured; also return that."""
        logger.info("\nAVAILABLE CONNECTIONS:")
        configured = {name: conn.is_configured() for name, conn in self.connections.items()}
        for name, answer in configured.items():
            logger.info(f"- {name}: {'✅ Configured' if answer else '❌ Not Configured'}")
        for name, error in self._why_not().items():
            if name in self._wanted and name not in configured:
                logger.info(f"- {name}: ❌ Not Available: {error}")
        return configured

    def list_actions(self, connection_name: str) -> dict[str, Any]:
        """Log a connection's actions and their parameters; also return the actions by name."""
        try:
            connection = self._connection(connection_name)
            legacy.log_state(connection_name, connection.is_configured())
            logger.info("\nAVAILABLE ACTIONS:")
            for name, action in connection.actions.items():
                legacy.log_action(name, action)
            return dict(connection.actions)
        except Exception as error:  # noqa: BLE001 - as ZerePy does
            self._report(error, "\nAn error occurred")
            return {}

    def get_model_providers(self) -> list[str]:
        """Return the names of the configured connections that generate text."""
        return [
            name
            for name, connection in self.connections.items()
            if connection.is_configured() and connection.is_llm_provider
        ]

    def get_connection(self, connection_name: str) -> Any:
        """Return a connection, or ``None``; some forks have this."""
        try:
            return self._connection(connection_name)
        except Refused as refused:
            self._report(refused)
            return None

    def get_connections(self) -> Mapping[str, Any]:
        """Return the connections; some forks have this."""
        return self.connections

    def get_actions(self, connection_name: str) -> Any:
        """Return a connection's actions by name, or ``None``; some forks have this."""
        connection = self.get_connection(connection_name)
        return None if connection is None else connection.actions

    # Setting up.

    def configure_connection(
        self,
        connection_name: str,
        *,
        prompts: Callable[[str], str] | None = None,
        **answers: Any,
    ) -> bool:
        """Let a connection configure itself, and say whether it did.

        Args:
            connection_name: The connection's name.
            prompts: Called with what it asks and nothing else answers.
            **answers: By what it asks for, such as ``api_key``.
        """
        try:
            connection = self._connection(connection_name)
            done = bool(connection.configure(prompts=prompts or self._prompts, **answers))
        except Exception as error:  # noqa: BLE001 - as ZerePy does
            self._report(error, "\nAn error occurred")
            return False
        if done:
            logger.info(f"\n✅ SUCCESSFULLY CONFIGURED CONNECTION: {connection_name}")
            event_bus.publish(
                Event("connection.configured", {"name": connection_name}, "connection_manager")
            )
        else:
            logger.error(f"\n❌ ERROR CONFIGURING CONNECTION: {connection_name}")
        return done

    async def configure_connection_async(self, connection_name: str, **answers: Any) -> bool:
        """Like :meth:`configure_connection`, on a worker thread."""
        return await asyncio.to_thread(self.configure_connection, connection_name, **answers)

    # Calls.

    def perform_action(
        self,
        connection_name: str,
        action_name: str,
        params: Any = None,
        *,
        errors: Errors | None = None,
    ) -> Any:
        """Perform an action of a connection and return its result.

        Args:
            connection_name: The connection's name.
            action_name: The action's name.
            params: A list of values in the order of the action's parameters, or a ``dict``.
            errors: ``"legacy"`` or ``"raise"``, for this call only.

        Returns:
            The result. Something to await if an event loop runs on this thread and the action is
            ``async``, or if the project's own ``perform_action`` is.
        """
        if self._awaited or self._is_for_loop(connection_name, action_name):
            return self.perform_action_async(connection_name, action_name, params, errors=errors)
        try:
            connection, name, arguments = self._prepared(connection_name, action_name, params)
            if isinstance(connection, ServedConnection):
                return connection.perform(name, arguments)
            if self._are_hosted():
                return self.plugins.perform_action(connection_name, name, arguments)
            return connection.perform_action(name, arguments)
        except Exception as error:  # noqa: BLE001 - as ZerePy does
            return self._report(error, _failed(connection_name, action_name), errors)

    async def perform_action_async(
        self,
        connection_name: str,
        action_name: str,
        params: Any = None,
        *,
        errors: Errors | None = None,
    ) -> Any:
        """Like :meth:`perform_action`, awaitable: what may block runs on a worker thread."""
        try:
            _, name, arguments = await asyncio.to_thread(
                self._prepared, connection_name, action_name, params
            )
            return await self.plugins.perform_action_async(connection_name, name, arguments)
        except Exception as error:  # noqa: BLE001 - as ZerePy does
            return self._report(error, _failed(connection_name, action_name), errors)

    def _prepared(
        self, connection_name: str, action_name: str, params: Any
    ) -> tuple[Any, str, dict[str, Any]]:
        """Check that the action can be called, and return what to call it with."""
        try:
            connection = self.connections[connection_name]
        except KeyError as error:
            text = f"{_failed(connection_name, action_name)}: {error}"
            raise self._unknown(connection_name, text) from None
        if not connection.is_configured():
            raise legacy.not_configured(connection_name)
        name, arguments = action_name, params
        if isinstance(connection, ServedConnection):
            name, arguments = connection.call(action_name, params)
            if not connection.actions:
                return connection, name, arguments  # a plugin need not declare them
        if name not in connection.actions:
            raise legacy.unknown_action(connection_name, action_name, connection.actions)
        parameters = connection.actions[name].parameters
        arguments = named(arguments, [parameter.name for parameter in parameters])
        missing = [p.name for p in parameters if p.required and p.name not in arguments]
        if missing:
            raise legacy.missing_params(connection_name, action_name, missing)
        return connection, name, arguments

    def _are_hosted(self) -> bool:
        """Tell whether the plugin manager runs them: ``connections`` may have been replaced."""
        return self.connections is self._started

    def _is_for_loop(self, connection_name: str, action_name: str) -> bool:
        """Tell whether the action is async and an event loop runs here, which would wait for it."""
        if not is_loop_thread():
            return False
        connection = self.connections.get(connection_name)
        method = getattr(connection, action_name.replace("-", "_"), None)
        return inspect.iscoroutinefunction(method)

    # As in ZerePy; called by its own code and by tests of forks.

    def _register_connection(self, config_dic: Mapping[str, Any]) -> None:
        """Start the connection of one item of the agent's ``config``."""
        if self._take_in(config_dic):
            self.plugins.load_plugins()
            self._start(config_dic)

    def _check_connection(self, connection_string: str) -> bool:
        """Tell whether a connection is configured, and let it say what is wrong."""
        try:
            return bool(self._connection(connection_string).is_configured(verbose=True))
        except Exception as error:  # noqa: BLE001 - as ZerePy does
            self._report(error, "\nAn error occurred")
            return False

    def _take_in(self, item: Mapping[str, Any]) -> bool:
        self._wanted.add(_name(item))
        try:
            take_in(self.plugins, self._project, item, self._started)
        except PluginError as error:
            self._refused[_name(item)] = error
            _log_failed_start(item, error)
            return False
        return True

    def _start(self, item: Mapping[str, Any]) -> None:
        name = _name(item)
        cls = self.plugins.registry.list_plugins("connection").get(name)
        is_own = cls is not None and issubclass(cls, HostedConnection)
        start = partial(self.plugins.start_plugins, name)
        try:
            with unsaid("lifecycle", [name]):
                start() if is_own else off_loop(start)
        except PluginError as error:
            _log_failed_start(item, legacy.root_of(error) if is_own else error)
            return
        if ("connection", name) not in self.plugins.registry:
            return  # an action plugin, which execute_action finds
        self._started.add(name, item)
        event_bus.publish(Event("connection.registered", {"name": name}, "connection_manager"))

    def _connection(self, name: str) -> Any:
        try:
            return self.connections[name]
        except KeyError:
            raise self._unknown(name) from None

    def _unknown(self, name: str, text: str = "") -> Refused:
        if error := self._why_not().get(name):
            return legacy.not_started(error, text)
        return legacy.unknown_connection(name, self.connections, text)

    def _why_not(self) -> dict[str, PluginError]:
        """Return why connections do not run that should."""
        failures = ((failure.plugin, failure.error) for failure in self.plugins.failures)
        told = {name: e for name, e in failures if name and isinstance(e, PluginError)}
        return told | self._refused

    def _report(self, error: Exception, what: str = "", errors: Errors | None = None) -> None:
        """Raise an error or log it in ZerePy's words, as asked for."""
        if errors == "raise" or (self._raises and errors != "legacy"):
            raise error.error if isinstance(error, Refused) else error
        if not isinstance(error, Refused):
            logger.error(f"{what}: {legacy.root_of(error)}")
            return
        logger.error(error.text)
        if not isinstance(error.error, PluginStateError | InvalidParamsError):
            _log.warning("%s", error.error)  # the nearest name, or what to install


def _failed(connection: str, action: str) -> str:
    return f"\nAn error occurred while trying action {action} for {connection} connection"


def _log_failed_start(item: Mapping[str, Any], error: BaseException) -> None:
    logger.error(f"Failed to initialize connection {_name(item)}: {error}")


def _last_of_each(items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return one item for each name: as in ZerePy, the last one counts."""
    return list({_name(item): item for item in items}.values())


def _name(item: Any) -> str:
    return str(item.get("name")) if isinstance(item, Mapping) else f"({type(item).__name__})"
