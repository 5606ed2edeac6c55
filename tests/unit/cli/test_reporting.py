from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest
import typer

from zerepy_plugins.cli.reporting import ExitCode, explain, reporting
from zerepy_plugins.errors import PluginExecutionError, PluginNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def raise_not_found() -> None:
    raise PluginNotFoundError('no plugin "serach"', plugin="serach", hint='Try "search"')


def failing(work: Callable[[], None], *, show_traceback: bool = False) -> int:
    with pytest.raises(typer.Exit) as caught, reporting(show_traceback):
        work()
    return caught.value.exit_code


def test_a_pipe_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(raise_not_found) == ExitCode.FAILED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == 'error: no plugin "serach"\n  hint: Try "search"\n'


def test_a_terminal_gets_a_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    failing(raise_not_found)
    assert "─" in terminal.getvalue()
    assert "\x1b[31m" in terminal.getvalue()


def test_no_color_is_respected_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    failing(raise_not_found)
    assert "─" in terminal.getvalue()
    assert "\x1b[31m" not in terminal.getvalue()


def test_markup_in_a_message_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        raise PluginExecutionError("params.items[3]: [bold]not markup[/bold] :smile:")

    failing(work)
    assert "params.items[3]: [bold]not markup[/bold] :smile:" in capsys.readouterr().err


def test_the_cause_is_named() -> None:
    error = PluginExecutionError("search.query failed", plugin="search")
    error.__cause__ = ValueError("k1 is negative")
    assert explain(error) == ["search.query failed", "cause: ValueError: k1 is negative"]


def test_the_plugin_is_named_where_the_message_does_not() -> None:
    assert explain(PluginExecutionError("no answer", plugin="search")) == [
        "no answer",
        "plugin: search",
    ]


def test_an_unexpected_error_says_how_to_see_more(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        raise ZeroDivisionError("division by zero")

    assert failing(work) == ExitCode.FAILED
    error = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in error
    assert "--traceback" in error


def test_an_interrupt_is_130() -> None:
    def work() -> None:
        raise KeyboardInterrupt

    assert failing(work) == ExitCode.INTERRUPTED
