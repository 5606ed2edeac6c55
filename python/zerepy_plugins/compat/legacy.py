"""What ZerePy's connection manager says, to the letter, and the errors behind it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from zerepy_plugins.compat.nearest import nearest
from zerepy_plugins.errors import (
    InvalidParamsError,
    PluginError,
    PluginExecutionError,
    PluginNotFoundError,
    PluginStateError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Refused",
    "log_action",
    "log_state",
    "logger",
    "missing_params",
    "not_configured",
    "not_started",
    "root_of",
    "unknown_action",
    "unknown_connection",
]

logger = logging.getLogger()
"""ZerePy logs with the root logger here."""


class Refused(Exception):  # noqa: N818 - no error by itself: it carries one, and ZerePy's text
    """A call that cannot be made."""

    def __init__(self, text: str, error: PluginError) -> None:
        super().__init__(text)
        self.text = text
        self.error = error


_UNKNOWN = "\nUnknown connection. Try 'list-connections' to see all supported connections."


def unknown_connection(name: str, known: Iterable[str], text: str = "") -> Refused:
    """There is no connection of that name."""
    return Refused(text or _UNKNOWN, _not_found("no connection is called", name, known))


def not_started(error: PluginError, text: str = "") -> Refused:
    """The connection could not be started, for which ZerePy has no other words."""
    return Refused(text or _UNKNOWN, error)


def unknown_action(connection: str, action: str, known: Iterable[str]) -> Refused:
    """The connection has no such action."""
    return Refused(
        f"\nError: Unknown action '{action}' for connection '{connection}'",
        _not_found(f"connection {connection!r} has no action", action, known),
    )


def not_configured(connection: str) -> Refused:
    """The connection lacks something, such as credentials."""
    return Refused(
        f"\nError: Connection '{connection}' is not configured",
        PluginStateError(
            f"connection {connection!r} is not configured",
            plugin=connection,
            hint=f"Run configure-connection {connection}",
        ),
    )


def missing_params(connection: str, action: str, missing: Iterable[str]) -> Refused:
    """Parameters that the action needs are not given."""
    listed = ", ".join(missing)
    return Refused(
        f"\nError: Missing required parameters: {listed}",
        InvalidParamsError(
            f"action {action!r} of connection {connection!r} needs {listed}", plugin=connection
        ),
    )


def root_of(error: BaseException) -> BaseException:
    """Return what the connection itself raised, which is what ZerePy shows."""
    wrapped = type(error) is PluginExecutionError and error.__cause__ is not None
    return error.__cause__ if wrapped and error.__cause__ else error


def log_state(name: str, configured: bool) -> None:
    """Log whether a connection's actions can be used."""
    if configured:
        logger.info(f"\n✅ {name} is configured. You can use any of its actions.")
    else:
        needed = "You must configure a connection to use its actions."
        logger.info(f"\n❌ {name} is not configured. {needed}")


def log_action(name: str, action: Any) -> None:
    """Log an action and its parameters."""
    logger.info(f"- {name}: {action.description}")
    logger.info("  Parameters:")
    for parameter in action.parameters:
        need = "required" if parameter.required else "optional"
        logger.info(f"    - {parameter.name} ({need}): {parameter.description}")


def _not_found(what: str, name: str, known: Iterable[str]) -> PluginNotFoundError:
    return PluginNotFoundError(f"{what} {name!r}", plugin=name, hint=nearest(name, known))
