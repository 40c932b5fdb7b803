"""The `mes` command, put together from the files of this folder, one per first word.

A file of this folder has `add_to(app)`, which adds its commands; the commands import their room when they are called,
so that `mes --help` stays quick. An error a user can meet is one sentence with its remedy on stderr and exit 1; wrong
usage or an invalid input file is exit 2.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Any

import typer
import typer.core

import mes.cli
from mes.errors import InputError, MesError

ORDER = (
    "demo", "up", "doctor", "plant", "import", "source", "plan", "replay", "user", "key", "audit", "db",
    "serve", "collect", "track", "work", "bench",
)  # fmt: skip
"""How `mes --help` lists the commands: what a newcomer needs first."""


class _InOrder(typer.core.TyperGroup):
    """Lists the commands in `ORDER`; one that is not named there comes last."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


app = typer.Typer(
    name="mes",
    cls=_InOrder,
    help="Takt hears, books, decides and tells: from a count at a machine to a plan that is right again.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def assemble() -> None:
    """Put the commands of every file of this folder together."""
    for module in sorted(pkgutil.iter_modules(mes.cli.__path__), key=lambda found: found.name):
        name = f"{mes.cli.__name__}.{module.name}"
        if name != __name__:
            importlib.import_module(name).add_to(app)


def run() -> None:
    """Run the command line; never returns. KeyboardInterrupt is the caller's."""
    try:
        assemble()
        app()
    except MesError as error:
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError) else 1)
    except Exception as error:
        sentence = _of_database(error)
        if sentence is None:
            raise
        print(sentence, file=sys.stderr)
        sys.exit(1)


def _of_database(error: Exception) -> str | None:
    """The sentence for what the database refused; None for what is a fault of ours."""
    driver = sys.modules.get("psycopg")
    if driver is None or not isinstance(error, driver.Error):
        return None
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, driver.errors.UndefinedTable | driver.errors.UndefinedColumn):
        return f"The database has another schema than this Takt knows ({reason}). Run `mes db upgrade`."
    if isinstance(error, driver.OperationalError):
        return f"The database went away ({reason}). Run this again when `mes db status` says that it is back."
    return None
