"""Modules of ZerePy's names that are ours: put in place, and taken away without a trace.

Imports none of them: each is imported when the project asks for it.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["install", "uninstall"]

_HERE = "zerepy_plugins.compat"
_MODULES = {
    "src.action_handler": (),
    "src.connection_manager": (),
    "src.plugins": ("base", "discovery", "exceptions", "registry"),
    "src.events": ("bus", "decorators", "handlers"),
    "src.resources": ("cleanup", "lifecycle", "manager", "pool"),
    "src.config": ("composite", "providers", "settings", "validation"),
}


class _Finder:
    """Finds our modules before the project's own, and the rest of a package in its folder."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, _target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        parent, _, child = name.rpartition(".")
        if name in _MODULES:
            if _is_foreign(name, path):
                return None
        elif child not in _MODULES.get(parent, ()):
            return _elsewhere(name, parent)
        loader: Any = _Loader()
        return ModuleSpec(name, loader, is_package=bool(_MODULES.get(name)))


class _LastFinder:
    """Gives an empty ``src`` where the project has none, such as in a plugin's own tests."""

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        if name != "src":
            return None
        spec = ModuleSpec(name, loader=None, is_package=True)
        spec.submodule_search_locations = []
        return spec


class _Loader:
    """Gives out a module of ours under ZerePy's name; it stays the module it is."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_HERE + spec.name.removeprefix("src"))
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # importlib has put ZerePy's in its place


def _folders(package: str) -> list[Path]:
    source = sys.modules.get("src")
    child = package.removeprefix("src.")
    return [Path(folder) / child for folder in getattr(source, "__path__", ())]


def _is_foreign(package: str, path: Sequence[str] | None) -> bool:
    """Tell whether the project has another package of that name: modules, but none of ours."""
    ours = set(_MODULES[package])
    for folder in path or () if ours else ():
        place = Path(folder) / package.removeprefix("src.")
        modules = {file.stem for file in place.glob("*.py")} - {"__init__"}
        modules |= {file.parent.name for file in place.glob("*/__init__.py")}
        if modules and not modules & ours:
            return True
    return False


def _elsewhere(name: str, parent: str) -> ModuleSpec | None:
    """Find what the project has in a package's folder beside what is ours."""
    module = sys.modules.get(parent)
    if parent not in _MODULES or not getattr(module, "__name__", "").startswith(_HERE):
        return None
    return PathFinder.find_spec(name, [str(folder) for folder in _folders(parent)])


_first, _last = _Finder(), _LastFinder()
_undo: list[Callable[[], None]] = []


def install() -> None:
    """Put our modules in the place of ZerePy's. Calling it again changes nothing.

    To be called before modules of the project are imported; names that they have taken from
    ZerePy's modules already are exchanged, too.
    """
    if _undo:
        return
    sys.meta_path.insert(0, _first)
    sys.meta_path.append(_last)
    before = {name: module for name, module in sys.modules.items() if _is_src(name)}
    _undo.append(lambda: _restore_modules(before))
    taken = [name for name in before if _is_ours(name)]
    for name in taken:
        del sys.modules[name]
    for name in taken:
        ours = importlib.import_module(name)
        _undo.extend(_exchange(before[name], ours, list(before.values())))


def uninstall() -> None:
    """Undo :func:`install`: the project's modules are imported anew, as if it had not been."""
    while _undo:
        _undo.pop()()
    for finder in (_first, _last):
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)


def _is_src(name: str) -> bool:
    return name == "src" or name.startswith("src.")


def _is_ours(name: str) -> bool:
    parent, _, child = name.rpartition(".")
    return name in _MODULES or child in _MODULES.get(parent, ())


def _restore_modules(before: dict[str, ModuleType]) -> None:
    """Forget what has been imported of the project since, and bring back what was there."""
    for name in [name for name in sys.modules if _is_src(name)]:
        if sys.modules[name] is not before.get(name):
            parent, _, child = name.rpartition(".")
            vars(before.get(parent, ModuleType(parent))).pop(child, None)
            del sys.modules[name]
    sys.modules.update(before)
    for name, module in before.items():
        parent, _, child = name.rpartition(".")
        if parent in before:
            setattr(before[parent], child, module)


def _exchange(
    old: ModuleType, new: ModuleType, users: list[ModuleType]
) -> list[Callable[[], None]]:
    """Give modules that have names of ``old`` those of ``new``; return how to undo it."""
    undo: list[Callable[[], None]] = []
    for public in getattr(new, "__all__", ()):
        theirs, ours = vars(old).get(public), getattr(new, public)
        for user in [*users, sys.modules["__main__"]]:
            if user is old or theirs is None:
                continue
            for name, value in list(vars(user).items()):
                if value is theirs:
                    setattr(user, name, ours)
                    undo.append(_setter(user, name, theirs))
    return undo


def _setter(module: ModuleType, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(module, name, value)
