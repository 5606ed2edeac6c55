"""Which package to install for a module that is missing. Imports nothing and installs nothing."""

from __future__ import annotations

from zerepy_plugins.errors import PluginLoadError

__all__ = ["cannot_import", "distribution_of"]

# Modules that ZerePy and its forks use and whose distribution is called otherwise.
_DISTRIBUTIONS = {
    "allora_sdk": "allora-sdk",
    "bs4": "beautifulsoup4",
    "discord": "discord.py",
    "dotenv": "python-dotenv",
    "eth_account": "eth-account",
    "firecrawl": "firecrawl-py",
    "goat": "goat-sdk",
    "goat_wallets": "goat-sdk-wallet-web3",
    "google": "google-generativeai",
    "jupiter_python_sdk": "jupiter-python-sdk",
    "nacl": "PyNaCl",
    "nest": "pynest-api",
    "PIL": "Pillow",
    "prompt_toolkit": "prompt-toolkit",
    "requests_oauthlib": "requests-oauthlib",
    "spl": "solana",
    "yaml": "PyYAML",
}


def distribution_of(module: str) -> str:
    """Return the name to give to ``pip install`` for a module, such as ``dotenv.main``."""
    top, *rest = module.split(".")
    if top == "goat_plugins" and rest:
        return f"goat-sdk-plugin-{rest[0].replace('_', '-')}"
    return _DISTRIBUTIONS.get(top, top)


def cannot_import(name: str, place: str, raised: BaseException) -> PluginLoadError:
    """Say why a connection's module cannot be imported, and what to do about it.

    Args:
        name: The connection's name.
        place: The file, as the user knows it.
        raised: What the import raised.
    """
    module = raised.name if isinstance(raised, ModuleNotFoundError) else None
    if module and module.partition(".")[0] != "src":
        error = PluginLoadError(
            f"connection {name!r} needs the module {module!r}, which is not installed",
            plugin=name,
            hint=f"pip install {distribution_of(module)}",
        )
    else:
        error = PluginLoadError(
            f"{place} cannot be imported: {type(raised).__name__}: {raised}",
            plugin=name,
            hint="Mend the file; the other connections do without it",
        )
    error.__cause__ = raised
    return error
