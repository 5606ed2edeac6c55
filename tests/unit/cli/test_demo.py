from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from zerepy_plugins.cli.demo_work import Duel
from zerepy_plugins.errors import PluginExecutionError

if TYPE_CHECKING:
    from .conftest import Run


def test_both_sides_of_a_duel_take_turns_in_going_first() -> None:
    order: list[str] = []
    duel = Duel("work", "rust", "python")
    for _ in range(2):
        duel.run(lambda name: order.append(name))
    assert order == ["rust", "python", "python", "rust"]
    record = duel.record(sum)
    assert record["native"]["seconds"] > 0
    assert record["speedup"] == record["python"]["seconds"] / record["native"]["seconds"]


def test_unequal_results_end_a_duel() -> None:
    with pytest.raises(PluginExecutionError, match="disagree"):
        Duel("work", "rust", "python").run(lambda name: name)


def test_without_its_plugins_the_demo_says_how_to_get_them(run: Run) -> None:
    result = run("demo")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "make plugins" in result.stderr
