"""`mes plant`: the plant model, from its file and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from mes.domain.plant import Plant

group = typer.Typer(no_args_is_help=True, help="The plant model: check its file, put it in force, show it.")
PlantFile = Annotated[Path, typer.Argument(help="plant.toml", exists=True, dir_okay=False, readable=True)]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(group, name="plant")


@group.command()
def check(file: PlantFile) -> None:
    """Say whether a plant file may be applied. Every error with its line; exit 2 when it may not."""
    print(f"{file} is in order: {_counts(_read(file))}")


@group.command()
def apply(
    file: PlantFile,
    since: Annotated[
        str | None,
        typer.Option("--from", help="In force from this instant (ISO 8601, with offset), else from now."),
    ] = None,
) -> None:
    """Put a plant file in force, whole or not at all. The same file again changes nothing."""
    from mes.actions import plant as actions
    from mes.actions.record import Deed
    from mes.host.here import settings_here
    from mes.store.house import load_clock
    from mes.store.pool import connect

    plant = _read(file)
    from_at = None if since is None else _instant(since)
    with connect(settings_here().database_url, name="takt plant apply") as conn, conn.transaction():
        deed = Deed("cli", load_clock(conn).now())
        applied = actions.apply(conn, deed, plant, in_force_from=from_at)
    if applied.changed:
        print(f"Version {applied.version} is in force from {applied.in_force_from.isoformat()}: {_counts(plant)}")
    else:
        print(f"Nothing changed: version {applied.version} says the same already")


@group.command()
def show() -> None:
    """Print the plant model in force as a plant file."""
    from mes.actions.plant import plant_at
    from mes.formats.plant_file import write_plant
    from mes.host.here import settings_here
    from mes.store.house import load_clock
    from mes.store.pool import connect

    with connect(settings_here().database_url, name="takt plant show") as conn:
        plant = plant_at(conn, load_clock(conn).now())
    sys.stdout.write(write_plant(plant))


def _read(file: Path) -> Plant:
    from mes.errors import InputError
    from mes.formats.plant_file import read_plant

    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{file} is not UTF-8", remedy="Save it as UTF-8.") from None
    return read_plant(text)


def _instant(text: str) -> datetime:
    from datetime import datetime

    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise typer.BadParameter("must look like 2026-01-05T08:00:00+08:00", param_hint="--from")
    return at


def _counts(plant: Plant) -> str:
    parts = (("lines", plant.line), ("machines", plant.machine), ("stations", plant.station), ("tags", plant.tag))
    return ", ".join(f"{len(things)} {name}" for name, things in parts)
