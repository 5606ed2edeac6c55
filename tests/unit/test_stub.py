"""The stubs are where the extension is documented; `help()` shows their first lines."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import zerepy_plugins
from zerepy_plugins import _native

STUBS = sorted((Path(zerepy_plugins.__file__).parent / "_native").glob("*.pyi"))


def documented() -> list[tuple[str, str]]:
    found = []
    for node in (node for stub in STUBS for node in ast.parse(stub.read_text("utf-8")).body):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            text = ast.get_docstring(node)
            is_overload = isinstance(node, ast.FunctionDef) and bool(node.decorator_list)
            if text or not is_overload:  # the last of several holds the text for all
                found.append((node.name, text))
        if isinstance(node, ast.ClassDef):
            methods = [method for method in node.body if isinstance(method, ast.FunctionDef)]
            texts = [
                (f"{node.name}.{method.name}", ast.get_docstring(method)) for method in methods
            ]
            found.extend((name, text) for name, text in texts if text)
    return found


@pytest.mark.parametrize(("name", "text"), documented())
def test_help_says_what_the_stub_says_first(name: str, text: str) -> None:
    found = _native
    for part in name.split("."):
        found = getattr(found, part)
    assert found.__doc__.splitlines()[0] == text.splitlines()[0]


def test_every_public_method_is_documented() -> None:
    named = {name for name, _ in documented()}
    for class_name in set(zerepy_plugins.__all__) & set(_native.__all__):
        for member in vars(getattr(_native, class_name)) if class_name[0].isupper() else ():
            assert member.startswith("_") or f"{class_name}.{member}" in named, member
