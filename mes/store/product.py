"""Items, their units, and releases with BOM and routing. Quantities in these rows are in the item's base unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

from mes.domain.exchange import plain
from mes.domain.plant import Name
from mes.domain.product import BomLine, Document, External, Item, ItemUnit, Operation, Release, Units
from mes.store.pool import Connection


@dataclass(frozen=True, slots=True)
class KeptItem:
    """An item as it is kept; `system` is whose it is, `version` counts its changes."""

    item: Item
    system: str
    version: int


@dataclass(frozen=True, slots=True)
class KeptRelease:
    """A release as it is kept; `sha256` is of its content (BOM, routing, documents)."""

    release: Release
    system: str
    sha256: str


# ------------------------------------------------------------------ items
def load_item(conn: Connection, code: str) -> KeptItem | None:
    """One item."""
    with conn.cursor(row_factory=dict_row) as cur:
        row = cur.execute(
            """
            select code, system, name, unit, kind, family, lot_tracked, ext, version from item where code = %(code)s
            """,
            {"code": code},
        ).fetchone()
    return None if row is None else _kept_items(conn, [row])[0]


def list_items(conn: Connection, *, after: str | None, limit: int) -> list[KeptItem]:
    """Items in order of code."""
    with conn.cursor(row_factory=dict_row) as cur:
        rows = cur.execute(
            """
            select code, system, name, unit, kind, family, lot_tracked, ext, version from item
            where %(after)s::text is null or code > %(after)s order by code limit %(limit)s
            """,
            {"after": after, "limit": limit},
        ).fetchall()
    return _kept_items(conn, rows)


def _kept_items(conn: Connection, rows: Sequence[DictRow]) -> list[KeptItem]:
    tables = load_units(conn, [row["code"] for row in rows])
    return [
        KeptItem(
            Item(
                code=row["code"],
                name=Name(**row["name"]),
                unit=row["unit"],
                kind=row["kind"],
                family=row["family"],
                lot_tracked=row["lot_tracked"],
                units=tuple(ItemUnit(u, per) for u, per in sorted(tables[row["code"]].per_base.items())),
                ext=row["ext"],
            ),
            system=row["system"],
            version=row["version"],
        )
        for row in rows
    ]


def save_item(conn: Connection, item: Item, *, system: str, at: datetime) -> int:
    """Store an item as it now is, its units with it; its version."""
    row = conn.execute(
        """
        insert into item as i (code, system, name, unit, kind, family, lot_tracked, ext, changed_at)
        values (%(code)s, %(system)s, %(name)s, %(unit)s, %(kind)s, %(family)s, %(lot_tracked)s, %(ext)s, %(at)s)
        on conflict (code) do update
        set system = excluded.system, name = excluded.name, unit = excluded.unit, kind = excluded.kind,
            family = excluded.family, lot_tracked = excluded.lot_tracked, ext = excluded.ext,
            version = i.version + 1, changed_at = excluded.changed_at
        returning version
        """,
        {
            "code": item.code,
            "system": system,
            "name": Jsonb(asdict(item.name)),
            "unit": item.unit,
            "kind": item.kind,
            "family": item.family,
            "lot_tracked": item.lot_tracked,
            "ext": Jsonb(item.ext),
            "at": at,
        },
    ).fetchone()
    assert row is not None
    conn.execute("delete from unit_conversion where item = %(item)s", {"item": item.code})
    with conn.cursor() as cur:
        cur.executemany(
            "insert into unit_conversion (item, unit, per_base) values (%(item)s, %(unit)s, %(per_base)s)",
            [{"item": item.code, "unit": other.unit, "per_base": other.per_base} for other in item.units],
        )
    return int(row[0])


def is_used(conn: Connection, code: str) -> bool:
    """Whether quantities of an item are kept anywhere, so that its base unit means something."""
    row = conn.execute(
        """
        select exists (select from release where item = %(code)s)
            or exists (select from bom_line where component = %(code)s)
            or exists (select from production_order where item = %(code)s)
            or exists (select from order_component where component = %(code)s)
            or exists (select from stock_statement where item = %(code)s)
            or exists (select from expected_receipt where item = %(code)s)
            or exists (select from stock_movement where item = %(code)s)
        """,
        {"code": code},
    ).fetchone()
    return row is not None and bool(row[0])


def load_units(conn: Connection, codes: Iterable[str]) -> dict[str, Units]:
    """The units of each of these items that there is."""
    return {
        code: Units(base, dict(zip(units or (), per_base or (), strict=True)))
        for code, base, units, per_base in conn.execute(
            """
            select i.code, i.unit, array_agg(c.unit order by c.unit) filter (where c.unit is not null),
                   array_agg(c.per_base order by c.unit) filter (where c.unit is not null)
            from item i left join unit_conversion c on c.item = i.code
            where i.code = any(%(codes)s) group by i.code
            """,
            {"codes": sorted(set(codes))},
        )
    }


# ------------------------------------------------------------------ releases
def load_release(conn: Connection, item: str, revision: str) -> KeptRelease | None:
    """One revision of an item with its BOM and routing."""
    key = {"item": item, "revision": revision}
    with conn.cursor(row_factory=dict_row) as cur:
        row = cur.execute(
            """
            select item, revision, system, status, effective_from, effective_until, documents, ext, sha256
            from release where item = %(item)s and revision = %(revision)s
            """,
            key,
        ).fetchone()
        if row is None:
            return None
        bom = cur.execute(
            """
            select line_no, component, quantity_per, unit, scrap_fraction, operation_seq, substitutes
            from bom_line where item = %(item)s and revision = %(revision)s order by line_no
            """,
            key,
        ).fetchall()
        routing = cur.execute(
            """
            select seq, code, name, lines, seconds_per_piece, seconds_by_line, yield_rate, lot_min, lot_max,
                   transfer_minutes, uninterrupted, resources, external
            from operation where item = %(item)s and revision = %(revision)s order by seq
            """,
            key,
        ).fetchall()
    release = Release(
        item=row["item"],
        revision=row["revision"],
        status=row["status"],
        effective_from=row["effective_from"],
        effective_until=row["effective_until"],
        bom=tuple(bom_line_of(line) for line in bom),
        routing=tuple(operation_of(step) for step in routing),
        documents=tuple(Document(**document) for document in row["documents"]),
        ext=row["ext"],
    )
    return KeptRelease(release, row["system"], row["sha256"])


def list_releases(conn: Connection, item: str) -> list[tuple[str, str]]:
    """The revisions of an item with their status, newest first."""
    return conn.execute(
        "select revision, status from release where item = %(item)s order by accepted_at desc, revision desc",
        {"item": item},
    ).fetchall()


def effective_revision(conn: Connection, item: str, at: datetime) -> str | None:
    """The released revision that counts at an instant: the one that became effective last; None where there is none."""
    row = conn.execute(
        """
        select revision from release
        where item = %(item)s and status = 'released'
          and coalesce(effective_from, '-infinity') <= %(at)s and coalesce(effective_until, 'infinity') > %(at)s
        order by coalesce(effective_from, '-infinity') desc, accepted_at desc, revision desc limit 1
        """,
        {"item": item, "at": at},
    ).fetchone()
    return None if row is None else str(row[0])


def insert_release(conn: Connection, release: Release, *, system: str, sha256: str, at: datetime) -> None:
    """Store a revision that was not there."""
    key = {"item": release.item, "revision": release.revision}
    conn.execute(
        """
        insert into release (item, revision, system, status, effective_from, effective_until, documents, ext, sha256,
                             accepted_at)
        values (%(item)s, %(revision)s, %(system)s, %(status)s, %(effective_from)s, %(effective_until)s,
                %(documents)s, %(ext)s, %(sha256)s, %(at)s)
        """,
        key
        | {
            "system": system,
            "status": release.status,
            "effective_from": release.effective_from,
            "effective_until": release.effective_until,
            "documents": Jsonb([asdict(document) for document in release.documents]),
            "ext": Jsonb(release.ext),
            "sha256": sha256,
            "at": at,
        },
    )
    with conn.cursor() as cur:
        cur.executemany(
            """
            insert into bom_line (item, revision, line_no, component, quantity_per, unit, scrap_fraction, operation_seq,
                                  substitutes)
            values (%(item)s, %(revision)s, %(line_no)s, %(component)s, %(quantity_per)s, %(unit)s, %(scrap_fraction)s,
                    %(operation_seq)s, %(substitutes)s)
            """,
            [key | bom_row(line) for line in release.bom],
        )
        cur.executemany(
            """
            insert into operation (item, revision, seq, code, name, lines, seconds_per_piece, seconds_by_line,
                                   yield_rate, lot_min, lot_max, transfer_minutes, uninterrupted, resources, external)
            values (%(item)s, %(revision)s, %(seq)s, %(code)s, %(name)s, %(lines)s, %(seconds_per_piece)s,
                    %(seconds_by_line)s, %(yield_rate)s, %(lot_min)s, %(lot_max)s, %(transfer_minutes)s,
                    %(uninterrupted)s, %(resources)s, %(external)s)
            """,
            [key | operation_row(step) for step in release.routing],
        )


def set_release_life(conn: Connection, release: Release) -> None:
    """Change what of a revision may change: its status, its dates, and what others keep with it."""
    conn.execute(
        """
        update release
        set status = %(status)s, effective_from = %(effective_from)s, effective_until = %(effective_until)s,
            ext = %(ext)s
        where item = %(item)s and revision = %(revision)s
        """,
        {
            "status": release.status,
            "effective_from": release.effective_from,
            "effective_until": release.effective_until,
            "ext": Jsonb(release.ext),
            "item": release.item,
            "revision": release.revision,
        },
    )


# ------------------------------------------------------------------ lines of both, and of orders
def bom_row(line: BomLine) -> dict[str, Any]:
    """A component line as the columns of bom_line and order_component."""
    return {
        "line_no": line.line_no,
        "component": line.item,
        "quantity_per": line.quantity_per,
        "unit": line.unit,
        "scrap_fraction": line.scrap_fraction,
        "operation_seq": line.operation_seq,
        "substitutes": list(line.substitutes),
    }


def bom_line_of(row: DictRow) -> BomLine:
    """A component line from the columns of bom_line or order_component."""
    return BomLine(
        line_no=row["line_no"],
        item=row["component"],
        quantity_per=row["quantity_per"],
        unit=row["unit"],
        scrap_fraction=row["scrap_fraction"],
        operation_seq=row["operation_seq"],
        substitutes=tuple(row["substitutes"]),
    )


def operation_row(step: Operation) -> dict[str, Any]:
    """An operation as the columns of operation and order_operation."""
    return {
        "seq": step.seq,
        "code": step.code,
        "name": None if step.name is None else Jsonb(asdict(step.name)),
        "lines": list(step.lines),
        "seconds_per_piece": step.seconds_per_piece,
        "seconds_by_line": Jsonb(plain(step.seconds_by_line)),
        "yield_rate": step.yield_rate,
        "lot_min": step.lot_min,
        "lot_max": step.lot_max,
        "transfer_minutes": step.transfer_minutes,
        "uninterrupted": step.uninterrupted,
        "resources": list(step.resources),
        "external": None if step.external is None else Jsonb(asdict(step.external)),
    }


def operation_of(row: DictRow) -> Operation:
    """An operation from the columns of operation or order_operation."""
    return Operation(
        seq=row["seq"],
        code=row["code"],
        name=None if row["name"] is None else Name(**row["name"]),
        lines=tuple(row["lines"]),
        seconds_per_piece=row["seconds_per_piece"],
        seconds_by_line={line: Decimal(pace) for line, pace in row["seconds_by_line"].items()},
        yield_rate=row["yield_rate"],
        lot_min=row["lot_min"],
        lot_max=row["lot_max"],
        transfer_minutes=row["transfer_minutes"],
        uninterrupted=row["uninterrupted"],
        resources=tuple(row["resources"]),
        external=None if row["external"] is None else External(**row["external"]),
    )
