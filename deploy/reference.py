"""Reference pages from the code: `python deploy/reference.py [--check]`, which is what `make docs` runs.

docs/reference/cli.md comes from the commands, settings.md from `mes.settings`, plant.md from `mes.domain.plant`,
events.md from the event types; what the code cannot say stands in reference_words.toml. `--check` writes nothing and
exits 1 when a page is not what it should be.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import tomllib
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from mes.cli import command_line
from mes.domain.exchange import EventType
from mes.domain.plant import Plant
from mes.settings import SETTINGS_FILE, Settings

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "reference"
WORDS = ROOT / "deploy" / "reference_words.toml"
NOTE = "<!-- Written by `make docs`; change the code or deploy/reference_words.toml instead. -->\n"
PLAIN = {"str": "text", "int": "whole number", "float": "number", "bool": "yes or no", "date": "date", "Path": "path"}


def main(arguments: list[str]) -> int:
    """Write the pages, or say which are not current; the exit code."""
    stale = [path for path, text in wanted().items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in arguments:
        sys.stdout.writelines(f"{path.relative_to(ROOT)} is not current: run make docs\n" for path in stale)
        return 1 if stale else 0
    PAGES.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(wanted()[path], "utf-8")
        sys.stdout.write(f"  {path.relative_to(ROOT)}\n")
    return 0


def wanted() -> dict[Path, str]:
    """Every page with what it should say. Raises ValueError where a word is missing or meant for nothing."""
    words = tomllib.loads(WORDS.read_text("utf-8"))
    return {
        PAGES / "cli.md": _page("The command line", _commands()),
        PAGES / "settings.md": _page("Settings", _settings()),
        PAGES / "plant.md": _page("The plant file", _plant(words["plant"])),
        PAGES / "events.md": _page("Events", _events(words["events"])),
    }


def _page(title: str, parts: Iterator[str]) -> str:
    return f"# {title}\n\n{NOTE}\n" + "\n".join(parts)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


# ------------------------------------------------------------------ commands
def _commands() -> Iterator[str]:
    yield "Every command has `--help`. An error is one sentence and its remedy, exit 1; wrong usage or input: exit 2.\n"
    command_line.assemble()
    root = typer.main.get_command(command_line.app)
    yield from _command(root, typer.Context(root, info_name="mes"))


def _command(command: Any, context: typer.Context) -> Iterator[str]:
    """A command and its options, or the commands of a group."""
    if hasattr(command, "commands"):
        for name in command.list_commands(context):
            below = command.commands[name]
            yield from _command(below, typer.Context(below, info_name=name, parent=context))
        return
    usage = " ".join(piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]")
    yield f"## `{' '.join([context.command_path, usage]).strip()}`\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    rows = [record for each in command.params if each.name != "help" and (record := each.get_help_record(context))]
    if rows:
        yield _table(("option", "meaning"), [(f"`{name}`", " ".join(told.split())) for name, told in rows])


# ------------------------------------------------------------------ settings
def _settings() -> Iterator[str]:
    yield (
        f"A variable wins over `{SETTINGS_FILE}` in the working directory (same names, lower case, without `MES_`),\n"
        "which wins over what stands here. `mes doctor` names variables that mean nothing.\n"
    )
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default_factory or field.default in ("", None) else f"`{field.default}`"
        rows.append((f"`MES_{name.upper()}`", default, " ".join((field.description or "").split())))
    yield _table(("variable", "if not given", "meaning"), rows)


# ------------------------------------------------------------------ plant file
def _plant(words: dict[str, dict[str, str]]) -> Iterator[str]:
    yield (
        "`mes plant check FILE` names every mistake with its line, `mes plant apply FILE` puts it in force whole or\n"
        "not at all, `mes plant show` prints what is in force. `simulators/demo/plant.toml` is a complete example.\n"
        "A field without *if absent* must be there.\n"
    )
    hints = typing.get_type_hints(Plant)
    _require_same("plant", set(words), {part.name for part in dataclasses.fields(Plant)})
    for part in dataclasses.fields(Plant):
        kind = hints[part.name]
        one = typing.get_args(kind)[0] if typing.get_args(kind) else kind
        yield f"## `{'[[' if one is not kind else '['}{part.name}{']]' if one is not kind else ']'}`\n"
        yield f"{inspect.cleandoc(one.__doc__ or '')}\n"
        yield _table(("field", "value", "if absent", "meaning"), _fields(part.name, one, words[part.name]))


def _fields(part: str, kind: type, words: dict[str, str]) -> list[tuple[str, ...]]:
    hints, fields = typing.get_type_hints(kind), dataclasses.fields(kind)
    names = {each.name: each.name.rstrip("_") for each in fields}
    _require_same(part, set(words), set(names.values()))
    return [
        (f"`{names[each.name]}`", _value(hints[each.name]), _default(each), words[names[each.name]]) for each in fields
    ]


def _value(hint: object) -> str:
    """A type in words."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(f"`{word}`" for word in arguments if word)
    if type(None) in arguments:
        return _value(next(each for each in arguments if each is not type(None)))
    if typing.get_origin(hint) is tuple:
        return f"list of {_value(arguments[0])}" if arguments[-1] is ... else f"pair of {_value(arguments[0])}"
    if typing.get_origin(hint) is dict:
        return f"table of {_value(arguments[1])}"
    name = getattr(hint, "__name__", str(hint))
    return PLAIN.get(name, "table")


def _default(field: dataclasses.Field[object]) -> str:
    if field.default is dataclasses.MISSING:
        return "" if field.default_factory is dataclasses.MISSING else "none"
    value = field.default
    if value is None or value in ("", ()):
        return "none"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return ", ".join(f"`{name} = {each}`" for name, each in dataclasses.asdict(value).items())
    if isinstance(value, tuple):
        return ", ".join(f"`{each}`" for each in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


# ------------------------------------------------------------------ events
def _events(words: dict[str, dict[str, str]]) -> Iterator[str]:
    yield (
        "`GET /api/v1/events?after=CURSOR` gives them oldest first, each at least once, without gaps; order is kept\n"
        "by subject. Every event has `id` (never changes), `sequence`, `type`, `subject`, `at` and `body`. Quantities\n"
        "are decimal strings with their unit beside them, instants are UTC.\n"
    )
    types = typing.get_args(EventType)
    _require_same("events", set(words), set(types))
    rows = [(f"`{kind}`", words[kind]["when"], words[kind]["subject"], words[kind]["body"]) for kind in types]
    yield _table(("type", "when", "subject", "body"), rows)


def _require_same(what: str, told: set[str], there: set[str]) -> None:
    if told != there:
        missing, idle = sorted(there - told), sorted(told - there)
        raise ValueError(f"{WORDS.name}, {what}: no words for {missing}, words for nothing {idle}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
