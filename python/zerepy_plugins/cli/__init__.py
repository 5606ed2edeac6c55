"""The command line `zpl`. Importing this package imports neither typer nor rich."""

__all__ = ["main"]


def main() -> None:
    """Run `zpl` with the process's arguments, and exit with one of `ExitCode`."""
    from zerepy_plugins.cli.app import run

    run()
