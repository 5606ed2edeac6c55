"""How the import system finds the code of plugins that `_modules` asks for.

It answers only for what lies in the packages that plugin directories become; everything else it
leaves to the finders behind it. It decides nothing about plugins.
"""

from __future__ import annotations

import os
import sys
import threading
from importlib.machinery import ModuleSpec, SourceFileLoader
from typing import ClassVar

PREFIX = "zerepy_plugins_loaded_"
"""What the names of all such packages begin with."""


class ModuleFinder:
    """Finds the modules that plugins are, and notes which are asked for.

    It stands first: where a plugin's code is, is known, and need not be searched for.
    """

    places: ClassVar[dict[str, tuple[str, bool]]] = {}
    """By the name of each module whose place is known: that, and whether it is a folder."""
    noted = threading.local()
    """`names`: what this thread has asked for since somebody began to note it."""

    @classmethod
    def find_spec(cls, fullname: str, *_: object) -> ModuleSpec | None:
        """Return the spec of a module whose place is known."""
        if not fullname.startswith(PREFIX):
            return None
        cls.note(fullname)
        known = cls.places.get(fullname)
        if known is None:
            return None
        place, is_folder = known
        folders = [place] if is_folder else None
        if is_folder:
            place = os.path.join(place, "__init__.py")
        spec = ModuleSpec(fullname, SourceFileLoader(fullname, place), origin=place)
        spec.submodule_search_locations = folders
        spec.has_location = True
        return spec

    @classmethod
    def note(cls, fullname: str) -> None:
        """Note that a module is about to be there, unless it is."""
        names = getattr(cls.noted, "names", None)
        if names is not None and fullname not in sys.modules:
            names.append(fullname)

    @classmethod
    def install(cls) -> None:
        """Put it first, unless it is there."""
        if cls not in sys.meta_path:
            sys.meta_path.insert(0, cls)
