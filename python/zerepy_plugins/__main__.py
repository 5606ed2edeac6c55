"""`python -m zerepy_plugins`: the command line `zpl`."""

from zerepy_plugins.cli import main

if __name__ == "__main__":
    main()
