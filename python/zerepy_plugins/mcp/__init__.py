"""MCP both ways: servers hosted as plugins, and plugins offered to any MCP client.

Needs the optional dependency ``mcp`` (``pip install "zerepy-plugins[mcp]"``), which is imported
only when a connection is made or a server is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zerepy_plugins.mcp.connection import McpConnection

__all__ = ["connection_class"]


def connection_class(name: str) -> type[McpConnection]:
    """Make the plugin class for an entry of the configuration whose ``type`` is ``"mcp"``.

    Args:
        name: The plugin's name.
    """
    from zerepy_plugins.mcp.connection import McpConnection

    title = "".join(part.capitalize() for part in name.replace("-", "_").split("_"))
    return type(f"{title}McpConnection", (McpConnection,), {"name": name})
