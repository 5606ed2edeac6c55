"""Importing the Python code of plugins, each in a namespace of its own.

A plugin directory becomes a package that is never on ``sys.path``; what it contains are its
modules. So relative imports work, names never collide, and the standard library is never shadowed.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import blake2s
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

from zerepy_plugins._finding import PREFIX, PluginFinder
from zerepy_plugins.base import PluginBase
from zerepy_plugins.errors import PluginConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def load(path: str, root: str) -> list[type[PluginBase]]:
    """Import one plugin and return the concrete plugin classes that it defines.

    Args:
        path: A module ``x.py``, or a folder ``x`` with ``__init__.py``, ``plugin.py`` or both.
        root: The plugin directory that it was found in.

    Raises:
        PluginConfigError: It defines only plugin classes that lack methods.

    Any error of the plugin's own code passes through; a failed import leaves no module of the
    plugin in ``sys.modules``. Thread rule: Python's import lock orders concurrent calls for one
    plugin.
    """
    PluginFinder.install()
    with _all_or_nothing():
        *around, (name, place) = _places(path, root)
        for package, folder in around:
            _package(package, folder)
        if not os.path.isdir(place):
            return _classes_of(importlib.import_module(name), name)
        classes: list[type[PluginBase]] = []
        if os.path.isfile(os.path.join(place, "__init__.py")):
            classes = _classes_of(importlib.import_module(name), name)
        else:
            _package(name, place)
        if not classes and os.path.isfile(os.path.join(place, "plugin.py")):
            classes = _classes_of(importlib.import_module(f"{name}.plugin"), name)
        return classes


@contextmanager
def _all_or_nothing() -> Iterator[None]:
    """Take every module of a plugin directory that was new out again if something fails."""
    outer = getattr(PluginFinder.noted, "names", None)
    PluginFinder.noted.names = names = []
    try:
        yield
    except BaseException:
        for name in names:
            sys.modules.pop(name, None)
        raise
    finally:
        if outer is not None:
            outer.extend(names)
        PluginFinder.noted.names = outer


def unit(path: str, root: str) -> str:
    """Return the name of the module or package that one plugin's code is."""
    return _places(path, root)[-1][0]


def set_aside(unit: str) -> Callable[[], None]:
    """Take a plugin's modules out of the import system: the next import reads its files anew.

    Args:
        unit: The module or package; what is below it goes as well.

    Returns:
        A function that puts them back, in the place of what has been imported meanwhile. Code that
        holds on to the modules is not affected by either.
    """
    old = {name: sys.modules[name] for name in _modules_of(unit)}
    for name, module in old.items():
        del sys.modules[name]
        # Bytecode is told from newer source by seconds and size only: a quick edit goes unseen.
        if cached := getattr(module.__spec__, "cached", None):
            with suppress(OSError):
                os.unlink(cached)
    importlib.invalidate_caches()

    def put_back() -> None:
        for name in _modules_of(unit):
            del sys.modules[name]
        sys.modules.update(old)
        parent, _, child = unit.rpartition(".")
        if unit in old and parent in sys.modules:
            setattr(sys.modules[parent], child, old[unit])

    return put_back


def _modules_of(unit: str) -> list[str]:
    return [name for name in sys.modules if f"{name}.".startswith(f"{unit}.")]


def _places(path: str, root: str) -> list[tuple[str, str]]:
    """Return names and places of the plugin directory, the folders below it, and a plugin."""
    if path == root:  # the directory of a single plugin
        root = os.path.dirname(root)
    name, place = _root_package(root), root
    places = [(name, place)]
    for part in os.path.relpath(path, root).split(os.sep):
        place = os.path.join(place, part)
        name = _name(name, place)
        places.append((name, place))
    PluginFinder.places[name] = place
    return places


def _name(package: str, place: str) -> str:
    """Return the module name of a file or folder; an odd one if the natural one will not do.

    That is one with a dot, or that of a file beside a folder of the same name. Odd names hold a
    ``!``, so that they are never those of other files.
    """
    stem, _ = os.path.splitext(place)
    beside = ""
    if stem == place or os.path.isdir(place):
        stem = place
    elif os.path.isdir(stem):
        beside = "!"
    return f"{package}.{os.path.basename(stem).replace('.', '!')}{beside}"


@lru_cache(maxsize=32)
def _root_package(root: str) -> str:
    return PREFIX + blake2s(root.encode(), digest_size=5).hexdigest()


def _package(name: str, folder: str) -> None:
    """Make a package that holds nothing but a folder to import from, unless it is there already."""
    if name not in sys.modules:
        module = ModuleType(name)
        module.__path__ = [folder]
        module.__spec__ = ModuleSpec(name, loader=None, is_package=True)
        module.__spec__.submodule_search_locations = [folder]
        PluginFinder.note(name)
        sys.modules[name] = module


def _classes_of(module: ModuleType, unit: str) -> list[type[PluginBase]]:
    """Return the concrete plugin classes among a module's names that its plugin itself defines."""
    own = {
        found: None
        for found in vars(module).values()
        if isinstance(found, type)
        and f"{found.__module__}.".startswith(f"{unit}.")
        and issubclass(found, PluginBase)
    }
    concrete: list[type[PluginBase]] = [found for found in own if not _missing(found)]
    if own and not concrete:
        raise PluginConfigError(
            "; ".join(f"class {found.__name__} lacks {_missing(found)}" for found in own),
            hint="Write the missing methods; a plugin class must define all of them",
        )
    return concrete


def _missing(found: type) -> str:
    return ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
