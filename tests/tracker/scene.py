"""A small plant in a real database, and hands to make things happen in it.

Two machines in a row (L1-M1, L1-M2) on line L1, whose output counts at the second; L2 is by hand: one station, scans.
Shifts 08:00 to 16:00 UTC with a break at noon. Instants are given as seconds after Monday 08:00.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from psycopg import Connection

from mes.actions.floor import enter
from mes.actions.material import accept_receipt, state_stock
from mes.actions.order import accept as accept_order
from mes.actions.product import accept_item, accept_release
from mes.actions.record import Deed
from mes.domain.floor import EntryDocument
from mes.domain.material.documents import ExpectedReceipt, StockLine, StockStatement
from mes.domain.order_document import ProductionOrder
from mes.domain.plant import Name, Plant
from mes.domain.product import BomLine, Item, Operation, Release
from mes.domain.signal import Value
from mes.formats.plant_file import document_of, read_plant
from mes.store.plant import insert_version, number_tags
from mes.store.sample import Rows, micros, row, store_batch
from mes.store.touched import touch
from mes.tracker.tracker import Tracker

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
PLANT = """
[site]
code = "T"
name = { zh = "试验", en = "Trial" }
time_zone = "UTC"

[[shift]]
code = "D"
starts_at = "08:00"
ends_at = "16:00"
breaks = [["12:00", "12:30"]]

[[location]]
code = "L1-side"
kind = "line"

[[location]]
code = "WH"
kind = "store"

[[line]]
code = "L1"
name = { zh = "一线", en = "One" }
shifts = ["D"]
counts_at = "S2"
location = "L1-side"
micro_stop_s = 60

[[line]]
code = "L2"
name = { zh = "二线", en = "Two" }
shifts = ["D"]
counts_at = "H1"

[[machine]]
code = "M1"
line = "L1"
position = 1
seconds_per_piece = 10

[[machine]]
code = "M2"
line = "L1"
position = 2
seconds_per_piece = 10

[[station]]
code = "S1"
line = "L1"
machine = "M1"
position = 1
operations = [10]

[[station]]
code = "S2"
line = "L1"
machine = "M2"
position = 2
operations = [20]

[[station]]
code = "H1"
line = "L2"
counts_by = "scan"
idle_after_s = 300

[[reason]]
code = "R1"
name = { zh = "卡料", en = "Jam" }
kind = "stop"
loss = "breakdown"
stop_codes = ["E7"]

[[reason]]
code = "R2"
name = { zh = "停电", en = "Power cut" }
kind = "stop"

