"""What a docstring says: what a function does, and what its arguments are.

Google's and Sphinx's way of writing are read; another one is all description.
"""

from __future__ import annotations

import inspect
import re

_SECTION = re.compile(r"^(Args|Arguments|Parameters|Params):$")
_OTHER_SECTION = re.compile(r"^[A-Z][A-Za-z ]+:$")
_ARGUMENT = re.compile(r"^(?P<name>\*{0,2}\w+)\s*(?:\([^)]*\))?:\s*(?P<text>.*)$")
_SPHINX = re.compile(r"^:param\s+(?:[^:]*\s)?(?P<name>\w+):\s*(?P<text>.*)$")


def read(doc: str | None) -> tuple[str, dict[str, str]]:
    """Return the description without sections, and the text of each argument."""
    description: list[str] = []
    arguments: dict[str, str] = {}
    current, within = None, "description"
    for line in inspect.cleandoc(doc or "").splitlines():
        text, indented = line.strip(), line[:1].isspace()
        sphinx = _SPHINX.match(text)
        if sphinx:
            within, current = "arguments", sphinx["name"]
            arguments[current] = sphinx["text"]
        elif not indented and _SECTION.match(text):
            within, current = "arguments", None
        elif not indented and (_OTHER_SECTION.match(text) or text.startswith(":")):
            within = "other"
        elif within == "arguments" and text:
            current = _take_argument(line, text, current, arguments)
        elif within == "description":
            description.append(line)
    return "\n".join(description).strip(), arguments


def _take_argument(
    line: str, text: str, current: str | None, arguments: dict[str, str]
) -> str | None:
    """Begin an argument, or go on with the current one where the line stands deeper."""
    depth = len(line) - len(line.lstrip())
    found = _ARGUMENT.match(text)
    if found and (depth <= 4 or current is None):
        name = found["name"].lstrip("*")
        arguments[name] = found["text"]
        return name
    if current is not None:
        arguments[current] = f"{arguments[current]} {text}".strip()
    return current
