"""`mes import`: the file door. Spreadsheets and JSON become documents, as if their system had sent them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mes.actions.product import Accepted
    from mes.actions.record import Deed
    from mes.domain.plant import Plant
    from mes.formats.documents import Document, Kind, Read
    from mes.store.pool import Connection

group = typer.Typer(no_args_is_help=True, help="Take in documents from CSV, XLSX or JSON files.")
FILE_MB_MAX = 50
DocumentFile = Annotated[
    Path, typer.Argument(help="A .csv, .xlsx or .json file.", exists=True, dir_okay=False, readable=True)
]
System = Annotated[str, typer.Option(help="Whose documents these are.")]
Partial = Annotated[bool, typer.Option("--partial", help="Take in the good ones even when others are wrong.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(group, name="import")


@group.command()
def orders(file: DocumentFile, system: System = "file", partial: Partial = False) -> None:
    """Production orders. Columns: number, item, quantity, unit, due_at, revision, priority, status ..."""
    _import("orders", file, system, partial=partial)


@group.command()
def items(file: DocumentFile, system: System = "", partial: Partial = False) -> None:
    """Items. Columns: code, name_zh, name_en, unit, kind, family, units (box=12;pallet=480) ..."""
    _import("items", file, system, partial=partial)


@group.command()
def releases(file: DocumentFile, system: System = "", partial: Partial = False) -> None:
    """Releases. Columns: item, revision, and a component with quantity_per or an operation with seq."""
    _import("releases", file, system, partial=partial)


@group.command()
def stock(file: DocumentFile, system: System = "", partial: Partial = False) -> None:
    """Stock. Columns: location, as_of, item, on_hand, unit, reserved, lot."""
    _import("stock", file, system, partial=partial)


@group.command()
def receipts(file: DocumentFile, system: System = "file", partial: Partial = False) -> None:
    """Expected receipts. Columns: number, line_no, item, quantity, unit, expected_at."""
    _import("receipts", file, system, partial=partial)


def _import(kind: Kind, file: Path, system: str, *, partial: bool) -> None:
    from mes.actions.plant import plant_at
    from mes.actions.record import Deed
    from mes.host.here import settings_here
    from mes.store.house import load_clock
    from mes.store.pool import connect

    data = _bytes(file)
    with connect(settings_here().database_url, name="takt import") as conn, conn.transaction():
        deed = Deed("cli", load_clock(conn).now(), system)
        plant = plant_at(conn, deed.at)
        taken, refused = _take_all(conn, deed, plant, _read(kind, file, data, plant))
        _report(file, taken, refused, stored=partial or not refused)
        if refused and not partial:
            raise typer.Exit(2)
    if refused:
        raise typer.Exit(1)


def _bytes(file: Path) -> bytes:
    from mes.errors import InputError

    if file.stat().st_size > FILE_MB_MAX * 1_000_000:
        raise InputError(f"{file} is larger than {FILE_MB_MAX} MB", remedy="Split it.")
    return file.read_bytes()


def _read(kind: Kind, file: Path, data: bytes, plant: Plant) -> list[Read]:
    from zoneinfo import ZoneInfo

    from mes.formats.documents import read_documents

    return read_documents(kind, file.name, data, ZoneInfo(plant.site.time_zone))


def _take_all(
    conn: Connection, deed: Deed, plant: Plant, found: list[Read]
) -> tuple[list[Accepted], list[tuple[Read, str]]]:
    """Take in what is good, each in a savepoint of its own; what was refused, and why."""
    from mes.errors import MesError

    taken: list[Accepted] = []
    refused: list[tuple[Read, str]] = []
    for read in found:
        if read.document is None:
            refused.append((read, "; ".join(fault.detail for fault in read.faults)))
            continue
        try:
            with conn.transaction():
                taken.append(_take(conn, deed, plant, read.document))
        except MesError as error:
            refused.append((read, "; ".join(str(fault) for fault in error.faults) or error.detail))
    return taken, refused


def _take(conn: Connection, deed: Deed, plant: Plant, document: Document) -> Accepted:
    from mes.actions import material, order, product
    from mes.domain.material.documents import ExpectedReceipt, StockStatement
    from mes.domain.order_document import ProductionOrder
    from mes.domain.product import Item

    if isinstance(document, ProductionOrder):
        return order.accept(conn, deed, replace(document, system=document.system or deed.system), plant)
    if isinstance(document, ExpectedReceipt):
        return material.accept_receipt(conn, deed, replace(document, system=document.system or deed.system))
    if isinstance(document, StockStatement):
        return material.state_stock(conn, deed, document, plant)
    if isinstance(document, Item):
        return product.accept_item(conn, deed, document)
    return product.accept_release(conn, deed, document, plant)


def _report(file: Path, taken: list[Accepted], refused: list[tuple[Read, str]], *, stored: bool) -> None:
    for read, why in refused:
        print(f"{file}, row {', '.join(map(str, read.rows))}: {why}")
    new, changed = sum(done.created for done in taken), sum(done.changed and not done.created for done in taken)
    known = len(taken) - new - changed
    if stored:
        print(f"{new} new, {changed} changed, {known} known already, {len(refused)} refused")
    else:
        print(
            f"Nothing is stored: {len(refused)} refused, {len(taken)} would be taken in. Mend them, or use --partial."
        )
