"""A JSON object in a file, read once and replaced as a whole."""

from __future__ import annotations

import json
import os
import tempfile
from typing import TYPE_CHECKING, Any

from zerepy_plugins.errors import PluginConfigError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["JsonDocument"]


class JsonDocument:
    """The file need not exist; what cannot be read is an error, never overwritten."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content: dict[str, Any] = self._read()

    def write(self, content: dict[str, Any]) -> None:
        """Replace the file; a crash in the middle leaves the one before. Others cannot read it.

        Raises:
            TypeError: JSON has no word for something in it; nothing has changed then.
            OSError: It cannot be written.
        """
        text = json.dumps(content, indent=4, ensure_ascii=False)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(name, self.path)
        except BaseException:
            os.unlink(name)
            raise
        self.content = content

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise self._unusable(str(error)) from error
        if not isinstance(content, dict):
            raise self._unusable("it is no object")
        return content

    def _unusable(self, why: str) -> PluginConfigError:
        return PluginConfigError(
            f"{self.path} cannot be used: {why}", hint="Mend the file, or move it away"
        )