[[source]]
code = "plc"
kind = "opcua"
url = "opc.tcp://127.0.0.1:4840"
"""
SIGNALS = {"state": "", "stop_code": "", "order": "", "good_total": "modulus = 1000", "reject_total": ""}
STATES = 'states = { "run" = "running", "idle" = "idle", "flt" = "fault", "wait" = "starved", "full" = "blocked" }'


def plant_text() -> str:
    """The plant file of the scene."""
    tags = ""
    for machine in ("M1", "M2"):
        for signal, more in SIGNALS.items():
            tags += f'''
[[tag]]
machine = "{machine}"
signal = "{signal}"
source = "plc"
node = "s={machine}.{signal}"
{STATES if signal == "state" else more}
'''
    return PLANT + tags


def at(seconds: float) -> datetime:
    """An instant so many seconds after Monday 08:00."""
    return START + timedelta(seconds=seconds)


@dataclass(slots=True)
class Scene:
    """The plant, its database and its tracker."""

    conn: Connection[Any]
    plant: Plant = field(default_factory=lambda: read_plant(plant_text()))
    tags: dict[str, int] = field(default_factory=dict)
    tracker: Tracker = field(default_factory=lambda: Tracker(ahead_s_min=0))

    def __post_init__(self) -> None:
        insert_version(
            self.conn, in_force_from=at(-3600), applied_at=at(-3600), applied_by="test", sha256="x",
            document=document_of(self.plant),
        )  # fmt: skip
        self.tags = number_tags(self.conn, [tag.address for tag in self.plant.tag])
        self.product()

    def plant_with(self, old: str, new: str) -> Plant:
        """The plant as it would be with something else in its file."""
        return read_plant(plant_text().replace(old, new))

    def apply(self, plant: Plant, *, from_seconds: float) -> None:
        """Put another plant version in force from an instant."""
        insert_version(
            self.conn, in_force_from=at(from_seconds), applied_at=at(200), applied_by="test", sha256="y",
            document=document_of(plant),
        )  # fmt: skip
        touch(self.conn, "plant", ["version"], "applied", from_at=at(from_seconds))

    def deed(self, seconds: float) -> Deed:
        """Somebody acts."""
        return Deed(by="person:test", at=at(seconds), system="erp")

    def hear(self, samples: Iterable[tuple[float, str, Value]]) -> None:
        """Store samples (seconds, address, value) as one batch."""
        rows = Rows()
        for seconds, address, value in samples:
            us = micros(at(seconds))
            rows.signals.append(row(self.tags[address], us, value, 0, None, us, None, us))
        store_batch(self.conn, rows)

    def say(self, seconds: float, kind: str, *, now: float | None = None, **more: Any) -> int:
        """An entry that takes effect at an instant; its id."""
        entry = EntryDocument(kind=kind, effective_at=at(seconds), **more)  # type: ignore[arg-type]
        return enter(self.conn, self.deed(seconds if now is None else now), entry, self.plant, client_id=uuid4()).id

    def track(self, seconds: float) -> None:
        """Let the tracker do everything there is to do at an instant."""
        self.tracker.work(self.conn, at(seconds))

    def rows(self, query: str, *args: Any) -> list[tuple[Any, ...]]:
        """What a query answers."""
        return self.conn.execute(query, args).fetchall()  # type: ignore[arg-type]

    # Products, orders, jobs

    def product(self) -> None:
        """P is made of two C at operation 10 and one B (scrap 0) at operation 20, on L1."""
        for code, kind in (("P", "product"), ("C", "component"), ("B", "component")):
            item = Item(name=Name(zh=code, en=code), unit="pcs", kind=kind, code=code)  # type: ignore[arg-type]
            accept_item(self.conn, self.deed(0), item)
        release = Release(
            item="P", revision="A",
            bom=(
                BomLine(10, "C", Decimal(2), "pcs", operation_seq=10),
                BomLine(20, "B", Decimal(1), "pcs", operation_seq=20),
            ),
            routing=(
                Operation(10, lines=("L1",), seconds_per_piece=Decimal(10)),
                Operation(20, lines=("L1",), seconds_per_piece=Decimal(8)),
            ),
        )  # fmt: skip
        accept_release(self.conn, self.deed(0), release, self.plant)

    def order(self, number: str, quantity: int, *, due: float = 86_400) -> int:
        """A released order of P; its id."""
        order = ProductionOrder(
            item="P", quantity=Decimal(quantity), unit="pcs", due_at=at(due), system="erp", number=number, revision="A"
        )
        accept_order(self.conn, self.deed(0), order, self.plant)
        (found,) = self.rows("select id from production_order where number = %s", number)
        return int(found[0])

    def job(self, order_id: int, quantity: int, *, start: float = 0, end: float = 7200, line: str = "L1") -> int:
        """A published plan of one lot, and its job; the job's id."""
        known = self.rows("select id from plan where state = 'published'")
        plan_id = known[0][0] if known else self.rows(
            """
            insert into plan (state, known_at, now_at, horizon_end_at, objective, shortages, unplanned, log,
                              created_at)
            values ('published', %s, %s, %s, '{}', '[]', '[]', '{}', %s) returning id
            """, at(0), at(0), at(864_000), at(0),
        )[0][0]  # fmt: skip
        lot_no = self.rows("select count(*) from plan_lot where plan_id = %s", plan_id)[0][0]
        self.conn.execute(
            """
            insert into plan_lot (plan_id, lot_no, order_id, operation_seq, line, quantity, setup_minutes, start_at,
                                  end_at, wanted_at, shift_day, shift)
            values (%s, %s, %s, 20, %s, %s, 0, %s, %s, %s, '2026-01-05', 'D')
            """,
            (plan_id, lot_no, order_id, line, quantity, at(start), at(end), at(start)),
        )
        self.conn.execute(
            """
            insert into plan_order (plan_id, order_id, order_version, completed_at, late_minutes, unplanned_quantity)
            values (%s, %s, 1, %s, 0, 0) on conflict do nothing
            """,
            (plan_id, order_id, at(end)),
        )
        (found,) = self.rows(
            """
            insert into job (order_id, operation_seq, line, shift_day, shift, sequence, quantity, planned_start_at,
                             planned_end_at, plan_id, created_at)
            values (%s, 20, %s, '2026-01-05', 'D', %s, %s, %s, %s, %s, %s) returning id
            """, order_id, line, lot_no + 1, quantity, at(start), at(end), plan_id, at(0),
        )  # fmt: skip
        return int(found[0])

    def stock(self, location: str, seconds: float, lines: Sequence[tuple[str, int]]) -> None:
        """What the ERP says lies somewhere."""
        said = tuple(StockLine(item=item, on_hand=Decimal(quantity), unit="pcs") for item, quantity in lines)
        statement = StockStatement(location=location, as_of=at(seconds), lines=said)
        state_stock(self.conn, self.deed(seconds), statement, self.plant)

    def receipt(self, number: str, item: str, quantity: int, expected: float, *, now: float = 0) -> None:
        """What a supplier has announced."""
        receipt = ExpectedReceipt(
            system="erp", number=number, line_no=1, item=item, quantity=Decimal(quantity), unit="pcs",
            expected_at=at(expected),
        )  # fmt: skip
        accept_receipt(self.conn, self.deed(now), receipt)
