"""A collector for half an hour, and through an outage of the database: nothing is lost, memory stays flat.

`make soak` prints what it found; how long it lasts is set in `tests/collectors/soak.py`. The short form, within every
test run, is `test_steadily_and_through_an_outage_in_short`; outages of other kinds are in `test_writer.py`.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mes.clock import mono
from mes.host import timescale
from mes.settings import load_settings
from mes.store import migrate
from tests.collectors.broker import KEEPING, Broker
from tests.collectors.conftest import Plant, Proxy, eventually
from tests.collectors.soak import (
    AROUND_S,
    DRAIN_TIMES_MIN,
    LIVE_AGAIN_S_MAX,
    WITHIN_S,
    Figure,
    Figures,
    Length,
    Site,
    memory,
    printed,
    sent_by,
)

LENGTH = Length.told()
HANG_S = 3 * (LENGTH.steady_s + LENGTH.away_s) + 1800


@pytest.fixture(scope="session")
def kept(request: pytest.FixtureRequest) -> Iterator[list[Figure]]:
    """Printed when all is over, whatever became of the tests."""
    kept: list[Figure] = []
    yield kept
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("", *printed(kept), sep="\n")


@pytest.fixture
def site(plant: Plant, database_proxy: tuple[Proxy, str], mqtt_url: str, tmp_path: Path) -> Iterator[Site]:
    """On the servers every test uses."""
    yield from _site(plant, database_proxy[0], mqtt_url, tmp_path / "home", tags=200)


@pytest.fixture
def durable_site(proxied: Callable[[str, int], Proxy]) -> Iterator[Site]:
    """On a disk, with servers that do not forget: the figures are those of a plant."""
    folder = Path(tempfile.mkdtemp(prefix=f"takt-soak-{secrets.token_hex(3)}-"))
    folder.chmod(0o711)
    cluster = timescale.Cluster(folder / "db", load_settings().cache)
    timescale.start(cluster, leash=True)
    timescale.ensure_database(cluster, "soak")
    plant = Plant(migrate_at(timescale.url(cluster, "soak")))
    broker = Broker(folder / "broker", *KEEPING, "max_queued_messages 0", "max_inflight_messages 0")
    port = int(plant.conn.info.port)
    yield from _site(plant, proxied("127.0.0.1", port), broker.url, folder / "home", tags=LENGTH.tags)
    plant.conn.close()
    broker.kill()
    timescale.stop(cluster)
    shutil.rmtree(folder, ignore_errors=True)


def migrate_at(url: str) -> str:
    """An address whose database is ready to use."""
    migrate.upgrade(url)
    return url


def _site(plant: Plant, line: Proxy, mqtt_url: str, home: Path, *, tags: int) -> Iterator[Site]:
    site = Site(plant, line, mqtt_url, home, tags=tags)
    yield site
    site.line.set("pass")
    assert site.collector.end() == 0


def _nothing_is_missing(site: Site, figures: Figures, sent: int) -> None:
    eventually(lambda: site.rows() >= sent, within_s=WITHIN_S)
    figures.note("rows sent", sent, "rows")
    figures.note("rows lost", sent - site.rows(), "rows", at_most=0)
    figures.note("tags with a hole or a double", site.odd_tags(), "tags", at_most=0)


@pytest.mark.soak
@pytest.mark.timeout(HANG_S)
def test_memory_stays_flat(durable_site: Site, kept: list[Figure]) -> None:
    """After it has settled the collector grows by less than 1 MB a minute."""
    figures = Figures("steady", kept)
    publisher = durable_site.publish(LENGTH.steady_s, LENGTH.per_s)
    points = memory(durable_site, until=lambda: publisher.poll() is not None)
    settled = [(x, y) for x, y in points if x > LENGTH.settling_s]
    sent, per_s = sent_by(publisher)
    figures.note("live rate", per_s, "rows/s")
    figures.note("memory at the end", settled[-1][1], "MB")
    figures.note_slope("memory slope when settled", settled)
    _nothing_is_missing(durable_site, figures, sent)
    assert not figures.missed


@pytest.mark.soak
@pytest.mark.timeout(HANG_S)
def test_a_long_outage_is_made_good_three_times_as_fast_as_it_came(durable_site: Site, kept: list[Figure]) -> None:
    """Minutes without a database: nothing lost or doubled, live again at once, the spool drained beside live rows."""
    site, away_s, figures = durable_site, LENGTH.away_s, Figures("outage", kept)
    publisher = site.publish(AROUND_S + away_s + away_s / DRAIN_TIMES_MIN + AROUND_S, LENGTH.per_s)
    assert eventually(lambda: site.newest_at_s() > 0, within_s=WITHIN_S)
    time.sleep(AROUND_S / 2)
    began = mono()
    site.line.set("cut")
    points = memory(site, until=lambda: mono() - began > away_s)
    _make_good(site, figures)
    still_said = publisher.poll() is None
    sent, per_s = sent_by(publisher)
    figures.note("live rate", per_s, "rows/s")
    figures.note_at_least("drained, times the live rate", figures.value("drain rate") / per_s, "times", DRAIN_TIMES_MIN)
    figures.note_at_least("live rows came all the while", int(still_said), "yes", 1)
    figures.note_slope("memory slope without database", [(x, y) for x, y in points if x > away_s / 2])
    _nothing_is_missing(site, figures, sent)
    assert not figures.missed


def _make_good(site: Site, figures: Figures) -> None:
    """The database comes back: watch until the spool is empty."""
    spooled, back_at_s, began = site.spooled(), time.time(), mono()
    site.line.set("pass")
    assert eventually(lambda: site.newest_at_s() > back_at_s, within_s=WITHIN_S)
    figures.note("live again after", mono() - began, "s", at_most=LIVE_AGAIN_S_MAX)
    behind_s = [0.0]
    while site.spooled():
        behind_s.append(time.time() - site.newest_at_s())
        assert mono() - began < HANG_S / 2
        time.sleep(0.2)
    took_s = mono() - began
    figures.note("rows in the spool", spooled, "rows")
    figures.note("drained within", took_s, "s")
    figures.note("drain rate", spooled / took_s, "rows/s")
    figures.note("live rows late meanwhile, at most", max(behind_s), "s", at_most=LIVE_AGAIN_S_MAX)


def test_steadily_and_through_an_outage_in_short(site: Site) -> None:
    """Some seconds at a lower rate with the database away in between: every row is stored, once."""
    publisher = site.publish(6, 500)
    assert eventually(lambda: site.rows() > 100, within_s=WITHIN_S)
    site.line.set("cut")
    assert eventually(lambda: site.spooled() > 0, within_s=WITHIN_S)
    site.line.set("pass")
    sent, _per_s = sent_by(publisher)
    assert eventually(lambda: site.rows() == sent, within_s=WITHIN_S)
    assert eventually(lambda: site.spooled() == 0, within_s=WITHIN_S)
    assert site.odd_tags() == 0
