"""The file that keeps the documents from one run to the next: JSON lines, ordered by id."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from .index import Document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def load(path: Path) -> Iterator[Document]:
    """Yield the documents of `path`; none if it does not exist.

    Raises `ValueError`, naming file and line, for a line that is no document.
    """
    if not path.exists():
        return
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                document = _parse(line)
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
            yield document


def _parse(line: str) -> Document:
    fields = json.loads(line)
    match fields:
        case {"id": str(id_), "text": str(text)} if isinstance(fields.get("title"), str | None):
            return Document(id_, text, fields.get("title"))
    raise ValueError("not an object with the texts id, text and, if it has one, title")


def save(path: Path, documents: Iterable[Document]) -> None:
    """Replace `path` as a whole, or leave it as it was and raise `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{_line(document)}\n" for document in documents)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _line(document: Document) -> str:
    fields = {key: value for key, value in document._asdict().items() if value is not None}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
