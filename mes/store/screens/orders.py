"""`/orders`: how far each order is, when it will be done, whether its parts are there, and what the ERP was told."""

from __future__ import annotations

from dataclasses import dataclass

from mes.domain.plant import Name
from mes.store.screens.plant import SiteImage


@dataclass(frozen=True, slots=True)
class StepImage:
    """An operation (or stage of operations) of an order: pieces wanted of it, made, and waiting behind it."""

    seq: int
    name: Name
    lines: tuple[str, ...]
    good: int
    reject: int
    wip: int


@dataclass(frozen=True, slots=True)
class UseImage:
    """A component: what the pieces made so far should have used and did use, what the rest needs and has cover."""

    item: str
    name: Name
    unit: str
    per_piece: str
    used: str
    standard: str
    still_needed: str
    covered: str


@dataclass(frozen=True, slots=True)
class MessageImage:
    """An event about the order, as told to other systems."""

    type: str
    at: int


@dataclass(frozen=True, slots=True)
class OrderImage:
    """One production order. `forecast` is the told ETA, else the plan's end; `kit_rate` the share of parts covered."""

    number: str
    system: str
    item: str
    name: Name
    revision: str
    unit: str
    quantity: int
    good: int
    reject: int
    scrap: int
    wip: int
    status: str
    priority: int
    due: int
    late_minutes: int
    steps: tuple[StepImage, ...]
    uses: tuple[UseImage, ...]
    messages: tuple[MessageImage, ...]
    forecast: int | None = None
    kit_rate: float | None = None
    lines: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    customer: str | None = None


@dataclass(frozen=True, slots=True)
class OrdersImage:
    """Everything `/orders` shows."""

    site: SiteImage
    orders: dict[str, OrderImage]
