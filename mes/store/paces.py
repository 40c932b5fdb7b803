"""How fast machines run: lately, for what a tile says, and shift by shift, to learn from. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from mes.domain.material.consumption import Recipe, piece_us
from mes.domain.plant import Plant
from mes.domain.tracking.learned import LearnedPace, Observation, learned_pace
from mes.domain.tracking.status import Rate
from mes.store.pool import Connection
from mes.store.recipes import load_recipes

LATELY = timedelta(minutes=10)


def load_rates(conn: Connection, plant: Plant, at: datetime, stations: Sequence[str]) -> dict[str, Rate]:
    """How fast the machines at stations ran in the last whole ten minutes that are booked, by station.

    Beyond what is booked a machine would run without its pieces, and look slow.
    """
    rows = conn.execute(
        """
        select w.station, j.order_id, j.operation_seq, coalesce(c.pieces, 0)::int8,
               coalesce(r.us, 0)::int8
        from unnest(%(stations)s::text[], %(posts)s::text[]) as w (station, post)
        cross join lateral (
            select until, until - %(lately)s as since from (
                select date_trunc('minute', least(%(at)s, coalesce(
                    (select through_at from frontier where station = w.post), %(at)s))) as until) u
        ) t
        left join lateral (
            select order_id, operation_seq from job_span
            where station = w.station and from_at <= t.until order by from_at desc limit 1
        ) j on true
        left join lateral (
            select sum(good + reject) as pieces from minute_count
            where station = w.station and minute >= t.since and minute < t.until
        ) c on true
        left join lateral (
            select sum(micros(least(coalesce(to_at, t.until), t.until)) - micros(greatest(from_at, t.since))) as us
            from state_span
            where machine = w.post and state = 'running' and from_at < t.until
              and coalesce(to_at, 'infinity') > t.since
              and from_at >= coalesce((select max(from_at) from state_span
                                       where machine = w.post and from_at <= t.since), '-infinity')
        ) r on true
        """,
        {
            "stations": list(stations),
            "posts": [plant.stations[code].machine or code for code in stations],
            "lately": LATELY,
            "at": at,
        },
    ).fetchall()
    recipes = load_recipes(conn, {row[1] for row in rows if row[1]})
    return {
        station: Rate(pieces, us, _piece_us(plant, station, order_id or 0, seq or 0, recipes))
        for station, order_id, seq, pieces, us in rows
    }


def _piece_us(plant: Plant, station: str, order_id: int, seq: int, recipes: Mapping[int, Recipe]) -> int | None:
    at = plant.stations[station]
    return piece_us(plant, at.line, seq, recipes.get(order_id), machine=at.machine)


class Learned(NamedTuple):
    """A proposed pace of an item's operation on a line, beside the rated one in seconds."""

    item: str
    operation_seq: int
    line: str
    rated_s: float | None
    pace: LearnedPace


def load_learned(conn: Connection, plant: Plant, since: date) -> list[Learned]:
    """Paces that turned out otherwise than written down, from shifts since a day."""
    posts = {(s := plant.stations[line.counts_at]).machine or s.code: line.code for line in plant.line}
    rows = conn.execute(
        """
        with made as (
            select order_id, operation_seq, line, shift_day, shift, sum(good + reject) as pieces
            from shift_count
            where leaves and order_id <> 0 and shift_day >= %(since)s and phase in ('production', 'first_article')
            group by 1, 2, 3, 4, 5
        ), ran as (
            select order_id, machine, shift_day, shift, sum(micros(to_at) - micros(from_at)) as us
            from state_span
            where state = 'running' and to_at is not null and order_id <> 0 and shift_day >= %(since)s
              and phase in ('production', 'first_article') and machine = any(%(posts)s)
            group by 1, 2, 3, 4
        )
        select o.item, m.operation_seq, m.line, m.order_id, m.pieces::int8, r.us::int8
        from made m
        join unnest(%(posts)s::text[], %(lines)s::text[]) as p (post, line) using (line)
        join ran r on (r.order_id, r.machine, r.shift_day, r.shift) = (m.order_id, p.post, m.shift_day, m.shift)
        join production_order o on o.id = m.order_id
        order by o.item, m.operation_seq, m.line, m.shift_day, m.shift
        """,
        {"since": since, "posts": list(posts), "lines": list(posts.values())},
    ).fetchall()
    recipes = load_recipes(conn, {row[3] for row in rows})
    seen: dict[tuple[str, int, str], list[Observation]] = defaultdict(list)
    rated: dict[tuple[str, int, str], float | None] = {}
    for item, seq, line, order_id, pieces, us in rows:
        seen[item, seq, line].append(Observation(pieces, us))
        rated_us = piece_us(plant, line, seq, recipes.get(order_id))
        rated[item, seq, line] = None if rated_us is None else rated_us / 1e6
    found = []
    for key, observations in seen.items():
        pace = learned_pace(observations, rated[key])
        if pace:
            found.append(Learned(*key, rated[key], pace))
    return found
