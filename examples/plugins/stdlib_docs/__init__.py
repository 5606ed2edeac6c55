"""The docstrings of Python's standard library, as a connection: something real to search in."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zerepy_plugins import ConnectionPlugin
from zerepy_plugins.errors import InvalidParamsError, PluginNotFoundError

from .source import Docstrings, Document, read_docstrings, standard_library

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = {
    "package": {
        "type": "string",
        "description": "Only this module and what lies below it, by dotted name: `os`, `os.path`.",
    }
}


class StdlibDocs(ConnectionPlugin):
    """Serves about 8,500 docstrings (1.8 MB) of modules, classes, functions and methods.

    The sources are read once, at the first action that needs them or, with the option
    ``preload``, in ``initialize``; either takes one to two seconds. Thread-safe.
    """

    name = "stdlib_docs"
    version = "1.0.0"
    config_schema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "enabled": {"type": "boolean"},
            "options": {
                "type": "object",
                "properties": {
                    "preload": {
                        "type": "boolean",
                        "default": False,
                        "description": "Read the sources when the plugin starts.",
                    },
                    "root": {
                        "type": "string",
                        "description": "Folder to read instead of the standard library's.",
                    },
                },
            },
        },
    }
    actions: ClassVar[dict[str, dict[str, Any]]] = {
        "documents": {
            "description": "Documents in the order of the sources, as [{id, title, text}].",
            "params": {
                "type": "object",
                "properties": {
                    **_PACKAGE,
                    "limit": {
                        "type": "integer",
                        "minimum": 1,
                        "description": "At most so many documents; all of them when left out.",
                    },
                    "offset": {
                        "type": "integer",
                        "minimum": 0,
                        "default": 0,
                        "description": "Leave out so many documents first.",
                    },
                },
                "additionalProperties": False,
            },
        },
        "count": {
            "description": "How many documents there are, and files that could not be read.",
            "params": {"type": "object", "properties": _PACKAGE, "additionalProperties": False},
        },
        "modules": {
            "description": "The top-level modules and packages, sorted.",
            "params": {"type": "object", "properties": {}, "additionalProperties": False},
        },
    }

    def __init__(self) -> None:
        self._root = standard_library()
        self._read: Docstrings | None = None
        self._reading = threading.Lock()

    def initialize(self, config: Mapping[str, Any]) -> None:
        """Take ``options.root`` and, with ``options.preload``, read the sources now."""
        options = config.get("options", {})
        self._root = Path(options.get("root", self._root)).expanduser()
        if options.get("preload", False):
            self._docstrings()

    def cleanup(self) -> None:
        """Let the documents go."""
        self._read = None

    def is_configured(self) -> bool:
        """Return whether the sources are there: some distributions leave them out."""
        return self._root.is_dir()

    def configure(self) -> bool:
        """Return `is_configured()`: there is nothing to ask for."""
        return self.is_configured()

    def perform_action(self, action: str, params: Mapping[str, Any]) -> Any:
        """Run ``documents``, ``count`` or ``modules``; see `actions` for their parameters."""
        match action:
            case "documents":
                limit = _whole(params, "limit", least=1)
                return self._documents(
                    _package(params), limit, _whole(params, "offset", least=0) or 0
                )
            case "count":
                return self._count(_package(params))
            case "modules":
                return self._modules()
        raise PluginNotFoundError(
            f'plugin "{self.name}" has no action "{action}"',
            plugin=self.name,
            hint=f"Known: {', '.join(self.actions)}",
        )

    def _documents(self, package: str | None, limit: int | None, offset: int) -> list[Document]:
        """Return ``[{id, title, text}]``, from ``offset`` on and ``limit`` at most."""
        documents = self._of_package(package)
        return documents[offset : None if limit is None else offset + limit]

    def _count(self, package: str | None) -> dict[str, int]:
        """Return ``{"documents": number, "unreadable_files": number}``."""
        return {
            "documents": len(self._of_package(package)),
            "unreadable_files": len(self._docstrings().unreadable),
        }

    def _modules(self) -> list[str]:
        """Return the top-level names that have at least one document."""
        names = {document["id"].partition(".")[0] for document in self._docstrings().documents}
        return sorted(names)

    def _of_package(self, package: str | None) -> list[Document]:
        documents = self._docstrings().documents
        if package is None:
            return documents
        below = package + "."
        return [
            document
            for document in documents
            if document["id"] == package or document["id"].startswith(below)
        ]

    def _docstrings(self) -> Docstrings:
        """Return what the sources gave, reading them the first time."""
        with self._reading:
            if self._read is None:
                self._read = read_docstrings(self._root)
            return self._read


def _package(params: Mapping[str, Any]) -> str | None:
    package = params.get("package")
    if not isinstance(package, str | None):
        raise InvalidParamsError(f"params.package: must be a string, not {package!r}")
    return package


def _whole(params: Mapping[str, Any], key: str, *, least: int) -> int | None:
    value = params.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidParamsError(
            f"params.{key}: must be an integer of at least {least}, not {value!r}"
        )
    return value
