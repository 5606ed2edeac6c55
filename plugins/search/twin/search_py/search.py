"""The plugin `search_py`: an incremental full-text index, ranked with BM25."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zerepy_plugins import ConnectionPlugin
from zerepy_plugins.errors import InvalidParamsError, PluginConfigError, PluginNotFoundError

from . import checks, store
from .index import Document, Hit, Index

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPTIONS = {
    "k1": {
        "type": "number",
        "minimum": 0,
        "default": 1.2,
        "description": "How soon repetitions of a word stop counting.",
    },
    "b": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "default": 0.75,
        "description": "How much long documents are held back.",
    },
    "store": {
        "type": "string",
        "description": "A file that keeps the documents from one run to the next.",
    },
}
_DOCUMENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "text": {"type": "string"},
        "title": {"type": ["string", "null"]},
    },
    "required": ["id", "text"],
}


class SearchPy(ConnectionPlugin):
    """A full-text index over documents. Thread-safe."""

    name = "search_py"
    version = "0.1.0"
    config_schema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "enabled": {"type": "boolean"},
            "options": {"type": "object", "properties": _OPTIONS},
        },
    }
    actions: ClassVar[dict[str, dict[str, Any]]] = {
        "index": {
            "description": "Take documents in; a known id replaces the older document.",
            "params": {
                "type": "object",
                "properties": {"documents": {"type": "array", "items": _DOCUMENT}},
                "required": ["documents"],
            },
        },
        "query": {
            "description": "The best documents for a text: [{id, title, score, snippet}].",
            "params": {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "limit": {"type": "integer", "minimum": 0, "default": 10},
                },
                "required": ["text"],
            },
        },
        "forget": {
            "description": "Let documents go, by id; unknown ids are ignored.",
            "params": {
                "type": "object",
                "properties": {"ids": {"type": "array", "items": {"type": "string"}}},
                "required": ["ids"],
            },
        },
    }

    def __init__(self) -> None:
        self._index = Index()
        self._store: Path | None = None
        self._lock = threading.Lock()

    def initialize(self, config: Mapping[str, Any]) -> None:
        """Take the options and read the store, if there is one.

        Raises `PluginConfigError` for an option out of its range and for an unreadable store.
        """
        options = config.get("options", {})
        k1, b = float(options.get("k1", 1.2)), float(options.get("b", 0.75))
        if not (math.isfinite(k1) and k1 >= 0.0):
            raise PluginConfigError(
                f"options.k1: must be finite and at least 0, not {k1}", plugin=self.name
            )
        if not 0.0 <= b <= 1.0:
            raise PluginConfigError(f"options.b: must be from 0 to 1, not {b}", plugin=self.name)
        path = Path(options["store"]) if options.get("store") else None
        index = Index(k1, b)
        if path:
            self._load(index, path)
        self._index, self._store = index, path

    def _load(self, index: Index, path: Path) -> None:
        try:
            for document in store.load(path):
                index.add(document)
        except (OSError, ValueError) as error:
            raise PluginConfigError(
                f"options.store: {error}",
                plugin=self.name,
                hint="Mend the line or remove it; the rest of the file stays usable",
            ) from error

    def cleanup(self) -> None:
        """Write the store, if there is one, and let the documents go."""
        with self._lock:
            if self._store:
                store.save(self._store, self._index.documents())
            self._index, self._store = Index(), None

    def is_configured(self) -> bool:
        """Return `True`: every option has a default."""
        return True

    def configure(self) -> bool:
        """Return `True`: there is nothing to ask for."""
        return True

    def perform_action(self, action: str, params: Mapping[str, Any]) -> Any:
        """Run `index`, `query` or `forget`; see `actions` for their parameters."""
        match action:
            case "index":
                return self._add(params)
            case "query":
                return self._query(params)
            case "forget":
                return self._forget(params)
        raise PluginNotFoundError(
            f'plugin "{self.name}" has no action "{action}"',
            plugin=self.name,
            hint=f"Known: {', '.join(self.actions)}",
        )

    def _add(self, params: Mapping[str, Any]) -> dict[str, int]:
        """Return `{added, replaced, total}`; nothing is kept if one of the documents is wrong."""
        documents = [
            _document(item, f"params.documents[{position}]")
            for position, item in enumerate(checks.items(params, "documents"))
        ]
        with self._lock:
            replaced = sum(map(self._index.add, documents))
            total = len(self._index)
        return {"added": len(documents) - replaced, "replaced": replaced, "total": total}

    def _query(self, params: Mapping[str, Any]) -> list[Hit]:
        """Return at most `limit` hits, best first."""
        text, limit = checks.text(params, "text"), checks.limit(params, 10)
        with self._lock:
            return self._index.query(text, limit)

    def _forget(self, params: Mapping[str, Any]) -> dict[str, int]:
        """Return `{removed, total}`."""
        ids = checks.texts(params, "ids")
        with self._lock:
            return {"removed": sum(map(self._index.remove, ids)), "total": len(self._index)}


def _document(item: Any, at: str) -> Document:
    if not isinstance(item, dict):
        raise InvalidParamsError(f"{at}: must be an object, not {type(item).__name__}")
    document = Document(
        checks.text(item, "id", at),
        checks.text(item, "text", at),
        checks.optional_text(item, "title", at),
    )
    if not document.id:
        raise InvalidParamsError(f"{at}.id: must not be empty")
    return document
