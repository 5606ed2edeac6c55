"""An HTTP interface for a manager's plugins, with the paths of ZerePy's own server.

Needs the optional dependency ``fastapi`` (``pip install "zerepy-plugins[server]"``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zerepy_plugins.errors import PluginLoadError

try:
    from fastapi import APIRouter
except ModuleNotFoundError as error:
    raise PluginLoadError(
        f"the server needs the package 'fastapi': {error}",
        hint='Install it: pip install "zerepy-plugins[server]"',
    ) from error

from zerepy_plugins.server import actions, agents, connections, overview
from zerepy_plugins.server.agents import Agents
from zerepy_plugins.server.failures import PluginRoute

if TYPE_CHECKING:
    from zerepy_plugins import PluginManager

__all__ = ["Agents", "router"]


def router(manager: PluginManager, agents_of_project: Agents | None = None) -> APIRouter:
    """Make a router for an application: ``app.include_router(router(manager))``.

    ``GET /`` ``/agents`` ``/connections`` ``/connections/{name}/status`` ``/tools`` ``/plugins``
    ``/healthz`` ``/metrics``; ``POST /agents/{name}/load`` ``/agent/action`` ``/agent/start``
    ``/agent/stop`` ``/connections/{name}/configure``. There is no authentication: whoever reaches
    it can call every action.

    A failure has a status (403 a hook's veto, 404 unknown plugin or action, 409 the plugin is in
    the wrong state, 422 wrong parameters, 429 its rate is used up, 501 no agents, 502 the plugin
    failed, 503 not ready, 504 time limit) and the body that ``call_tool`` returns, with its message
    as ``detail``, too; one that says when to try again has ``Retry-After``.

    Args:
        manager: Whose plugins. Starting and stopping them is the application's business, in its
            lifespan: ``async with manager: yield``.
        agents_of_project: What serves the paths that are about agents; without it they answer 501.
    """
    made = APIRouter(route_class=PluginRoute)
    overview.add_routes(made, manager)
    connections.add_routes(made, manager)
    actions.add_routes(made, manager)
    agents.add_routes(made, agents_of_project)
    return made
