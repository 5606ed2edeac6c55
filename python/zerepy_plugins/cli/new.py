"""`zpl new`: a small, complete, tested plugin project, written from a template."""

import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from zerepy_plugins.cli.cargo import SDK
from zerepy_plugins.cli.output import console
from zerepy_plugins.cli.reporting import reporting
from zerepy_plugins.cli.session import ShowTraceback
from zerepy_plugins.errors import PluginError

_TEMPLATES = Path(__file__).parent / "templates"
_SUFFIX = ".template"
_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_MAX_NAME_CHARS = 64
# A directory of such a name holds plugins of that category. The base classes are called after them.
_RESERVED = ("action", "actions", "connection", "connections")


class Language(StrEnum):
    """What a plugin is written in."""

    RUST = "rust"
    PYTHON = "python"
    C = "c"


_TESTS = {Language.RUST: ["cargo test"], Language.PYTHON: ["pytest"], Language.C: ["make check"]}


class PluginType(StrEnum):
    """What a plugin is for."""

    CONNECTION = "connection"
    ACTION = "action"


def new(
    name: Annotated[
        str,
        typer.Argument(
            help="The plugin's name: lower-case letters, digits, - and _.", show_default=False
        ),
    ],
    lang: Annotated[Language, typer.Option("--lang", help="What to write it in.")] = Language.RUST,
    plugin_type: Annotated[
        PluginType,
        typer.Option("--type", help="A connection with actions, or one action."),
    ] = PluginType.CONNECTION,
    directory: Annotated[
        Path,
        typer.Option(
            "--dir",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Where to make the project's directory.",
        ),
    ] = Path(),
    traceback: ShowTraceback = False,
) -> None:
    """Make a new plugin project: code, manifest, tests and README, ready to be built."""
    with reporting(traceback):
        project = directory / name
        check_name(name)
        create_project(project, name, lang, plugin_type)
        out = console()
        out.print(f"Made {project}: the {plugin_type} {name}, in {lang.title()}.", soft_wrap=True)
        out.print("\nNext:")
        call = f"zpl call {_call(name, plugin_type)}"
        for command in (f"cd {shlex.quote(str(project))}", *_TESTS[lang], "zpl build", call):
            out.print(f"  {command}", soft_wrap=True)


def check_name(name: str) -> None:
    """Raise `PluginError` unless `name` will do in manifests, crates and classes alike."""
    if name in _RESERVED:
        why, hint = "that is a word of ZerePy's own", "Say what it connects to, or what it does"
    elif len(name) > _MAX_NAME_CHARS:
        why, hint = f"it is longer than {_MAX_NAME_CHARS} characters", "Choose a shorter one"
    elif not _NAME.fullmatch(name):
        why = "it is not made of words"
        hint = (
            "Use lower-case letters and digits, with single - or _ between words,"
            " and a letter first, such as my-plugin"
        )
    else:
        return
    raise PluginError(f'"{name}" cannot be a new plugin\'s name: {why}', hint=hint)


def create_project(project: Path, name: str, lang: Language, plugin_type: PluginType) -> None:
    """Write the project's files; nothing is left of them if that fails.

    Raises `PluginError` if there is already something at `project`, `OSError` if it cannot be
    written.
    """
    if project.exists() or project.is_symlink():
        raise PluginError(
            f"{project} exists already", hint="Choose another name, or another place with --dir"
        )
    words = _words(name, plugin_type)
    with tempfile.TemporaryDirectory(dir=project.parent, prefix=f".{name}-") as folder:
        draft = Path(folder) / name
        for relative, text in _rendered(lang, plugin_type, words):
            path = draft / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        draft.rename(project)


def _words(name: str, plugin_type: PluginType) -> Mapping[str, str]:
    parts = re.split("[-_]", name)
    return {
        "name": name,
        "module": "_".join(parts),
        "class": "".join(part.title() for part in parts) + "Plugin",
        "type": plugin_type.value,
        "action": "greet" if plugin_type is PluginType.CONNECTION else "execute",
        "call": _call(name, plugin_type),
        "sdk": str(SDK).replace("\\", "\\\\").replace('"', '\\"'),
    }


def _call(name: str, plugin_type: PluginType) -> str:
    action = " greet" if plugin_type is PluginType.CONNECTION else ""
    return f"{name}{action} --param name=Ada"


def _rendered(
    lang: Language, plugin_type: PluginType, words: Mapping[str, str]
) -> Iterator[tuple[Path, str]]:
    for folder in ("common", plugin_type.value):
        root = _TEMPLATES / lang.value / folder
        for path in sorted(root.rglob(f"*{_SUFFIX}")):
            relative = path.relative_to(root).with_suffix("")
            if relative.name == "gitignore":
                relative = relative.with_name(".gitignore")
            yield relative, Template(path.read_text(encoding="utf-8")).substitute(words)
