"""A strip is read from the few spans of its hours, and says the same as a look at every instant would."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mes.domain.calendar import Calendar
from mes.formats.plant_file import plant_from
from mes.store.pool import Connection
from mes.store.screens.strip import PLANNED, CausedStop, Stretch, as_caused, load_caused, load_strips, pieces

NOW = datetime(2026, 3, 4, 20, 0, tzinfo=UTC)
NAME = {"zh": "", "en": ""}
PLANT = plant_from(
    {
        "site": {"code": "S", "name": NAME, "time_zone": "UTC"},
        "shift": [{"code": "D", "starts_at": "06:00", "ends_at": "19:00"}],
        "line": [{"code": "L1", "name": NAME, "shifts": ["D"], "counts_at": "S1"}],
        "machine": [{"code": code, "line": "L1", "position": no} for no, code in enumerate(["M1", "M2", "M3"], 1)],
        "station": [{"code": "S1", "line": "L1", "machine": "M1"}],
    }
)


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def key(at: datetime) -> str:
    return str(int(at.timestamp()))


def put_spans(conn: Connection, machine: str, spans: Sequence[Stretch]) -> None:
    conn.cursor().executemany(
        """
        insert into state_span (machine, from_at, to_at, state, cause, stop_code, job_id, order_id, phase, shift)
        values (%s, %s, %s, %s, '', '', 0, 0, '', '')
        """,
        [(machine, *span) for span in spans],
    )


def put_stop(conn: Connection, from_at: datetime, to_at: datetime | None, state: str, root_state: str) -> None:
    conn.execute(
        """
        insert into stop (scope, from_at, to_at, line, machine, root_machine, root_state, state, cause, stop_code,
                          reason, reason_by, micro, job_id, shift)
        values ('L1', %s, %s, 'L1', '', 'M1', %s, %s, '', '', '', '', false, 0, '')
        """,
        [from_at, to_at, root_state, state],
    )


def test_what_began_long_ago_and_lasts_is_shown_from_its_beginning(conn: Connection) -> None:
    """The one span that is open as the hours begin is found however old; what ended before it is not shown."""
    put_spans(conn, "M1", [(ago(90), ago(40), "fault"), (ago(40), ago(2), "running"), (ago(2), None, "idle")])
    put_spans(conn, "M2", [(ago(40), None, "offline")])
    strips = load_strips(conn, Calendar(PLANT), NOW, dict.fromkeys(["M1", "M2", "M3"], "L1"))
    assert strips.of("M1") == {key(ago(40)): "running", key(ago(2)): "idle", key(ago(1)): PLANNED}
    assert strips.of("M2") == {key(ago(40)): "offline"}
    assert strips.of("M3") == {}


def test_what_begins_later_is_not_shown_yet(conn: Connection) -> None:
    """A strip of a past instant ends there, whatever was booked since."""
    put_spans(conn, "M1", [(ago(12), ago(4), "running"), (ago(4), ago(3), "fault"), (ago(3), None, "running")])
    strips = load_strips(conn, Calendar(PLANT), ago(3.5), {"M1": "L1"})
    assert strips.now("M1") == ("fault", ago(4))


def test_a_standstill_older_than_the_strip_is_still_told_as_what_it_came_from(conn: Connection) -> None:
    """The stop that lasts as the hours begin counts, one that ended before does not."""
    put_stop(conn, ago(30), ago(20), "starved", "fault")
    assert load_caused(conn, ["L1"], NOW) == {}
    put_stop(conn, ago(20), ago(5), "starved", "fault")
    put_stop(conn, ago(4), ago(3), "starved", "starved")
    put_stop(conn, ago(2), None, "blocked", "setup")
    found = load_caused(conn, ["L1"], NOW)["L1"]
    assert found == [CausedStop("L1", ago(20), ago(5), "fault"), CausedStop("L1", ago(2), None, "setup")]


def test_each_standstill_is_told_as_its_own_cause() -> None:
    """Standstills that meet within a second keep their causes apart; running and planned times stay as they are."""
    half = ago(4) + timedelta(seconds=0.5)
    strip = {key(ago(5)): "starved", key(half): "blocked", key(ago(3)): "running", key(ago(2)): "idle"}
    stops = [CausedStop("L1", ago(5), half, "fault"), CausedStop("L1", half, None, "setup")]
    assert list(as_caused(strip, stops).values()) == ["fault", "setup", "running", "setup"]
    assert as_caused(strip, stops[:1])[key(half)] == "blocked"


LENGTH = st.integers(min_value=1, max_value=40)
STATES = st.sampled_from(["running", "slow", "idle", "fault", "offline"])
WORDS = st.lists(st.tuples(st.integers(min_value=0, max_value=5), LENGTH, STATES), max_size=8)


@given(WORDS, st.lists(st.tuples(LENGTH, LENGTH), max_size=4), st.booleans())
def test_a_strip_says_of_every_minute_what_was(
    words: list[tuple[int, int, str]], working: list[tuple[int, int]], lasts: bool
) -> None:
    """Minute by minute: the state, planned where the post does not run and the calendar is closed, empty in holes."""
    start, end = NOW, NOW + timedelta(minutes=90)
    spans: list[Stretch] = []
    at = start - timedelta(minutes=5)
    for hole, length, state in words:
        begun = at + timedelta(minutes=hole)
        at = begun + timedelta(minutes=length)
        spans.append((begun, at, state))
    if spans and lasts:
        spans[-1] = (spans[-1][0], None, spans[-1][2])
    opened, at = [], start
    for pause, length in working:
        begun = at + timedelta(minutes=pause)
        at = begun + timedelta(minutes=length)
        opened.append((begun, at))
    shown = [span for span in spans if span[0] <= end and (span[1] is None or span[1] > start)]
    told = pieces(shown, opened, start, end)
    assert [a for a, _ in told] == sorted({a for a, _ in told})
    for minute in range(90):
        moment = start + timedelta(minutes=minute)
        said = next((status for since, status in reversed(told) if since <= moment), "")
        assert said == _was(spans, opened, moment)


def _was(spans: Sequence[Stretch], opened: Sequence[tuple[datetime, datetime]], at: datetime) -> str:
    state = next((s for begun, ended, s in spans if begun <= at and (ended is None or at < ended)), "")
    stands = state not in ("", "running", "slow", "offline") and not any(a <= at < b for a, b in opened)
    return PLANNED if stands else state
