"""The manager that runs an agent's connections: who serves a name, and with which settings.

A name is served by the first of: the project's ``plugins`` folder, ``~/.zerepy/plugins``, entry
points of installed packages, the project's own class.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerepy_plugins import Event, PluginFailure, PluginHooks, PluginManager, PluginRegistry
from zerepy_plugins.compat.config.providers import EnvConfigProvider
from zerepy_plugins.compat.events.bus import event_bus
from zerepy_plugins.compat.hosted import HostedConnection, host
from zerepy_plugins.compat.served import ServedConnection
from zerepy_plugins.compat.unsaid import unsaid
from zerepy_plugins.errors import PluginConfigError, PluginError

if TYPE_CHECKING:
    from zerepy_plugins.compat.project import Project

__all__ = ["Connections", "facts", "serving_manager", "take_in", "take_in_all", "unusable"]

CONFIG_FILE = "zerepy-plugins.toml"
_KINDS = (None, "connection", "action")  # a `type` that says what a plugin is, not what makes it
_log = logging.getLogger("zerepy_plugins.compat")


class _BranchEvents(PluginHooks):
    """Publishes what ZerePy's plugin branch promises beside the host's own events."""

    def post_initialize(self, plugin: Any, error: BaseException | None) -> None:
        """Tell that a plugin runs, or why it does not."""
        name, data = "plugin.initialized", {"name": plugin.name}
        if error is not None:
            name, data = "plugin.error", {"name": plugin.name, "error": str(error)}
        event_bus.publish(Event(name, data, "plugin_manager"))


def serving_manager(project: Project) -> PluginManager:
    """Return a manager that has taken in the plugins and started none.

    Its events go to ZerePy's global bus. ``zerepy-plugins.toml`` in the project configures it.
    """
    load_secrets(project)
    folders = [project.root / "plugins", Path.home() / ".zerepy" / "plugins"]
    file = project.root / CONFIG_FILE
    manager = PluginManager(
        [folder for folder in folders if folder.is_dir()],
        file if file.is_file() else None,
        registry=PluginRegistry(),
        hooks=[_BranchEvents()],
        events=event_bus,
    )
    load_before(manager, project)
    return manager


def load_before(manager: PluginManager, project: Project) -> None:
    """Load the plugins that go before a project's classes, which may have settings already."""
    with unsaid("config", project.connections()):
        manager.load_plugins()


def load_secrets(project: Project) -> None:
    """Put what is in the project's ``.env`` into the environment, for ``${NAME}`` in settings."""
    try:
        EnvConfigProvider(str(project.root / ".env"))
    except PluginConfigError as error:
        _log.warning("%s", error)


def take_in(
    manager: PluginManager,
    project: Project,
    item: Mapping[str, Any],
    peers: Mapping[str, Any] | None = None,
) -> None:
    """Have an item of an agent's ``config`` served by the plugin of its name, else by the project's
    own class, else by a plugin of the item's ``type``, such as ``"mcp"``. ``load_plugins`` of the
    manager makes the latter two known then.

    Raises:
        PluginConfigError: It has no name, or the plugin does not accept its settings.
    """  # noqa: D205
    name = _name_of(item)
    source = project.connections().get(name)
    if name in manager.registry:
        if source is not None:
            origin = manager.describe(name)["origin"]
            shown = project.shown(source)
            _log.warning("connection %r is served by %s instead of %s", name, origin, shown)
        if settings := plugin_settings(item):
            with unsaid("config", [name]):  # it is no change: it has not run
                manager.add_config({name: {"config": settings}})
    elif source is None and item.get("type") not in _KINDS:
        manager.add_config({name: {"type": item["type"], "config": plugin_settings(item)}})
    else:
        cls = host(name, lambda: project.load(name), project.settings_of(item), peers)
        origin = str(project.shown(source)) if source else "no plugin, nor in src/connections"
        manager.registry.register("connection", name, cls, origin=origin)


