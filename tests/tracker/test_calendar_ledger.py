"""However odd the calendar, every shift's elements are its calendar time, booked bit by bit or replayed as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mes.actions.floor import enter
from mes.actions.record import Deed
from mes.domain.calendar import Calendar, micros, teams_on
from mes.domain.floor import EntryDocument
from mes.domain.kpi import total
from mes.domain.plant import WEEKDAYS, CalendarException, Plant, Shift, Team
from mes.formats.plant_file import document_of, read_plant
from mes.store.kpis import by_team, load_shifts
from mes.store.plant import insert_version, number_tags
from mes.store.sample import Rows, row, store_batch
from mes.store.touched import touch
from mes.tracker.replay import replay, verify
from mes.tracker.tracker import Tracker
from tests.tracker.scene import plant_text

CHANGES = {
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
    "Asia/Shanghai": (date(2026, 6, 1),),
}
"""Zones, and days on which their clocks change (Lord Howe by half an hour)."""
MINUTE, HOURS = timedelta(minutes=1), 56
POSTS = {"M1": "M1", "M2": "M2", "L1": "M2", "H1": "H1", "L2": "H1"}
"""Every scope of the ledger with the post whose time it is."""
WORDS = ("run", "idle", "flt", "wait", "full")

clock_times = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")


@st.composite
def calendars(draw: st.DrawFn, zone: str, first: date) -> Plant:
    """The plant of the scene with other shifts (one may cross midnight), breaks, exceptions and rotating teams."""
    plant = read_plant(plant_text())
    spans = [draw(st.tuples(clock_times, clock_times)) for _ in range(draw(st.integers(1, 3)))]
    shifts = tuple(
        Shift(
            code,
            start,
            end,
            days=WEEKDAYS,
            breaks=tuple(draw(st.lists(st.sampled_from(_breaks(start, end)), max_size=2))),
        )
        for code, (start, end) in zip("DNX", spans, strict=False)
    )
    codes = tuple(shift.code for shift in shifts)
    exceptions = draw(st.lists(exception(first, codes), max_size=4))
    teams = (
        Team("A", ("L1", "L2"), first - timedelta(9), (*codes, "-")),
        Team("B", ("L1", "L2"), first - timedelta(9), (*codes[1:], "-", codes[0])),
    )
    return replace(
        plant,
        site=replace(plant.site, time_zone=zone),
        shift=shifts,
        line=tuple(replace(line, shifts=codes) for line in plant.line),
        calendar_exception=tuple(exceptions),
        team=teams,
    )


def _breaks(start: str, end: str) -> list[tuple[str, str]]:
    """A short break after each of the first hours of a shift."""
    begins = datetime.combine(date(2026, 1, 1), time.fromisoformat(start))
    marks = [begins + timedelta(hours=hour) for hour in (0, 1, 3)]
    return [(mark.strftime("%H:%M"), (mark + 25 * MINUTE).strftime("%H:%M")) for mark in marks]


@st.composite
def exception(draw: st.DrawFn, first: date, codes: tuple[str, ...]) -> CalendarException:
    """A day, or some hours of it, that differ."""
    kind = draw(st.sampled_from(("holiday", "workday", "overtime", "stop")))
    times = draw(st.one_of(st.just(("", "")), st.tuples(clock_times, clock_times)))
    return CalendarException(
        first + timedelta(draw(st.integers(-1, 3))),
        kind,  # type: ignore[arg-type]
        lines=draw(st.sampled_from(((), ("L1",), ("L2",)))),
        shifts=draw(st.sampled_from(((), codes[:1]))),
        starts_at=times[0],
        ends_at=times[1],
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[timedelta, Plant]], datetime, list[tuple[float, str, Any]]]:
    """Plant versions by when they come into force, when it all begins, and what is heard, as (hour, what, value)."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    day = draw(st.sampled_from(CHANGES[zone]))
    begin = datetime.combine(day - timedelta(1), time(draw(st.integers(0, 23))), tzinfo=UTC)
    versions = [(timedelta(0), draw(calendars(zone, day)))]
    if draw(st.booleans()):
        versions.append((timedelta(minutes=draw(st.integers(1, HOURS * 60))), draw(calendars(zone, day))))
    hours = st.integers(1, HOURS * 3600).map(lambda second: second / 3600)
    what = st.one_of(
        st.tuples(hours, st.sampled_from(("M1/state", "M2/state")), st.sampled_from(WORDS)),
        st.tuples(hours, st.just("M2/good_total"), st.integers(0, 900)),
        st.tuples(hours, st.just("scan"), st.none()),
    )
    return versions, begin, draw(st.lists(what, max_size=14))


