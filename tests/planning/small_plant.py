"""A small plant with two assembly lines, products, orders and stock, accepted as their owners would send them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import psycopg

from mes.actions import material
from mes.actions import order as orders
from mes.actions import product as products
from mes.actions.record import Deed
from mes.domain.material.documents import ExpectedReceipt, StockLine, StockStatement
from mes.domain.order_document import ProductionOrder
from mes.domain.plan import DayLine, Lot, PlanBody, PlannedOrder
from mes.domain.plant import Line, Location, Machine, Name, Plant, ReplanLimits, Setup, Shift, Site, Station
from mes.domain.product import BomLine, Item, Operation, Release

NOW = datetime(2026, 1, 5, 0, 0, tzinfo=UTC)
"""Monday 08:00 in Shanghai."""
ERP = Deed("key:erp", NOW, "ERP1")
PLANNER = Deed("person:anna", NOW)

Planning = Literal["manual", "assisted", "automatic"]


def at(hour: float, day: int = 0) -> datetime:
    """An instant by its local hour, `day` days after Monday."""
    return NOW + timedelta(days=day, hours=hour - 8)


def line(code: str, planning: Planning = "assisted", **settings) -> Line:
    return Line(
        code=code,
        name=Name(code, code),
        shifts=("D",),
        counts_at=f"{code}-S2",
        location=f"{code}-side",
        groups=("assembly",),
        planning=planning,
        replan=ReplanLimits(moved_max=1.0, newly_late_max=0),
        **settings,
    )


def plant_of(*lines: Line) -> Plant:
    """Two stations on each line, one shift 08:00 to 20:00 with an hour's break."""
    return Plant(
        site=Site("SZ1", Name("一号工厂", "Plant 1"), "Asia/Shanghai"),
        shift=(Shift("D", "08:00", "20:00", breaks=(("12:00", "13:00"),)),),
        line=lines,
        location=(Location("WH1", "store"), *(Location(f"{one.code}-side", "line") for one in lines)),
        machine=tuple(Machine(f"{one.code}-M{n}", one.code, n) for one in lines for n in (1, 2)),
        station=tuple(
            Station(f"{one.code}-S{n}", one.code, machine=f"{one.code}-M{n}") for one in lines for n in (1, 2)
        ),
        setup=(Setup(to="F2", minutes=30, from_="F1"), Setup(to="F1", minutes=20, from_="F2")),
    )


@dataclass
class Site1:
    """The plant as the tests drive it."""

    conn: psycopg.Connection
    plant: Plant

    def item(self, code: str, kind: Literal["product", "component"] = "product", family: str = "") -> None:
        products.accept_item(self.conn, ERP, Item(Name(code, code), "pcs", kind, code=code, family=family))

    def release(self, item: str, revision: str = "A", *, component: str | None = None, seconds: int = 60) -> None:
        release = Release(
            routing=(
                Operation(10, line_group="assembly", seconds_per_piece=Decimal(seconds - 10)),
                Operation(20, line_group="assembly", seconds_per_piece=Decimal(seconds)),
            ),
            bom=() if component is None else (BomLine(1, component, Decimal(1), "pcs", operation_seq=20),),
            item=item,
            revision=revision,
        )
        products.accept_release(self.conn, ERP, release, self.plant)

    def order(self, number: str, item: str, quantity: int, due_at: datetime, **more) -> str:
        order = ProductionOrder(
            item=item, quantity=Decimal(quantity), unit="pcs", due_at=due_at, system="ERP1", number=number, **more
        )
        orders.accept(self.conn, ERP, order, self.plant)
        return f"ERP1/{number}"

    def stock(self, item: str, on_hand: int, as_of: datetime = NOW) -> None:
        statement = StockStatement(
            as_of=as_of, lines=(StockLine(item=item, on_hand=Decimal(on_hand), unit="pcs"),), location="WH1"
        )
        material.state_stock(self.conn, replace(ERP, at=as_of), statement, self.plant)

    def receipt(self, number: str, item: str, quantity: int, expected_at: datetime) -> None:
        receipt = ExpectedReceipt(
            item=item, quantity=Decimal(quantity), unit="pcs", expected_at=expected_at, system="ERP1", number=number,
            line_no=1,
        )  # fmt: skip
        material.accept_receipt(self.conn, ERP, receipt)

    def products(self) -> None:
        """Two products of two families, the first with a component."""
        self.item("CMP", "component")
        self.item("P1", family="F1")
        self.item("P2", family="F2")
        self.release("P1", component="CMP")
        self.release("P2")


def lot(no: int, order: str, line: str, start: datetime, end: datetime, quantity: int = 60, **more) -> Lot:  # noqa: PLR0917
    return Lot(no, order, 20, line, quantity, 0, start, end, start, start.date(), "D", **more)


def body(*lots: Lot, now: datetime = NOW, late: dict[str, int] | None = None, made: int = 0) -> PlanBody:
    """A plan of these lots, each within a shift, and its lines."""
    ends = {one.order: max(x.end_at for x in lots if x.order == one.order) for one in lots}
    return PlanBody(
        now_at=now,
        horizon_end_at=at(8, 14),
        objective={"total": 0},
        lots=lots,
        lines=tuple(
            DayLine(x.order, 20, x.line, x.shift_day, x.shift, n, x.quantity, x.start_at, x.end_at, made)
            for n, x in enumerate(lots, 1)
        ),
        orders=tuple(PlannedOrder(order, 1, end, (late or {}).get(order, 0)) for order, end in ends.items()),
    )
