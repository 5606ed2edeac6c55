"""Docstrings out of Python source files, by parsing alone: nothing here imports what it reads."""

from __future__ import annotations

import ast
import os
import sysconfig
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Tests of the standard library describe themselves, and installed packages are not part of it.
SKIPPED_FOLDERS = frozenset(
    {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
)

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Document(TypedDict):
    """One docstring."""

    id: str
    """Dotted name, unique among the documents: ``shutil.rmtree``."""
    title: str
    """The name with its parameters where it has some: ``shutil.rmtree(path, ...)``."""
    text: str
    """The docstring, dedented."""


class Docstrings(NamedTuple):
    """What reading a source tree gave."""

    documents: list[Document]
    """In the order of the files, then of the source; each id once."""
    unreadable: list[str]
    """The files left out, relative to the root, each with the reason."""


def standard_library() -> Path:
    """Return the folder of the running interpreter's standard library."""
    return Path(sysconfig.get_path("stdlib"))


def read_docstrings(root: Path) -> Docstrings:
    """Read every docstring of the Python files below ``root``.

    A file that cannot be read or parsed is left out and listed. All of CPython's standard library
    (about 700 files) takes one to two seconds.
    """
    documents: dict[str, Document] = {}
    unreadable: list[str] = []
    for path in _python_files(root):
        relative = path.relative_to(root)
        try:
            tree = _parse(path)
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            unreadable.append(f"{relative}: {error}")
            continue
        for document in _walk(tree, _module_name(relative)):
            documents.setdefault(document["id"], document)
    return Docstrings(list(documents.values()), unreadable)


def _python_files(root: Path) -> Iterator[Path]:
    """Yield the files below ``root``, without the skipped folders and those it may not enter."""
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(set(subfolders) - SKIPPED_FOLDERS)
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def _parse(path: Path) -> ast.Module:
    """Parse one file; bytes, so that its own coding line counts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return ast.parse(path.read_bytes(), filename=str(path))


def _module_name(relative: Path) -> str:
    """Turn ``os/__init__.py`` into ``os``, ``os/path.py`` into ``os.path``."""
    parts = relative.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _walk(node: Documented, name: str) -> Iterator[Document]:
    """Yield the documents of ``node`` and of what it defines, but not of a function's inside."""
    docstring = ast.get_docstring(node)
    if docstring:
        yield {"id": name, "title": name + _parameters(node), "text": docstring}
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        for child in _definitions(node.body):
            yield from _walk(child, f"{name}.{child.name}")


def _definitions(
    body: Iterable[ast.stmt],
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the classes and functions of a block, also those below ``if`` and ``try``."""
    for statement in body:
        match statement:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield statement
            case ast.If():
                yield from _definitions([*statement.body, *statement.orelse])
            case ast.Try():
                handled = (inner for handler in statement.handlers for inner in handler.body)
                yield from _definitions([*statement.body, *handled, *statement.orelse])


def _parameters(node: Documented) -> str:
    """Return the names of a function's parameters, ``(path, *, mode)``; empty for the others."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return ""
    arguments = node.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    if names and names[0] in {"self", "cls"}:
        del names[0]
    if arguments.vararg:
        names.append(f"*{arguments.vararg.arg}")
    elif arguments.kwonlyargs:
        names.append("*")
    names.extend(argument.arg for argument in arguments.kwonlyargs)
    if arguments.kwarg:
        names.append(f"**{arguments.kwarg.arg}")
    return f"({', '.join(names)})"
