"""The `mes` command: one file per first word, put together here.

A file of this folder has `add_to(app)`, which adds its commands; the commands import their room when they are called,
so that `mes --help` stays quick. An error a user can meet is one sentence with its remedy on stderr and exit 1; wrong
usage or an invalid input file is exit 2.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer

from mes.errors import InputError, MesError

app = typer.Typer(
    name="mes",
    help="Takt hears, books, decides and tells.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _assemble() -> None:
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name):
        importlib.import_module(f"{__name__}.{module.name}").add_to(app)


def main() -> None:
    """Run the command line; never returns."""
    _assemble()
    try:
        app()
    except MesError as error:
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
