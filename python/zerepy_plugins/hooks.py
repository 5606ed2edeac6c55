"""Hooks around a plugin's beginning and end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["PluginHooks"]


class PluginHooks:
    """Methods that are called around ``initialize`` and ``cleanup``.

    Mixed into a plugin they see that plugin; as a separate object given to the manager
    (``hooks=[…]``) they see every plugin. Each may accept any of ``plugin``, ``config`` and
    ``error`` by name. Before a step, the manager's hooks run in their order and then the plugin's
    own; after it, the plugin's own first and then the manager's in reverse.

    They run on the thread that starts or stops the plugins. All of them run, whatever fails; an
    error in ``pre_initialize`` or ``post_initialize`` makes the plugin's start fail, one in
    ``pre_cleanup`` or ``post_cleanup`` is reported with the errors of cleaning up.
    """

    if TYPE_CHECKING:
        # For type checkers: a subclass takes whichever of the arguments it wants.
        pre_initialize: Any
        post_initialize: Any
        pre_cleanup: Any
        post_cleanup: Any
    else:

        def pre_initialize(self) -> None:
            """Run before ``initialize``."""

        def post_initialize(self) -> None:
            """Run after ``initialize``; after a failed one too, if it accepts ``error``."""

        def pre_cleanup(self) -> None:
            """Run before ``cleanup``."""

        def post_cleanup(self) -> None:
            """Run after ``cleanup``; ``error`` is what it raised, or ``None``."""
