from __future__ import annotations

import pytest

from zerepy_plugins.compat.packages import cannot_import, distribution_of


@pytest.mark.parametrize(
    ("module", "distribution"),
    [
        ("web3", "web3"),
        ("web3.middleware", "web3"),
        ("dotenv", "python-dotenv"),
        ("solana.rpc.async_api", "solana"),
        ("spl.token", "solana"),
        ("tweepy", "tweepy"),
        ("farcaster", "farcaster"),
        ("requests_oauthlib", "requests-oauthlib"),
        ("goat", "goat-sdk"),
        ("goat_plugins.erc20.token", "goat-sdk-plugin-erc20"),
        ("goat_plugins", "goat_plugins"),
    ],
)
def test_what_to_install(module, distribution):
    assert distribution_of(module) == distribution


@pytest.mark.parametrize(
    ("raised", "hint"),
    [
        (ModuleNotFoundError("…", name="dotenv.main"), "pip install python-dotenv"),
        (ModuleNotFoundError("…", name="src.helpers"), "Mend the file"),
        (ImportError("cannot import name 'x'", name="openai"), "Mend the file"),
        (SyntaxError("…"), "Mend the file"),
        (SystemExit(1), "Mend the file"),
    ],
)
def test_the_hint_fits_what_was_raised(raised, hint):
    error = cannot_import("chat", "src/connections/chat_connection.py", raised)
    assert error.hint.startswith(hint)
    assert (error.plugin, error.__cause__) == ("chat", raised)
