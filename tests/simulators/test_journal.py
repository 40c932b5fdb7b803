"""What a truth log adds up to."""

from __future__ import annotations

from pathlib import Path

from simulators import journal
from simulators.changes import Code, Count, State
from simulators.instants import HOUR_MS, from_iso

AT = from_iso("2026-01-05T00:00:00Z")  # 08:00 in the plant


def log(path: Path) -> Path:
    """A log of one station over a day and a night shift."""
    writer = journal.Journal(path)
    writer.write([{"kind": "begin", "at": "2026-01-05T00:00:00.000Z", "seed": 1, "zone": "Asia/Shanghai"}])
    writer.tell([State(AT, "M1", "stopped"), State(AT + 1000, "M1", "running")])
    writer.tell([Count(AT + 2000, "M1", 1, 0, "A"), Count(AT + HOUR_MS, "M1", 2, 1, "B", {"good_total": 3})])
    writer.tell([Count(AT + 12 * HOUR_MS, "M1", 5, 0, "B"), Code(AT + 12 * HOUR_MS, "M1", "E1")])
    writer.tell([State(AT + 13 * HOUR_MS, "M1", "fault")])
    writer.close(AT + 14 * HOUR_MS)
    return path


def test_states_and_counts_add_up(tmp_path: Path) -> None:
    """Spans are half-open up to the log's end; counts fall into hours, shifts and orders by their instant."""
    summary = journal.Summary.of(journal.read([log(tmp_path / "log")]))
    assert summary.spans("M1") == [
        (AT, AT + 1000, "stopped"),
        (AT + 1000, AT + 13 * HOUR_MS, "running"),
        (AT + 13 * HOUR_MS, AT + 14 * HOUR_MS, "fault"),
    ]
    assert summary.as_json()["stations"]["M1"] == {
        "good": 8,
        "reject": 1,
        "by_hour": {
            "2026-01-05T00:00:00.000Z": [1, 0],
            "2026-01-05T01:00:00.000Z": [2, 1],
            "2026-01-05T12:00:00.000Z": [5, 0],
        },
        "by_shift": {"2026-01-05 08:00": [3, 1], "2026-01-05 20:00": [5, 0]},
        "by_order": {"A": [1, 0], "B": [7, 1]},
        "states": [
            ["2026-01-05T00:00:00.000Z", "2026-01-05T00:00:01.000Z", "stopped"],
            ["2026-01-05T00:00:01.000Z", "2026-01-05T13:00:00.000Z", "running"],
            ["2026-01-05T13:00:00.000Z", "2026-01-05T14:00:00.000Z", "fault"],
        ],
    }


def test_a_summary_may_end_earlier(tmp_path: Path) -> None:
    """Only what happened before an instant counts, and the last state is cut there."""
    summary = journal.Summary.of(journal.read([log(tmp_path / "log")]), until=AT + HOUR_MS)
    assert summary.stations["M1"].good.total() == 1
    assert summary.spans("M1")[-1] == (AT + 1000, AT + HOUR_MS, "running")


def test_a_line_cut_short_is_left_out(tmp_path: Path) -> None:
    """A log whose writer was killed in the middle of a line can be read up to it."""
    path = log(tmp_path / "log")
    whole = path.read_text()
    path.write_text(whole[: whole.index('"fault"') - 20])
    assert journal.Summary.of(journal.read([path])).stations["M1"].good.total() == 8


def test_a_summary_for_people(tmp_path: Path) -> None:
    """Minutes per state and pieces per shift, one line each."""
    text = list(journal.as_text(journal.Summary.of(journal.read([log(tmp_path / "log")]))))
    assert text[1] == "M1: good 8, reject 1; running 780.0 min, fault 60.0 min, stopped 0.0 min"
    assert text[2] == "    from 2026-01-05 08:00: good 3, reject 1"


def test_a_tally_knows_whole_minutes() -> None:
    """Good and reject of each machine in the minutes that were over; a machine that made nothing is there too."""
    tally = journal.Tally(["M1", "M2"])
    tally.add([State(AT, "M1", "running"), Count(AT + 59_999, "M1", 2, 1, "A"), Count(AT + 60_000, "M1", 4, 0, "A")])
    tally.add([Count(AT + 61_000, "M1", 1, 0, "A")])
    assert tally.totals(AT + 59_000) == {"M1": [0, 0], "M2": [0, 0]}
    assert tally.totals(AT + 60_000) == tally.totals(AT + 119_999) == {"M1": [2, 1], "M2": [0, 0]}
    assert tally.totals(AT + 120_000) == {"M1": [7, 1], "M2": [0, 0]}
