"""Lots into day rows: what each line makes in each shift, in order, pieces rounded so that the sums stay exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from scheduler.axis import Days, instant, minute_down, minute_up
from scheduler.plan import DayRow, PlanLot
from scheduler.problem import Line, Problem

Span = tuple[int, int]


def daily(problem: Problem, lots: Iterable[PlanLot]) -> tuple[DayRow, ...]:
    """The day rows of a plan's lots, by line, day, shift and sequence; outside work has none."""
    by_line: dict[str, list[PlanLot]] = {}
    for lot in sorted(lots, key=lambda lot: lot.start_at):
        if lot.line is not None:
            by_line.setdefault(lot.line, []).append(lot)
    return tuple(row for line in problem.lines for row in _rows(problem.now, line, by_line.get(line.code, [])))


def _rows(now: datetime, line: Line, lots: Sequence[PlanLot]) -> Iterator[DayRow]:
    days = Days(now, line)
    pieces = [part for lot in lots for part in _parts(now, line, days, lot) if part.qty]
    for _, shift_rows in groupby(pieces, key=lambda row: (row.day, row.shift)):
        merged = _merged(shift_rows)
        yield from (_numbered(row, number) for number, row in enumerate(merged, 1))


def _parts(now: datetime, line: Line, days: Days, lot: PlanLot) -> Iterator[DayRow]:
    """A lot cut at shift and day borders: running sums are rounded down, so that the last part takes the rest."""
    spans = list(_cut(_open_spans(now, line, lot), days))
    total, done, minutes = sum(end - start for start, end in spans), 0, 0
    for (shift, day), group in groupby(spans, key=lambda span: days.at(span[0])):
        inside = list(group)
        minutes += sum(end - start for start, end in inside)
        made = lot.qty * minutes // max(1, total)
        begins, ends = instant(now, inside[0][0]), instant(now, inside[-1][1])
        yield DayRow(lot.line or "", day, shift, 0, lot.order, lot.stage, made - done, begins, ends)
        done = made


def _open_spans(now: datetime, line: Line, lot: PlanLot) -> Iterator[Span]:
    first, last = minute_up(now, lot.start_at), minute_down(now, lot.end_at)
    for start, end in line.open:
        low, high = max(first, minute_up(now, start)), min(last, minute_down(now, end))
        if low < high:
            yield low, high


def _cut(spans: Iterable[Span], days: Days) -> Iterator[Span]:
    for start, end in spans:
        at = start
        while at < end:
            border = min(end, days.next_border(at))
            yield at, border
            at = border


def _merged(rows: Iterable[DayRow]) -> list[DayRow]:
    """Rows of one shift, neighbours of the same order and stage as one."""
    found: list[DayRow] = []
    for row in rows:
        last = found[-1] if found else None
        if last is not None and (last.order, last.stage) == (row.order, row.stage):
            found[-1] = _joined(last, row)
        else:
            found.append(row)
    return found


def _joined(a: DayRow, b: DayRow) -> DayRow:
    return DayRow(a.line, a.day, a.shift, a.sequence, a.order, a.stage, a.qty + b.qty, a.start_at, b.end_at)


def _numbered(row: DayRow, number: int) -> DayRow:
    return DayRow(row.line, row.day, row.shift, number, row.order, row.stage, row.qty, row.start_at, row.end_at)
