"""How the import system finds and reads the code of plugins that `_modules` asks for.

It answers only for what lies in the packages that plugin directories become; everything else it
leaves to the finders behind it. It decides nothing about plugins.
"""

from __future__ import annotations

import io
import marshal
import os
import sys
import threading
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import MAGIC_NUMBER
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from types import CodeType

PREFIX = "zerepy_plugins_loaded_"
"""What the names of all such packages begin with."""

_HEADER_BYTES = 16  # of a compiled file: magic number, flags, and the source's time and size


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
        loader = _Loader(fullname, place)
        spec = ModuleSpec(fullname, loader, origin=place)
        spec.submodule_search_locations = folders
        spec.has_location = True
        loader.cached = spec.cached
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


class _Loader(SourceFileLoader):
    """Reads code that is compiled already with fewer steps than the import system's own loader.

    Whatever is not as usual, it leaves to that one.
    """

    cached: str | None = None
    """Where the compiled code is, if it is compiled."""

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the module's code."""
        code = _compiled(self.cached, self.path) if self.cached else None
        return super().get_code(fullname) if code is None else code


def _compiled(cached: str, path: str) -> CodeType | None:
    """Return the code in a compiled file, if it was made of the source as it is now."""
    try:
        source = os.stat(path)
        with io.open_code(cached) as file:
            content = file.read()
        header = MAGIC_NUMBER + bytes(4)
        header += (int(source.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little")
        header += (source.st_size & 0xFFFFFFFF).to_bytes(4, "little")
        if not content.startswith(header):
            return None
        code = marshal.loads(memoryview(content)[_HEADER_BYTES:])  # noqa: S302 - as importlib does
    except (OSError, EOFError, ValueError, TypeError):
        return None
    return code if getattr(code, "co_filename", None) == path else None