class House:
    """A plant in a database at any time of the year."""

    def __init__(self, conn: psycopg.Connection[Any], begin: datetime, plant: Plant) -> None:
        self.conn, self.begin, self.plant = conn, begin, plant
        self.tracker = Tracker(ahead_s_min=0)
        self.reigns: list[tuple[datetime, Calendar]] = []
        self.apply(timedelta(0), plant)
        self.tags = number_tags(conn, [tag.address for tag in plant.tag])

    def apply(self, after: timedelta, plant: Plant) -> None:
        """Put a plant in force."""
        at = self.begin + after
        self.reigns.append((at, Calendar(plant)))
        insert_version(
            self.conn,
            in_force_from=at,
            applied_at=at,
            applied_by="test",
            sha256=str(after),
            document=document_of(plant),
        )
        touch(self.conn, "plant", ["version"], "applied", from_at=at)

    def hear(self, hour: float, what: str, value: Any) -> None:
        """Hear a device, or somebody who scans."""
        at = self.begin + timedelta(seconds=round(hour * 3600))
        if what == "scan":
            entry = EntryDocument(kind="count", station="H1", effective_at=at)
            enter(self.conn, Deed(by="person:test", at=at, system="erp"), entry, self.plant, client_id=uuid4())
            return
        rows = Rows()
        rows.signals.append(row(self.tags[what], micros(at), value, 0, None, micros(at), None, micros(at)))
        store_batch(self.conn, rows)

    def track(self, hour: float) -> None:
        """Book up to an hour."""
        self.tracker.work(self.conn, self.begin + timedelta(hours=hour))

    def ledger(self) -> list[tuple[Any, ...]]:
        """All of the ledger."""
        return self.conn.execute("select * from time_ledger order by machine, shift_day, shift").fetchall()

    def minutes(self, scope: str) -> dict[tuple[date, str], tuple[int, int]]:
        """Of each shift as far as it is booked: its minutes and those in which a scope's line works."""
        through = self.conn.execute("select through_at from frontier where station = %s", (POSTS[scope],)).fetchone()
        line = "L1" if scope in {"M1", "M2", "L1"} else "L2"
        found: dict[tuple[date, str], tuple[int, int]] = {}
        at, end = self.begin, through[0] if through else self.begin
        while at + MINUTE <= end:
            calendar = next(calendar for since, calendar in reversed(self.reigns) if since <= at)
            shift = calendar.at(line, at)
            if shift:
                all_of, open_of = found.get((shift.shift_day, shift.shift), (0, 0))
                is_open = any(start <= at < stop for start, stop in shift.open)
                found[shift.shift_day, shift.shift] = (all_of + 1, open_of + is_open)
            at += MINUTE
        return found


def assert_whole(house: House, silent: Iterable[str]) -> None:
    """Each scope's shifts are in the ledger, each as long as the calendar says, and teams share them out whole."""
    days = (house.begin.date() - timedelta(3), house.begin.date() + timedelta(6))
    for scope in POSTS:
        rows = {(one.shift_day, one.shift): one for one in load_shifts(house.conn, [scope], *days) if one.shift}
        expected = house.minutes(scope)
        booked = {key: one.elements.calendar_us // 60_000_000 for key, one in rows.items()}
        assert booked == {key: whole for key, (whole, _) in expected.items()}, scope
        for key, one in rows.items():
            e = one.elements
            assert e.calendar_us == (e.planned_stop_us + e.apt_us + e.aust_us + e.adet_us + e.adot_us + e.no_data_us)
            if scope in silent:
                assert e.no_data_us == e.pbt_us == expected[key][1] * 60_000_000
        teams = {(scope, *key): teams_on(house.plant, "L1", *key) for key in rows}
        shares = {key: len(teams[scope, *key]) for key in rows}
        shared = sum((total([one.elements] * shares[key]).calendar_us for key, one in rows.items()), 0)
        assert total(by_team(rows.values(), teams).values()).calendar_us == shared


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories(), data=st.data())
def test_every_shift_is_its_calendar_time_whatever_the_calendar(
    conn: psycopg.Connection[Any],
    history: tuple[list[tuple[timedelta, Plant]], datetime, list[tuple[float, str, Any]]],
    data: st.DataObject,
) -> None:
    """Clock changes, nights, breaks, exceptions, teams and a changed calendar together: nothing lost, nothing twice."""
    versions, begin, heard = history
    with conn.transaction(force_rollback=True):
        house = House(conn, begin, versions[0][1])
        silent = {"M1", "M2"} - {what.partition("/")[0] for _, what, _ in heard}
        pending = data.draw(st.permutations(heard))
        for hour in (0.5, 20, 37.25, HOURS):
            for one in [one for one in pending if one[0] <= hour]:
                house.hear(*one)
            pending = [one for one in pending if one[0] > hour]
            for after, plant in [one for one in versions[1:] if one[0] <= timedelta(hours=hour)]:
                house.apply(after, plant)
                versions = versions[:1]
            house.track(hour)
        house.track(HOURS + 0.5)
        house.track(HOURS + 1)
        assert_whole(house, silent)
        assert list(verify(conn, begin, begin + timedelta(hours=HOURS + 2))) == []
        before = house.ledger()
        (reached,) = conn.execute("select min(through_at) from frontier").fetchone() or (begin,)
        replay(conn, begin, reached)
        house.track(HOURS + 1)
        assert house.ledger() == before
