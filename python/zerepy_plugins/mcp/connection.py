"""An MCP server as a connection: its tools are the actions."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

from zerepy_plugins.base import ConnectionPlugin
from zerepy_plugins.errors import (
    PluginConfigError,
    PluginExecutionError,
    PluginNotFoundError,
    PluginStateError,
)
from zerepy_plugins.mcp import sdk
from zerepy_plugins.mcp.results import action_of, value_of
from zerepy_plugins.mcp.secrets import Secrets
from zerepy_plugins.records import Event

if TYPE_CHECKING:
    from mcp_types import Tool

    from zerepy_plugins.mcp.session import Session

_TEXT = {"type": "string", "minLength": 1}
_SECRETS = {  # where tokens stand: shown nowhere
    "type": "object",
    "additionalProperties": {"type": "string"},
    "writeOnly": True,
}
_LAST_LINES = 5
_LAST_CHARACTERS = 1000  # of each
_CONNECT_SECONDS = 50  # for a manager without a limit, where a silent server would hold up all


class McpConnection(ConnectionPlugin):
    """The tools of an MCP server.

    Its options are either ``command`` (a list: the program and its arguments) with ``env`` and
    ``cwd``, and the server is a process that lives as long as the plugin runs; or ``url``, a server
    with streamable HTTP, with ``headers``. The process gets only a few variables of the environment
    (such as ``PATH`` and ``HOME``) beside ``env``. Its standard error goes to the plugin's logger.

    When the server says that its tools changed, they are asked for again, and the event
    ``plugin.tools_changed`` is published.
    """

    name = "mcp"
    version = "1"
    config_schema: ClassVar[Any] = {
        "type": "object",
        "properties": {
            "options": {
                "type": "object",
                "properties": {
                    "command": {"type": "array", "items": _TEXT, "minItems": 1},
                    "env": _SECRETS,
                    "cwd": _TEXT,
                    "url": _TEXT,
                    "headers": _SECRETS,
                },
                "oneOf": [{"required": ["command"]}, {"required": ["url"]}],
                "dependentRequired": {"env": ["command"], "cwd": ["command"], "headers": ["url"]},
                "additionalProperties": False,
            }
        },
        "required": ["options"],
    }

    def __init__(self) -> None:
        self._actions: dict[str, dict[str, Any]] = {}
        self._session: Session | None = None
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._secrets = Secrets({})

    @property
    def actions(self) -> dict[str, dict[str, Any]]:
        """The server's tools, once it is connected, as it last told them."""
        return self._actions

    async def initialize(self, config: dict[str, Any]) -> None:
        """Connect to the server and learn its tools."""
        sdk.require()
        from zerepy_plugins.mcp.session import Session

        options = config["options"]
        self._secrets = Secrets(options)
        session = Session(_target(options), self._log, self._renew)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS) as limit:
                tools = await session.open()
        except Exception as error:  # noqa: BLE001 - the cause, unless it tells a secret
            silent = TimeoutError(f"no answer for {_CONNECT_SECONDS} s")
            why = silent if limit.expired() else error
            raise self._failed("connect to", why) from self._secrets.safe(error)
        self._session = session
        self._actions = {tool.name: action_of(tool) for tool in tools}

    def _renew(self, tools: list[Tool]) -> None:
        self._actions = {tool.name: action_of(tool) for tool in tools}
        event = Event("plugin.tools_changed", {"plugin": self.name}, source=self.name)
        self.context.events.publish(event)

    async def cleanup(self) -> None:
        """Close the session; a server that was started ends, by force if it must."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def is_configured(self) -> bool:
        """Say whether there is a session."""
        return self._session is not None

    def configure(self) -> bool:
        """Say whether there is a session; what there is to configure stands in the options."""
        return self.is_configured()

    async def health(self) -> bool:
        """Ask the server for its tools, and say whether it answers."""
        if self._session is None or self._session.is_forked:
            return False
        try:
            await self._session.list_tools()
        except Exception:  # noqa: BLE001 - whatever it is, the server is not well
            return False
        return True

    async def perform_action(self, action: str, params: dict[str, Any]) -> Any:
        """Call the tool of that name.

        Returns:
            The structured content if there is any, else the text, else the content blocks as MCP
            writes them; of several blocks a list.
        """
        session = self._connected()
        if action not in self.actions:
            known = ", ".join(self.actions) or "none"
            raise PluginNotFoundError(
                f"MCP server {self.name!r} has no tool {action!r}", hint=f"Known: {known}"
            )
        try:
            result = await session.call(action, params)
        except Exception as error:  # noqa: BLE001 - likewise
            raise self._failed(f"call {action!r} of", error) from self._secrets.safe(error)
        if result.is_error:
            text = value_of(result, None)
            raise PluginExecutionError(f"tool {action!r} of MCP server {self.name!r}: {text}")
        return value_of(result, self.actions[action])

    def _connected(self) -> Session:
        if self._session is None:
            raise PluginStateError(f"MCP server {self.name!r} is not connected")
        if self._session.is_forked:
            raise PluginStateError(
                f"the connection to MCP server {self.name!r} does not survive a fork",
                hint="Make a manager of its own in the forked process",
            )
        return self._session

    def _log(self, line: str) -> None:
        line = self._secrets.hidden(line)
        self._last_lines.append(line[:_LAST_CHARACTERS])
        self.context.logger.info("%s", line)

    def _failed(self, what: str, error: Exception) -> PluginExecutionError:
        lines = list(self._last_lines)
        said = f"; its last words: {' | '.join(lines)}" if lines else ""
        why = self._secrets.hidden(f"{type(error).__name__}: {error}")
        return PluginExecutionError(
            f"cannot {what} MCP server {self.name!r}: {why}{said}",
            hint="Check `command` or `url` in its options; start it again once the server works",
        )


def _target(options: dict[str, Any]) -> Any:
    from mcp import StdioServerParameters

    from zerepy_plugins.mcp.transport import HttpServer

    if "url" in options:
        return HttpServer(options["url"], options.get("headers", {}))
    command, *arguments = options["command"]
    try:
        return StdioServerParameters(
            command=command, args=arguments, env=options.get("env"), cwd=options.get("cwd")
        )
    except ValueError as error:
        raise PluginConfigError(f"options: {error}") from error
