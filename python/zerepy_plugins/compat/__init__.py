"""ZerePy projects on this package, without changes to them.

Put this at the top of ``main.py``, before anything of the project is imported, or start the program
with ``zpl run main.py``::

    import zerepy_plugins.compat; zerepy_plugins.compat.install()

Then ``src.connection_manager``, ``src.action_handler``, ``src.plugins``, ``src.events``,
``src.resources`` and ``src.config`` are the modules of that name here. Everything else of the
project stays its own. Nothing of this is imported by ``import zerepy_plugins``.
"""

from __future__ import annotations

from zerepy_plugins.compat.aliases import install, uninstall

__all__ = ["install", "uninstall"]
