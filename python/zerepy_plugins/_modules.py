"""Importing the Python code of plugins, each in a namespace of its own.

A plugin directory becomes a package that is never on ``sys.path``; what it contains are its
modules. So relative imports work, names never collide, and the standard library is never shadowed.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import inspect
import sys
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar

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
    before = set(sys.modules)
    package, *_ = _names(Path(path), Path(root))
    try:
        return _load(Path(path), Path(root))
    except BaseException:
        for name in set(sys.modules) - before:
            if name.startswith(f"{package}."):
                del sys.modules[name]
        raise


def _load(path: Path, root: Path) -> list[type[PluginBase]]:
    *around, name = _names(path, root)
    for package, folder in zip(around, reversed(path.parents[: len(around)]), strict=True):
        _package(package, str(folder))
    if not path.is_dir():
        return _classes_of(importlib.import_module(name), name)
    classes: list[type[PluginBase]] = []
    if (path / "__init__.py").is_file():
        classes = _classes_of(importlib.import_module(name), name)
    else:
        _package(name, str(path))
    if not classes and (path / "plugin.py").is_file():
        classes = _classes_of(importlib.import_module(f"{name}.plugin"), name)
    return classes


def unit(path: str, root: str) -> str:
    """Return the name of the module or package that one plugin's code is."""
    return _names(Path(path), Path(root))[-1]


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
            with contextlib.suppress(OSError):
                Path(cached).unlink()
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


def _names(path: Path, root: Path) -> list[str]:
    """Return the module names of the plugin directory, of the folders below it, and of a plugin."""
    if path == root:  # the directory of a single plugin
        root = root.parent
    names = [_root_package(str(root))]
    place = root
    for part in path.relative_to(root).parts:
        place /= part
        names.append(_name(names[-1], place))
    return names


def _name(package: str, path: Path) -> str:
    """Return the module name of a file or folder; an odd one if the natural one will not do.

    That is one with a dot, or that of a file beside a folder of the same name. Odd names hold a
    ``!``, so that they are never those of other files.
    """
    natural = path.name if path.is_dir() else path.stem
    name = natural.replace(".", "!")
    if not path.is_dir() and path.with_suffix("").is_dir():
        name += "!"
    if name != natural:
        _OddNames.places[f"{package}.{name}"] = path
        if not any(finder is _OddNames for finder in sys.meta_path):
            sys.meta_path.append(_OddNames)
    return f"{package}.{name}"


class _OddNames:
    """Finds the modules that the import system would not find by their names."""

    places: ClassVar[dict[str, Path]] = {}

    @classmethod
    def find_spec(cls, fullname: str, *_: object) -> ModuleSpec | None:
        place = cls.places.get(fullname)
        if place is None:
            return None
        if not place.is_dir():
            return spec_from_file_location(fullname, place)
        code = place / "__init__.py"
        return spec_from_file_location(fullname, code, submodule_search_locations=[str(place)])


def _root_package(root: str) -> str:
    return f"zerepy_plugins_loaded_{hashlib.blake2s(root.encode(), digest_size=5).hexdigest()}"


def _package(name: str, folder: str) -> str:
    """Make a package that holds nothing but a folder to import from, unless it is there already."""
    if name not in sys.modules:
        module = ModuleType(name)
        module.__path__ = [folder]
        module.__spec__ = ModuleSpec(name, loader=None, is_package=True)
        module.__spec__.submodule_search_locations = [folder]
        sys.modules[name] = module
    return name


def _classes_of(module: ModuleType, unit: str) -> list[type[PluginBase]]:
    """Return the concrete plugin classes among a module's names that its plugin itself defines."""
    own = {
        found: None
        for found in vars(module).values()
        if isinstance(found, type)
        and issubclass(found, PluginBase)
        and f"{found.__module__}.".startswith(f"{unit}.")
    }
    concrete: list[type[PluginBase]] = [found for found in own if not inspect.isabstract(found)]
    if own and not concrete:
        raise PluginConfigError(
            "; ".join(f"class {found.__name__} lacks {_missing(found)}" for found in own),
            hint="Write the missing methods; a plugin class must define all of them",
        )
    return concrete


def _missing(found: type) -> str:
    return ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
