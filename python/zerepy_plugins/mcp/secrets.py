"""What must not be seen of the options of an MCP server, wherever it may turn up again."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

_MASK = "***"
_MIN_CHARS = 4  # shorter ones are found in any text


class Secrets:
    """The values of ``env`` and ``headers``, and what stands in the URL beside the address.

    Args:
        options: Those of the plugin.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        found = [*options.get("env", {}).values()]
        for header in options.get("headers", {}).values():
            found += [header, header.rpartition(" ")[2]]  # as in "Bearer <token>"
        url = urlsplit(options.get("url", ""))
        found += [url.query, url.username or "", url.password or ""]
        kept = {text for text in found if len(text) >= _MIN_CHARS}
        self._texts = sorted(kept, key=len, reverse=True)  # one may be a part of another

    def hidden(self, text: str) -> str:
        """Return the text with each of them masked."""
        for secret in self._texts:
            text = text.replace(secret, _MASK)
        return text

    def safe(self, error: Exception) -> Exception | None:
        """Return an error that may be seen as the cause of another; `None` if it tells one."""
        text = str(error)
        return error if self.hidden(text) == text else None
