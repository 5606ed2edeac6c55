"""Hooks around a plugin's beginning and end, and around its actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["PluginHooks"]


class PluginHooks:
    """Methods that are called around ``initialize``, ``cleanup`` and every action.

    Mixed into a plugin they see that plugin; as a separate object given to the manager
    (``hooks=[…]`` or ``add_hooks``) they see every plugin. Each takes those of its arguments that
    it names; one that names another is refused when it is added. Any of them may be ``async``.

    Before a step, the manager's hooks run from the outermost (highest ``priority``, then oldest) to
    the innermost and then the plugin's own; after it the other way round. Those around
    ``initialize`` and ``cleanup`` run on the thread that starts or stops the plugins, those around
    actions on the caller's; in an awaited call, ``async`` hooks run on its event loop.

    What becomes of their errors is said where they are added (``on_error`` of ``add_hooks``); for
    hooks mixed into a plugin and those in ``hooks=[…]`` it is ``"raise"``: an error in
    ``pre_initialize`` or ``post_initialize`` makes the plugin's start fail, one in ``pre_cleanup``
    or ``post_cleanup`` is reported with the errors of cleaning up, one in ``pre_action`` or
    ``post_action`` makes the call fail. All other hooks of that moment run, whatever fails; only
    before an action, the first error that keeps it from happening ends the round: hooks further
    inside then see nothing of the call, neither before nor after.

    Hooks around actions see calls through a manager, also those of ``context.call`` and of native
    plugins, but not those made on the plugin object itself. Of a stream, ``pre_action`` runs before
    it is opened and ``post_action`` after its last item; one that its consumer closes early ends
    with ``GeneratorExit`` as ``error``, and its items are nobody's ``result``. To the monitor their
    time is part of the call's, and a vetoed call is one that failed. A call whose coroutine is
    closed before it ends is not seen by ``post_action``.
    """

    if TYPE_CHECKING:
        # For type checkers: a subclass takes whichever of the arguments it wants.
        priority: int
        pre_initialize: Any
        post_initialize: Any
        pre_cleanup: Any
        post_cleanup: Any
        pre_action: Any
        post_action: Any
    else:

        def pre_initialize(self) -> None:
            """Run before ``initialize``; may take ``plugin`` and ``config``."""

        def post_initialize(self) -> None:
            """Run after ``initialize``; after a failed one too, if it accepts ``error``."""

        def pre_cleanup(self) -> None:
            """Run before ``cleanup``; may take ``plugin`` and ``config``."""

        def post_cleanup(self) -> None:
            """Run after ``cleanup``; ``error`` is what it raised, or ``None``."""

        def pre_action(self) -> None:
            """Run before an action; may take ``plugin``, ``config``, ``action`` and ``params``.

            A ``dict`` that it returns replaces the params, for later hooks and the plugin;
            ``None`` keeps them. Raising a :class:`~zerepy_plugins.errors.PluginVetoError` refuses
            the call.
            """

        def post_action(self) -> None:
            """Run after an action; after a failed or vetoed one too, if it accepts ``error``.

            May take what ``pre_action`` takes, ``result``, ``error`` and ``duration`` (seconds that
            the action itself took; 0 for a vetoed one). What it returns changes nothing.
            """
