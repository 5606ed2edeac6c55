"""What a docstring says: what a function does, and what its arguments are.

The ways of Google, NumPy and Sphinx are read; another one is all description.
"""

from __future__ import annotations

import inspect
import re

_TITLES = "Args|Arguments|Parameters|Params|Keyword Args|Other Parameters|Attributes"
_SECTION = re.compile(rf"({_TITLES}):?")
_OTHER_SECTION = re.compile(r"[A-Z][A-Za-z ]+:")
_UNDERLINE = re.compile(r"-{3,}")
_GOOGLE = re.compile(r"\*{0,2}(?P<names>\w+)\s*(?:\(.*?\))?:\s*(?P<text>.*)")
_NUMPY = re.compile(r"(?P<names>\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)(?:\s*:.*)?(?P<text>)")
_SPHINX = re.compile(
    r":(?:param|arg|argument|key)\s+(?:[^:]*\s)?\*{0,2}(?P<name>\w+):\s*(?P<text>.*)"
)


def read(doc: str | None) -> tuple[str, dict[str, str]]:
    """Return the description without sections, and the text of each argument."""
    reader = _Reader()
    lines = inspect.cleandoc(doc or "").splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        reader.take(line, is_title=bool(_UNDERLINE.fullmatch(following.strip())))
    arguments = {name: text for name, text in reader.arguments.items() if text}
    return "\n".join(reader.description).strip(), arguments


class _Reader:
    def __init__(self) -> None:
        self.description: list[str] = []
        self.arguments: dict[str, str] = {}
        self._within = "description"
        self._current: list[str] = []
        self._depth: int | None = None  # where the names of a section stand
        self._pattern = _GOOGLE

    def take(self, line: str, *, is_title: bool) -> None:
        """Read the next line; `is_title` says whether it is underlined."""
        text, depth = line.strip(), len(line) - len(line.lstrip())
        if found := _SPHINX.fullmatch(text):
            self._within, self._depth = "sphinx", depth
            self._begin(found["name"], found["text"])
        elif (is_title and self._is_begun()) or (depth == 0 and self._is_section(text)):
            self._enter(text, _NUMPY if is_title else _GOOGLE)
        elif self._within == "description":
            self.description.append(line)
        elif text and not _UNDERLINE.fullmatch(text):
            self._take_part(text, depth)

    def _is_begun(self) -> bool:
        """Say whether there was a summary: what is underlined before is one."""
        return any(self.description) or self._within != "description"

    def _is_section(self, text: str) -> bool:
        is_known = text.endswith(":") and _SECTION.fullmatch(text)
        return bool(is_known or _OTHER_SECTION.fullmatch(text) or text.startswith(":"))

    def _enter(self, text: str, pattern: re.Pattern[str]) -> None:
        self._within = "arguments" if _SECTION.fullmatch(text) else "other"
        self._pattern, self._depth, self._current = pattern, None, []

    def _take_part(self, text: str, depth: int) -> None:
        """Begin an argument where names stand; deeper, go on with the current one."""
        is_name = self._within == "arguments" and (self._depth is None or depth <= self._depth)
        if is_name and (found := self._pattern.fullmatch(text)):
            self._depth = depth
            self._begin(found["names"], found["text"])
        elif self._within != "other":
            for name in self._current:
                self.arguments[name] = f"{self.arguments[name]} {text}".strip()

    def _begin(self, names: str, text: str) -> None:
        self._current = [name.strip(" *") for name in names.split(",")]
        self.arguments |= dict.fromkeys(self._current, text)
