"""The names of tools: what every provider takes, and what leads back to one action."""

from __future__ import annotations

import hashlib
import re

MAX_NAME_CHARS = 64
_SEPARATOR = "__"
_DIGEST_CHARS = 12
_PLAIN_PLUGIN = re.compile(r"(?!.*__)[a-zA-Z_][a-zA-Z0-9_-]*(?<!_)", re.ASCII)
_PLAIN_ACTION = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)
_ODD = re.compile(r"[^a-zA-Z0-9_-]+", re.ASCII)


def tool_name(plugin: str, action: str) -> str:
    """Return the name of an action's tool.

    It has at most 64 characters of ``[a-zA-Z0-9_-]``, a letter or ``_`` first, and depends on
    nothing but the arguments. Usually it is ``plugin__action``, which can be read only one way.
    Where that is too long, has other characters or could be read in two ways, the end is a digest
    of both names, and nowhere stands ``__``: so it is never another one's.
    """
    name = f"{plugin}{_SEPARATOR}{action}"
    is_plain = _PLAIN_PLUGIN.fullmatch(plugin) and _PLAIN_ACTION.fullmatch(action)
    if is_plain and len(name) <= MAX_NAME_CHARS:
        return name
    digest = hashlib.sha256(f"{plugin}\0{action}".encode()).hexdigest()[:_DIGEST_CHARS]
    head = re.sub("_{2,}", "_", _ODD.sub("_", name))
    if not re.match(r"[a-zA-Z_]", head):
        head = f"p_{head}"
    return f"{head[: MAX_NAME_CHARS - _DIGEST_CHARS - 1].rstrip('_')}_{digest}"
