from __future__ import annotations

import builtins
import getpass
import threading

import pytest

from zerepy_plugins.compat.prompts import Answers, answering
from zerepy_plugins.errors import PluginConfigError

KEY = "Enter your API Key (consumer key): "
SECRET = "Enter your API Key Secret (consumer secret): "


def test_answers_go_to_what_they_fit_best():
    with answering(Answers("twitter", {"consumer_secret": "s", "consumer_key": "k", "pin": 7})):
        assert input("Do you want to reconfigure? (y/n): ") == "y"
        assert (input(KEY), getpass.getpass(SECRET)) == ("k", "s")
        assert input("3. Please enter the PIN code here: ") == "7"
        with pytest.raises(PluginConfigError, match="PIN") as caught:
            input("PIN: ")  # each answer is used once
    assert "TWITTER_" in caught.value.hint
    assert (builtins.input.__module__, getpass.getpass.__module__) != (Answers.__module__,) * 2


def test_the_environment_answers_for_its_connection_only(monkeypatch):
    monkeypatch.setenv("TWITTER_CONSUMER_KEY", "mine")
    monkeypatch.setenv("CONSUMER_SECRET", "somebody's")
    with answering(Answers("twitter", {})):
        assert input(KEY) == "mine"
        with pytest.raises(PluginConfigError):
            input(SECRET)
    asked = []
    with answering(Answers("twitter", {}, lambda prompt: asked.append(prompt) or "told")):
        assert input(KEY) == "told"
    assert asked == [KEY]


def test_the_original_is_back_when_the_last_one_has_left(monkeypatch):
    monkeypatch.setattr(builtins, "input", lambda prompt="": f"the real one: {prompt}")
    real, elsewhere = builtins.input, []
    with answering(Answers("a", {"x": 1})):
        with answering(Answers("b", {"x": 2})):
            assert input("x") == "2"
        assert input("x") == "1"
        thread = threading.Thread(target=lambda: elsewhere.append(input("x")))
        thread.start()
        thread.join()
    assert elsewhere == ["the real one: x"]
    assert builtins.input is real
