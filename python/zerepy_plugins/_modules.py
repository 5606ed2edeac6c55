"""Importing the Python code of plugins, each in a namespace of its own.

A plugin directory becomes a package that is never on ``sys.path``; what it contains are its
modules. So relative imports work, names never collide, and the standard library is never shadowed.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2s
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

from zerepy_plugins._finding import PREFIX, ModuleFinder
from zerepy_plugins.base import PluginBase
from zerepy_plugins.errors import PluginConfigError

if TYPE_CHECKING:
    from collections.abc import Callable


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
    ModuleFinder.install()
    outer = getattr(ModuleFinder.noted, "names", None)
    names: list[str] = []
    ModuleFinder.noted.names = names
    try:
        return _load(path, root)
    except BaseException:
        for name in names:
            sys.modules.pop(name, None)
        raise
    finally:
        if outer is not None:  # another plugin's code asked for this one
            outer.extend(names)
        ModuleFinder.noted.names = outer


def _load(path: str, root: str) -> list[type[PluginBase]]:
    packages, name, is_folder = _names(path, root)
    for package, folder in packages:
        if package not in sys.modules:
            _make_package(package, folder)
    if not is_folder:
        return _classes_of(importlib.import_module(name), name)
    classes: list[type[PluginBase]] = []
    if os.path.isfile(os.path.join(path, "__init__.py")):
        classes = _classes_of(importlib.import_module(name), name)
    elif name not in sys.modules:
        _make_package(name, path)
    if not classes and os.path.isfile(os.path.join(path, "plugin.py")):
        classes = _classes_of(importlib.import_module(f"{name}.plugin"), name)
    return classes


def unit(path: str, root: str) -> str:
    """Return the name of the module or package that one plugin's code is."""
    return _names(path, root)[1]


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


def _names(path: str, root: str) -> tuple[tuple[tuple[str, str], ...], str, bool]:
    """Return the packages around a plugin with their folders, its own name, and if it is a folder.

    The name is an odd one if the natural one will not do: that with a dot, or that of a file beside
    a folder of the same name. Odd names hold a ``!``, so that they are never those of other files.
    """
    if path == root:  # the directory of a single plugin
        root = os.path.dirname(root)
    folder, last = os.path.split(path)
    packages = _packages(folder, root)
    stem, extension = os.path.splitext(last)
    is_folder = extension != ".py" or os.path.isdir(path)
    if is_folder:
        stem = last
    elif os.path.isdir(os.path.join(folder, stem)):
        stem += "!"
    name = f"{packages[-1][0]}.{stem.replace('.', '!')}"
    ModuleFinder.places[name] = (path, is_folder)
    return packages, name, is_folder


@lru_cache(maxsize=128)
def _packages(folder: str, root: str) -> tuple[tuple[str, str], ...]:
    """Return names and folders of the package that a plugin directory is, and of those below it."""
    name = PREFIX + blake2s(root.encode(), digest_size=5).hexdigest()
    packages, place = [(name, root)], root
    for part in os.path.relpath(folder, root).split(os.sep) if folder != root else ():
        name, place = f"{name}.{part.replace('.', '!')}", os.path.join(place, part)
        packages.append((name, place))
    return tuple(packages)


def _make_package(name: str, folder: str) -> None:
    """Make a package that holds nothing but a folder to import from."""
    module = ModuleType(name)
    module.__path__ = [folder]
    module.__spec__ = ModuleSpec(name, loader=None, is_package=True)
    module.__spec__.submodule_search_locations = [folder]
    ModuleFinder.note(name)
    sys.modules[name] = module


def _classes_of(module: ModuleType, unit: str) -> list[type[PluginBase]]:
    """Return the concrete plugin classes among a module's names that its plugin itself defines."""
    below = f"{unit}."
    own = {
        found: None
        for found in vars(module).values()
        if isinstance(found, type)
        and (found.__module__ == unit or str(found.__module__).startswith(below))
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
