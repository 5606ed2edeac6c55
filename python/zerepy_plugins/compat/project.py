"""A ZerePy project on disk: which connections it has, their classes, its agents.

Reads source files; imports a connection's module only when its class is asked for.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from zerepy_plugins.compat.nearest import nearest
from zerepy_plugins.compat.packages import cannot_import
from zerepy_plugins.errors import PluginConfigError, PluginNotFoundError

__all__ = ["ClassSource", "Project", "find_project"]

_CONNECTIONS = Path("src", "connections")
_AGENTS = "agents"


@dataclass(frozen=True)
class ClassSource:
    """Where a connection's class is written."""

    module: str
    class_name: str | None
    """``None`` if only the module is known: it defines one connection class."""
    path: Path


@dataclass(frozen=True)
class Project:
    """A ZerePy project; ``root`` is the folder that ``main.py`` is in."""

    root: Path

    def connections(self) -> dict[str, ClassSource]:
        """Return where the class of each connection is: those the project names, then its files.

        The files are read once: a project object is for one look at them.
        """
        return dict(self._sources)

    @cached_property
    def _sources(self) -> dict[str, ClassSource]:
        found = {
            name: ClassSource(module, class_name, self._path_of(module))
            for name, (module, class_name) in self._table().items()
        }
        modules = {source.module for source in found.values()}
        for path in sorted((self.root / _CONNECTIONS).glob("*_connection.py")):
            module = f"src.connections.{path.stem}"
            name = path.stem.removesuffix("_connection")
            if module not in modules and name not in {"base", *found}:
                found[name] = ClassSource(module, None, path)
        return found

    def load(self, name: str) -> type:
        """Import one connection's class, and no other's.

        Raises:
            PluginLoadError: It cannot be imported; the hint names the package to install.
            PluginNotFoundError: The project has no such connection.
        """
        source = self.connections().get(name)
        if source is None:
            raise PluginNotFoundError(
                f"no connection is called {name!r}",
                plugin=name,
                hint=f"{nearest(name, self.connections())} A plugin of that name would do, too",
            )
        try:
            _open_package(self.root / _CONNECTIONS)
            module = importlib.import_module(source.module)
            return _class_in(module, source.class_name)
        except (Exception, SystemExit) as error:
            raise cannot_import(name, str(self.shown(source)), error) from error

    def agents(self) -> list[str]:
        """Return the names of the files in ``agents/``."""
        return sorted(path.stem for path in (self.root / _AGENTS).glob("*.json"))

    def default_agent(self) -> str:
        """Return the ``default_agent`` of ``agents/general.json``; without one, ``example``."""
        general = _read_json(self.root / _AGENTS / "general.json")
        return str(general.get("default_agent", "example"))

    def agent_config(self, agent: str | None = None) -> list[dict[str, Any]]:
        """Return what is under ``config`` in ``agents/<agent>.json``; nothing without that file.

        Args:
            agent: The file's name; by default that of :meth:`default_agent`.

        Raises:
            PluginConfigError: The file is no such document.
        """
        agent = agent or self.default_agent()
        config = _read_json(self.root / _AGENTS / f"{agent}.json").get("config", [])
        if not isinstance(config, list) or not all(isinstance(item, dict) for item in config):
            raise PluginConfigError(
                f'agents/{agent}.json: "config" must be a list of objects',
                hint='Write [{"name": "openai", "model": "…"}, …]',
            )
        return config

    def settings_of(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the project gives a class of one item of an agent's ``config``.

        The item itself or, in forks that pass on a nested ``config``, that.
        """
        nested = item.get("config")
        if not isinstance(nested, Mapping):
            return item
        register = _function(self._manager_tree, "_register_connection")
        passes_all = register is not None and not any(
            isinstance(node, ast.Constant) and node.value == "config" for node in ast.walk(register)
        )
        return item if passes_all else nested

    def awaits(self, module: str, function: str) -> bool:
        """Tell whether a function of the project's own ``src/<module>.py`` is ``async``."""
        tree = _parse(self.root / "src" / f"{module}.py")
        return isinstance(_function(tree, function), ast.AsyncFunctionDef)

    def shown(self, source: ClassSource) -> Path:
        """Return a class's file as the project's users know it."""
        return source.path.relative_to(self.root)

    def importable(self) -> None:
        """Have the project's ``src`` found by ``import``, as it is when ``main.py`` runs."""
        if str(self.root) not in sys.path:
            sys.path.insert(0, str(self.root))

    def _path_of(self, module: str) -> Path:
        path = self.root.joinpath(*module.split("."))
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

    @cached_property
    def _manager_tree(self) -> ast.Module:
        return _parse(self.root / "src" / "connection_manager.py")

    def _table(self) -> dict[str, tuple[str, str]]:
        """Return module and class by name, as the project's own ``_class_name_to_type`` has it."""
        tree = self._manager_tree
        classes = _imported_connections(tree)
        pairs = [pair for node in ast.walk(tree) for pair in _pairs(node)]
        return {name: classes[class_name] for name, class_name in pairs if class_name in classes}


def find_project(root: Path | None = None) -> Project | None:
    """Return the ZerePy project in a folder, by default the working directory, if there is one."""
    root = (root or Path.cwd()).resolve()
    base = root / _CONNECTIONS / "base_connection.py"
    manager = root / "src" / "connection_manager.py"
    return Project(root) if base.is_file() or manager.is_file() else None


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


def _function(tree: ast.Module, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return node
    return None


def _imported_connections(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Return module and class by the name that the class has in the file."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = f"src.{node.module}" if node.level else node.module
            for alias in node.names:
                found[alias.asname or alias.name] = (module, alias.name)
    return found


def _pairs(node: ast.AST) -> list[tuple[str, str]]:
    """Return the pairs of a text and a name in a dict, an ``if`` or a ``case`` that returns it."""
    if isinstance(node, ast.Dict):
        return [
            (str(key.value), value.id)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(value, ast.Name)
        ]
    if isinstance(node, ast.If):
        tested: ast.AST = node.test
    elif isinstance(node, ast.match_case):
        tested = node.pattern
    else:
        return []
    texts = [n.value for n in ast.walk(tested) if isinstance(n, ast.Constant)]
    returned = [n.value for n in node.body if isinstance(n, ast.Return)]
    return [
        (text, value.id)
        for text in texts
        for value in returned
        if isinstance(text, str) and isinstance(value, ast.Name)
    ]


def _open_package(folder: Path) -> None:
    """Import ``src.connections``; without its own code, if that fails for one of its modules."""
    name = ".".join(_CONNECTIONS.parts)
    try:
        importlib.import_module(name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever its code raises
        logging.getLogger("zerepy_plugins.compat").info("%s does without its code: %s", name, error)
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        package.__spec__ = ModuleSpec(name, loader=None, is_package=True)
        sys.modules[name] = package


def _class_in(module: Any, class_name: str | None) -> type:
    if class_name is not None:
        return getattr(module, class_name)  # type: ignore[no-any-return]
    own = [
        cls
        for cls in vars(module).values()
        if isinstance(cls, type)
        and cls.__module__ == module.__name__
        and cls.__name__.endswith("Connection")
        and not inspect.isabstract(cls)
    ]
    if len(own) != 1:
        raise ImportError(f"it defines {len(own)} classes called …Connection, not one")
    return own[0]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise PluginConfigError(
            f"agents/{path.name} is no JSON: {error}", hint="Mend it at that place"
        ) from error
    if not isinstance(document, dict):
        raise PluginConfigError(
            f"agents/{path.name} must be an object", hint='Write {"name": "…", "config": […], …}'
        )
    return document
