"""`mes bench query`: what a screen asks, on a database with 90 days of 50 machines behind it.

    run(settings, days=90)         a scratch database is filled and dropped; the server is left as it was

First a tenth of the history is there and everything is asked, then all of it and everything is asked again: a screen's
answer must not grow with the past. The history has the shape booking gives it (samples as change detection leaves them,
minutes, spans, stops, shift counts, ledger), made by SQL because nobody wants to wait for 90 days to be booked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from mes.bench.ingest import scratch_database
from mes.bench.result import Result, of_times
from mes.clock import mono
from mes.domain.calendar import Calendar
from mes.domain.kpi import ratios
from mes.domain.plant import Plant
from mes.formats.plant_file import document_of, plant_from
from mes.settings import Settings
from mes.store.kpis import load_shifts, stop_pareto
from mes.store.plant import insert_version, number_tags
from mes.store.screens.plant import post_of
from mes.store.screens.strip import load_strips
from mes.store.screens.wall import show_wall

LINES, MACHINES_A_LINE = 10, 5
NOW = datetime(2026, 4, 6, 14, 0, tzinfo=UTC)
ASKED = 30
HISTORY = Path(__file__).with_name("history.sql")
Question = Callable[[], object]


def run(settings: Settings, *, days: int = 90, seed: int = 1) -> Result:
    """Measure. `days` of history; the growth ratio compares them with a tenth of them."""
    began = mono()
    result = Result("query", 0.0, seed)
    with scratch_database(settings.database_url) as url, psycopg.connect(url, options="-c timezone=UTC") as conn:
        made = plant()
        furnish(conn, made)
        some = max(days // 10, 1)
        fill(conn, NOW - timedelta(days=some), NOW)
        few = _ask(conn, made, some)
        fill(conn, NOW - timedelta(days=days), NOW - timedelta(days=some))
        many = _ask(conn, made, some)
        result.notes.append(f"{days} days, {LINES * MACHINES_A_LINE} machines: {_rows(conn)}")
    # The fastest of each: what other work on the machine adds to single answers is no growth.
    growth = {name: min(times_s) / min(few[name]) for name, times_s in many.items() if name != PARETO}
    result.ratios["growth_ratio_10x"] = max(growth.values())
    result.notes.append("growth: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in growth.items()))
    for name, times_s in many.items():
        if name != LATELY:
            result.measures[name] = of_times(times_s)
    result.seconds = mono() - began
    return result


def plant() -> Plant:
    """Ten lines of five machines, two shifts, three signals a machine."""
    name = {"zh": "", "en": ""}
    lines = [f"L{n:02d}" for n in range(LINES)]
    machines = [(line, place) for line in lines for place in range(1, MACHINES_A_LINE + 1)]
    states = {"run": "running", "flt": "fault"}
    signals: dict[str, dict[str, Any]] = {"state": {"states": states}, "good_total": {}, "reject_total": {}}
    return plant_from(
        {
            "site": {"code": "B", "name": name, "time_zone": "UTC"},
            "shift": [
                {"code": "D", "starts_at": "06:00", "ends_at": "18:00", "breaks": [("12:00", "12:30")]},
                {"code": "N", "starts_at": "18:00", "ends_at": "06:00"},
            ],
            "line": [{"code": line, "name": name, "shifts": ["D", "N"], "counts_at": f"{line}-S5"} for line in lines],
            "machine": [
                {"code": f"{line}-M{place}", "line": line, "position": place, "seconds_per_piece": 30.0}
                for line, place in machines
            ],
            "station": [
                {"code": f"{line}-S{place}", "line": line, "position": place, "machine": f"{line}-M{place}"}
                for line, place in machines
            ],
            "reason": [{"code": f"R{n}", "name": name, "kind": "stop"} for n in range(20)],
            "source": [{"code": "plc", "kind": "opcua", "url": "opc.tcp://127.0.0.1:4840"}],
            "tag": [
                {"machine": f"{line}-M{place}", "signal": signal, "source": "plc", "node": f"s={line}{place}{signal}"}
                | more
                for line, place in machines
                for signal, more in signals.items()
            ],
        }
    )


def furnish(conn: psycopg.Connection[Any], plant: Plant) -> None:
    """Put the plant into an empty database, in force long before `NOW`, and the tables `fill` works by."""
    at = NOW - timedelta(days=400)
    insert_version(
        conn, in_force_from=at, applied_at=at, applied_by="bench", sha256="bench", document=document_of(plant)
    )
    number_tags(conn, [tag.address for tag in plant.tag])
    conn.execute("create temp table stretch as select %s::timestamptz as from_at, %s::timestamptz as to_at", (NOW, NOW))
    conn.execute("create temp table post (machine text, station text, line text, place int)")
    conn.cursor().executemany(
        "insert into post values (%s, %s, %s, %s)",
        [(m.code, m.code.replace("-M", "-S"), m.line, m.position) for m in plant.machine],
    )
    conn.commit()


PARETO, LATELY = "plant_30d_pareto_ms", "plant_lately_pareto_ms"
TABLES = ("signal_sample", "minute_count", "state_span", "stop", "time_ledger", "shift_count")


def fill(conn: psycopg.Connection[Any], from_at: datetime, to_at: datetime) -> None:
    """A stretch of history, a day at a time, as `history.sql` makes it."""
    history = HISTORY.read_bytes()
    at = from_at
    while at < to_at:
        until = min(at + timedelta(days=1), to_at)
        conn.execute("update stretch set from_at = %s, to_at = %s", (at, until))
        conn.execute(history)
        conn.commit()
        at = until
    conn.autocommit = True
    for table in TABLES:
        conn.execute(sql.SQL("vacuum analyze {}").format(sql.Identifier(table)))
    conn.autocommit = False


def _ask(conn: psycopg.Connection[Any], plant: Plant, lately: int) -> dict[str, list[float]]:
    """Every question some times over, warm; the stops of the last `lately` days, so that growth compares like."""
    calendar = Calendar(plant)
    posts = {post_of(plant, station.code): station.line for station in plant.stations.values()}
    lines = [line.code for line in plant.line]
    questions: dict[str, Question] = {
        "wall_ms": lambda: show_wall(conn, calendar, NOW),
        "line_shift_oee_ms": lambda: [
            ratios(row.elements)["oee"] for row in load_shifts(conn, ["L00"], NOW.date(), NOW.date())
        ],
        PARETO: lambda: stop_pareto(conn, lines, NOW - timedelta(days=30), NOW),
        LATELY: lambda: stop_pareto(conn, lines, NOW - timedelta(days=lately), NOW),
        "timeline_8h_ms": lambda: load_strips(conn, calendar, NOW, posts),
    }
    found: dict[str, list[float]] = {}
    for name, question in questions.items():
        question()
        found[name] = [_timed(question) for _ in range(ASKED)]
        conn.rollback()
    return found


def _timed(question: Question) -> float:
    began = mono()
    question()
    return mono() - began


def _rows(conn: psycopg.Connection[Any]) -> str:
    query = sql.SQL("select count(*) from {}")
    counts = [(table, conn.execute(query.format(sql.Identifier(table))).fetchone()) for table in TABLES]
    return ", ".join(f"{table} {count[0]:,}" for table, count in counts if count)
