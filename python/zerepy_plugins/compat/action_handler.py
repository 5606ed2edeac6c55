"""ZerePy's ``src.action_handler``: registered functions, each run as an action plugin."""

from __future__ import annotations

import functools
import inspect
import logging
import threading
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerepy_plugins import ActionPlugin, PluginManager, PluginRegistry
from zerepy_plugins._loop import is_loop_thread
from zerepy_plugins.compat.events.bus import event_bus
from zerepy_plugins.compat.legacy import root_of
from zerepy_plugins.compat.project import Project
from zerepy_plugins.compat.settling import off_loop
from zerepy_plugins.errors import PluginConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["action_registry", "execute_action", "register_action"]

logger = logging.getLogger("action_handler")

action_registry: dict[str, Callable[..., Any]] = {}
"""Functions by the name of the action; a change is in force at once."""

_agent: ContextVar[Any] = ContextVar("zerepy_agent")


class FunctionAction(ActionPlugin):
    """A registered function as a plugin; it is looked up at each call."""

    version = "0.0.0"

    def initialize(self, config: dict[str, Any]) -> None:
        """Nothing to do."""

    def cleanup(self) -> None:
        """Nothing to undo."""

    def validate_params(self, params: dict[str, Any]) -> list[str]:  # noqa: ARG002
        """Leave it to the function."""
        return []

    def execute(self, params: dict[str, Any]) -> Any:
        """Call the function with the agent; ``params`` are its keyword arguments."""
        return action_registry[self.name](_agent.get(None), **params)


def register_action(action_name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function ``f(agent, **kwargs)``, plain or ``async``; it stays what it is.

    A second function of that name takes the first one's place, as in ZerePy. That is logged, and
    the first one can still be executed as ``<its module>.<name>``.
    """

    def decorate(func: Callable[..., Any]) -> Callable[..., Any]:
        other = action_registry.get(action_name)
        if other is not None and _place(other) != _place(func):
            kept = f"{other.__module__}.{action_name}"
            action_registry[kept] = other
            logger.warning(
                "Action %s of %s takes the place of the one of %s, which is now called %s",
                action_name,
                func.__module__,
                other.__module__,
                kept,
            )
        action_registry[action_name] = func
        return func

    return decorate


def _place(func: Callable[..., Any]) -> tuple[str, str]:
    return func.__module__, getattr(func, "__qualname__", "")


def execute_action(agent: Any, action_name: str, **kwargs: Any) -> Any:
    """Execute a registered action once, and return its result; what it raises passes through.

    Args:
        agent: Given to the function first.
        action_name: The action's name; if no function is registered under it, that of an action
            plugin known to the agent's connection manager.
        **kwargs: Given to the function.

    Returns:
        The result; ``None``, and a line in the log, if there is no such action. Something to await
        if an event loop runs on this thread and the function is ``async``, or if the project's own
        ``execute_action`` is.
    """
    is_async = inspect.iscoroutinefunction(action_registry.get(action_name))
    if _project_awaits() or (is_async and is_loop_thread()):
        return _execute_async(agent, action_name, kwargs)
    manager = _manager_of(agent, action_name)
    if manager is None:
        return _execute_directly(agent, action_name, kwargs)
    token = _agent.set(agent)
    try:
        return off_loop(lambda: manager.execute_sync(action_name, kwargs))
    except Exception as error:  # noqa: BLE001 - raised, without what the host puts around it
        raise root_of(error) from None
    finally:
        _agent.reset(token)


async def _execute_async(agent: Any, action_name: str, kwargs: dict[str, Any]) -> Any:
    manager = _manager_of(agent, action_name)
    if manager is None:
        result = _execute_directly(agent, action_name, kwargs)
        return await result if inspect.isawaitable(result) else result
    token = _agent.set(agent)
    try:
        return await manager.execute(action_name, kwargs)
    except Exception as error:  # noqa: BLE001 - raised, without what the host puts around it
        raise root_of(error) from None
    finally:
        _agent.reset(token)


def _execute_directly(agent: Any, action_name: str, kwargs: dict[str, Any]) -> Any:
    func = action_registry.get(action_name)
    if func is None:
        logger.error(f"Action {action_name} not found")
        return None
    return func(agent, **kwargs)


def _manager_of(agent: Any, action_name: str) -> PluginManager | None:
    """Return the manager that runs the action, or ``None``."""
    if action_name in action_registry:
        return _manager_with(action_name)
    plugins = getattr(getattr(agent, "connection_manager", None), "plugins", None)
    if not isinstance(plugins, PluginManager) or ("action", action_name) not in plugins.registry:
        return None
    if action_name not in plugins:
        plugins.start_plugins(action_name)
    return plugins


@functools.cache
def _project_awaits() -> bool:
    return Project(Path.cwd()).awaits("action_handler", "execute_action")


_lock = threading.RLock()  # a handler of the start's events may execute an action, too


@functools.cache
def _manager() -> PluginManager:
    """Return the manager of all registered functions; as the registry, it is the process's."""
    return PluginManager(
        [],
        registry=PluginRegistry(),
        entry_points=False,
        events=event_bus,
        initialize_timeout=None,
        cleanup_timeout=None,
    )


def _manager_with(action_name: str) -> PluginManager | None:
    """Return the manager with a plugin of that name running; ``None`` if no plugin may have it."""
    with _lock:
        manager = _manager()
        if action_name in manager:
            return manager
        func = action_registry[action_name]
        body = {"name": action_name, "__doc__": func.__doc__, "__module__": __name__}
        cls = type("FunctionAction", (FunctionAction,), body)
        try:
            manager.registry.register("action", action_name, cls, origin=".".join(_place(func)))
        except PluginConfigError as error:
            logger.warning("Action %s runs outside the plugin manager: %s", action_name, error)
            return None
        manager.load_plugins()
        manager.start_plugins(action_name)
        return manager
