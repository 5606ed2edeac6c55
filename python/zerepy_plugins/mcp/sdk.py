"""The one place that asks whether the MCP SDK is installed."""

from __future__ import annotations

from zerepy_plugins.errors import PluginLoadError


def require() -> None:
    """Raise a :class:`PluginLoadError` that says what to install, if the SDK is missing."""
    try:
        import mcp  # noqa: F401 - only whether it is there
    except ModuleNotFoundError as error:
        raise PluginLoadError(
            f"MCP needs the package 'mcp': {error}",
            hint='Install it: pip install "zerepy-plugins[mcp]"',
        ) from error
