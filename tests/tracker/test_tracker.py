"""The tracker process: woken by the bell, one at a time, and one bad line does not stop the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mes.clock import Clock, wall
from mes.store.house import save_clock
from mes.tracker.tracker import Tracker, run
from tests.tracker.scene import START, Scene, at

HANG_S = 30.0


@contextmanager
def tracking(url: str) -> Iterator[None]:
    """A tracker running in a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(url, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(HANG_S)
        assert not thread.is_alive()


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    until = time.monotonic() + HANG_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def begin(scene: Scene) -> None:
    """Plant time is 08:05 and stands almost still; everything so far is there for others to see."""
    save_clock(scene.conn, Clock(plant_at=at(300), wall_at=wall(), speed=0.001))
    scene.conn.commit()


def test_what_is_stored_is_booked_by_whoever_is_on_duty(scene: Scene, database_url: str) -> None:
    """Two trackers, one books; when it leaves the other goes on; both end when told to."""
    begin(scene)
    booked = lambda: scene.rows("select coalesce(sum(good), 0)::int from shift_count")[0][0]  # noqa: E731
    with tracking(database_url):
        with tracking(database_url):
            scene.hear([(1, "M1/good_total", 0), (30, "M1/good_total", 4)])
            scene.conn.commit()
            eventually(lambda: booked() == 4)
        scene.hear([(60, "M1/good_total", 9)])
        scene.conn.commit()
        eventually(lambda: booked() == 9)
        scene.conn.commit()
    assert scene.rows("select count(*) from touched") == [(0,)]


def test_a_line_that_cannot_be_booked_stays_touched_and_the_others_go_on(scene: Scene) -> None:
    """A checkpoint that is no checkpoint fails L1 with its reason; L2 is booked; mended, L1 is booked too."""
    scene.hear([(1, "M1/good_total", 0)])
    scene.track(2)
    scene.conn.execute("update checkpoint set state = '7' where station = 'M1'")
    scene.tracker = Tracker(ahead_s_min=0)
    scene.hear([(70, "M1/good_total", 3)])
    scene.say(75, "count", station="H1")
    scene.track(80)
    assert scene.rows("select station, sum(good)::int from minute_count group by station") == [("H1", 1)]
    ((kind, keys, why, tries),) = scene.rows("select kind, keys, why, tries from touched")
    assert (kind, keys, tries) == ("line", ["L1"], 1)
    assert "TypeError" in why
    scene.conn.execute("delete from checkpoint where station = 'M1'")
    scene.conn.execute("update touched set retry_at = null")
    scene.track(90)
    assert scene.rows("select sum(good)::int from minute_count where station = 'S1'") == [(3,)]


def test_shifts_and_breaks_end_without_anybody_saying_so(scene: Scene) -> None:
    """At the end of the shift the ledger of every post and line is whole, silence included."""
    scene.hear([(0, "M1/state", "run"), (0, "M2/state", "run")])
    scene.track(10)
    scene.track(8 * 3600 + 5)
    rows = scene.rows(
        """
        select machine, calendar_us / 1000000, planned_stop_us / 1000000, apt_us / 1000000, adet_us / 1000000,
               no_data_us / 1000000
        from time_ledger where shift = 'D' order by machine
        """
    )
    assert rows == [
        ("H1", 28800, 1800, 0, 27000, 0), ("L1", 28800, 0, 28800, 0, 0), ("L2", 28800, 1800, 0, 27000, 0),
        ("M1", 28800, 0, 28800, 0, 0), ("M2", 28800, 0, 28800, 0, 0),
    ]  # fmt: skip


def test_people_who_stop_scanning_fall_idle(scene: Scene) -> None:
    """A station by hand runs for idle_after_s after its last scan, then idles, though nobody said so."""
    job = scene.job(scene.order("MO-1", 10), 10, line="L2")
    scene.say(10, "mark", mark="start", station="H1", job_id=job)
    scene.say(40, "count", station="H1")
    scene.track(60)
    scene.track(400)
    assert scene.rows(
        "select extract(epoch from from_at - %s)::int, state from state_span where machine = 'H1' order by from_at",
        START,
    ) == [(-3600, "idle"), (0, "idle"), (10, "running"), (340, "idle")]