def _name_of(item: Any) -> str:
    name = item.get("name") if isinstance(item, Mapping) else None
    if not isinstance(name, str):
        raise PluginConfigError(
            'an item of "config" has no "name"', hint='Write {"name": "openai", "model": "…"}'
        )
    return name


def take_in_all(manager: PluginManager, project: Project) -> list[PluginFailure]:
    """Take in every connection of a project, with the settings of its default agent.

    Returns:
        What is wrong with the agents' files.
    """
    load_secrets(project)
    flaws = _unreadable(project)
    items = {name: {"name": name} for name in project.connections()}
    with suppress(PluginConfigError):  # it is among the flaws already
        items |= {str(item.get("name")): item for item in project.agent_config()}
    for item in items.values():
        try:
            take_in(manager, project, item)
        except PluginError as error:
            flaws.append(_flaw(project.default_agent(), error))
    manager.load_plugins()
    return flaws


def _unreadable(project: Project) -> list[PluginFailure]:
    flaws = []
    for agent in project.agents():
        try:
            project.agent_config(agent)
        except PluginConfigError as error:
            flaws.append(_flaw(agent, error))
    return flaws


def _flaw(agent: str, error: PluginError) -> PluginFailure:
    return PluginFailure("validate", error.plugin, f"agents/{agent}.json", error, hint=error.hint)


def unusable(manager: PluginManager) -> list[PluginFailure]:
    """Return why the project's classes cannot be imported that cannot."""
    return [
        PluginFailure(
            "import", name, manager.describe(name)["origin"], cls.unusable, hint=cls.unusable.hint
        )
        for name, cls in manager.registry.list_plugins("connection").items()
        if issubclass(cls, HostedConnection) and cls.unusable
    ]


def facts(manager: PluginManager, project: Project, name: str) -> dict[str, Any]:
    """Return what a project adds to the description of a plugin.

    ``offers`` is who offers to serve the name, in their precedence: the first one does. In
    ``config`` the values of the agent's file are left out: they may be secret, and nobody says so.
    """
    described = manager.describe(name)
    found = [described["origin"]]
    found += [failure.origin for failure in manager.failures if failure.plugin == name]
    source = project.connections().get(name)
    if source is not None and not found[0].endswith(str(project.shown(source))):
        found.append(str(project.shown(source)))
    config = described["config"] or {}
    for item in project.agent_config():
        if item.get("name") == name and "options" in config:
            told = plugin_settings(item).get("options", {})
            hidden = dict.fromkeys(config["options"].keys() & told.keys(), "set by the agent")
            config = {**config, "options": {**config["options"], **hidden}}
    return {"offers": found, "config": config}


def plugin_settings(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plugin's configuration from an item of an agent's ``config``.

    What stands beside the name are its ``options``; a ``config`` in the manifest's shape is taken
    as it is.
    """
    nested = item.get("config")
    if isinstance(nested, Mapping):
        known = nested.keys() <= {"enabled", "options"}
        return dict(nested) if known else {"options": dict(nested)}
    options = {key: value for key, value in item.items() if key not in {"name", "version", "type"}}
    return {"options": options} if options else {}


class Connections(Mapping[str, Any]):
    """An agent's running connections by name: a live view.

    Classes of the project are :class:`HostedConnection`, other plugins :class:`ServedConnection`.
    """

    def __init__(self, manager: PluginManager) -> None:
        self._manager = manager
        self._items: dict[str, Mapping[str, Any]] = {}
        self._served: dict[str, ServedConnection] = {}

    def add(self, name: str, item: Mapping[str, Any]) -> None:
        """Show a plugin of the manager among them, once it runs."""
        self._items[name] = item
        self._served[name] = ServedConnection(self._manager, name, item)

    def __getitem__(self, name: str) -> Any:
        if name not in self._items:
            raise KeyError(name)
        try:
            plugin = self._manager[name]
        except PluginError as error:
            raise KeyError(name) from error
        if isinstance(plugin, HostedConnection):
            return plugin
        return self._served[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._items if name in self._manager)

    def __len__(self) -> int:
        return sum(1 for _ in self)
