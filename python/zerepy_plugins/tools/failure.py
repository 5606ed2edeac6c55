"""What a failed tool call gives back to the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zerepy_plugins.errors import InvalidParamsError

if TYPE_CHECKING:
    from zerepy_plugins.errors import PluginError


_FIT = "Call it again with arguments that fit its schema"
_HINTS = {  # where the error itself does not say what to do
    "execution_failed": "Change the arguments if it is about them; else the plugin is at fault",
    "invalid_params": _FIT,
    "vetoed": "It is not allowed: do not try it again",
}


class ToolError(dict[str, Any]):
    """Why a tool call failed, as JSON can hold it; returned in place of a result.

    Keys: ``code`` (a stable word, that of the exception), ``message``, ``hint`` (what to do),
    ``plugin``; of the first wrong argument ``path``, ``expected`` and ``got``; ``problems``: all of
    them, each with ``path``, ``message``, ``expected`` and ``got``; ``retry_after``: in how many
    seconds it is worth trying again. What is not known is `None`.
    """

    @classmethod
    def of(cls, error: PluginError) -> ToolError:
        """Return what an error tells."""
        problems = [dict(problem) for problem in getattr(error, "problems", ())]
        first = problems[0] if problems else {}
        return cls(
            code=error.code,
            message=error.message,
            path=first.get("path"),
            expected=first.get("expected"),
            got=first.get("got"),
            hint=error.hint or _HINTS.get(error.code),
            plugin=error.plugin,
            problems=problems,
            retry_after=error.retry_after,
        )


def refusal(tool: str, plugin: str, problems: list[dict[str, str]]) -> InvalidParamsError:
    """Return the error for arguments that do not fit."""
    lines = [f"{problem['path']}: {problem['message']}" for problem in problems]
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    return InvalidParamsError(
        f"the arguments of tool {tool!r} have {count}: {'; '.join(lines)}",
        plugin=plugin,
        hint=_FIT,
        problems=problems,
    )
