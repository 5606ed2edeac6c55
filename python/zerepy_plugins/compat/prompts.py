"""Answers to what ZerePy's ``configure()`` asks with ``input()``: from arguments, the environment
or a callback. Never waits for a person where there is none.
"""  # noqa: D205

from __future__ import annotations

import builtins
import getpass
import os
import re
import sys
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from zerepy_plugins._loop import is_loop_thread
from zerepy_plugins.errors import PluginConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["Answers", "answering"]

# Words that tell one credential from another: what asks for one is answered by no other.
_TELLING = frozenset({"secret", "token", "password", "private", "mnemonic", "seed", "pin"})
_YES_OR_NO = re.compile(r"[\[(]\s*y(es)?\s*/\s*n(o)?\s*[\])]", re.IGNORECASE)


class Answers:
    """Answers the prompts of one connection. Called as ``input`` is.

    Args:
        name: The connection's name.
        given: Answers by what is asked for, such as ``api_key``.
        ask: Called with a prompt that nothing else answers; returns the answer.
    """

    def __init__(
        self,
        name: str,
        given: Mapping[str, Any],
        ask: Callable[[str], str] | None = None,
    ) -> None:
        self._name = name
        self._unused = dict(given)
        self._given = bool(given)
        self._ask = ask

    def __call__(self, prompt: str) -> str:
        """Answer a prompt.

        Raises:
            PluginConfigError: Nothing answers it, and there is no terminal to ask at.
        """
        asked = _words(prompt)
        if key := _best(self._unused, asked):
            return str(self._unused.pop(key))
        if self._given and _YES_OR_NO.search(prompt):
            return "y"  # whoever gives answers wants to configure
        if self._ask is not None:
            return self._ask(prompt)
        at_terminal = _at_terminal()
        if at_terminal and not self._given:
            return _real_input(prompt)  # whoever sits there may want another value
        if key := _best(self._variables(), asked | _words(self._name)):
            return os.environ[key]
        if at_terminal:
            return _real_input(prompt)
        raise PluginConfigError(
            f"connection {self._name!r} asks {prompt.strip()!r}, and nobody is there to answer",
            plugin=self._name,
            hint="Give the answer to configure() as an argument, such as api_key=…, set the "
            f"variable {self._name.upper()}_…, or configure it at a terminal",
        )

    def _variables(self) -> list[str]:
        """Return the environment's variables for this connection: others are nobody's answer."""
        prefix = re.sub(r"\W", "_", self._name).upper() + "_"
        return [variable for variable in os.environ if variable.startswith(prefix)]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def _best(keys: Iterable[str], asked: set[str]) -> str | None:
    """Return the key that says most of what is asked, nothing else, and all that is telling."""
    words = {key: _words(key.replace("_", " ")) for key in keys}
    needed = asked & _TELLING
    fitting = [key for key in words if words[key] and needed <= words[key] <= asked]
    return max(fitting, key=lambda key: len(words[key]), default=None)


def _at_terminal() -> bool:
    """Tell whether a person can be asked here: never on a thread that runs an event loop."""
    return not is_loop_thread() and sys.stdin is not None and sys.stdin.isatty()


_current: ContextVar[Answers | None] = ContextVar("zerepy_answers", default=None)
_lock = threading.Lock()
_users = 0
_real_input: Callable[..., str] = builtins.input
_real_getpass: Callable[..., str] = getpass.getpass


def _input(prompt: object = "", /) -> str:
    answers = _current.get()
    return _real_input(str(prompt)) if answers is None else answers(str(prompt))


def _getpass(prompt: str = "Password: ", stream: Any = None) -> str:
    answers = _current.get()
    return _real_getpass(prompt, stream) if answers is None else answers(prompt)


@contextmanager
def answering(answers: Answers) -> Iterator[None]:
    """Have ``answers`` called by ``input`` and ``getpass`` in here; other threads are not touched.

    Safe to use from several threads at once; the originals are back when the last one has left.
    """
    token = _current.set(answers)
    _enter()
    try:
        yield
    finally:
        _leave()
        _current.reset(token)


def _enter() -> None:
    global _users, _real_input, _real_getpass
    with _lock:
        if _users == 0:
            _real_input, _real_getpass = builtins.input, getpass.getpass
            builtins.input, getpass.getpass = _input, _getpass
        _users += 1


def _leave() -> None:
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            builtins.input, getpass.getpass = _real_input, _real_getpass
