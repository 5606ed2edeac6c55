"""The example plugin `stdlib_docs`: what it reads, and what it leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from zerepy_plugins import PluginManager
from zerepy_plugins.errors import InvalidParamsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLUGINS = next(
    folder / "examples" / "plugins"
    for folder in Path(__file__).parents
    if (folder / "examples" / "plugins").is_dir()
)
SOURCES = {
    "pkg/__init__.py": '"""The package."""',
    "pkg/inner.py": (
        'class A:\n    """Class."""\n    def f(self, x, *, y):\n        """Method."""\n'
        'if True:\n    def g(*a, **k):\n        """Below if."""\n'
        '        def hidden():\n            """Inside a function."""\n'
        'else:\n    def g():\n        """A second g."""\n'
    ),
    "broken.py": "def (",
    "test/test_it.py": '"""A test."""',
    "site-packages/other.py": '"""Installed."""',
}


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    for name, source in SOURCES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    config = {"stdlib_docs": {"config": {"options": {"root": str(tmp_path)}}}}
    with PluginManager(PLUGINS, config, entry_points=False) as manager:
        yield lambda action, **params: manager.perform_action("stdlib_docs", action, params)


def test_documents_are_modules_classes_functions_and_methods(ask: Callable[..., Any]) -> None:
    assert ask("documents") == [
        {"id": "pkg", "title": "pkg", "text": "The package."},
        {"id": "pkg.inner.A", "title": "pkg.inner.A", "text": "Class."},
        {"id": "pkg.inner.A.f", "title": "pkg.inner.A.f(x, *, y)", "text": "Method."},
        {"id": "pkg.inner.g", "title": "pkg.inner.g(*a, **k)", "text": "Below if."},
    ]


def test_a_package_a_limit_and_an_offset(ask: Callable[..., Any]) -> None:
    found = ask("documents", package="pkg.inner", limit=1, offset=1)
    assert [document["id"] for document in found] == ["pkg.inner.A.f"]
    assert ask("documents", package="pk") == []


def test_what_cannot_be_parsed_is_counted(ask: Callable[..., Any]) -> None:
    assert ask("count") == {"documents": 4, "unreadable_files": 1}
    assert ask("modules") == ["pkg"]


@pytest.mark.parametrize("params", [{"limit": 0}, {"offset": -1}, {"limit": True}, {"package": 5}])
def test_wrong_params_are_named(ask: Callable[..., Any], params: dict[str, Any]) -> None:
    (key,) = params
    with pytest.raises(InvalidParamsError, match=rf"params\.{key}"):
        ask("documents", **params)
