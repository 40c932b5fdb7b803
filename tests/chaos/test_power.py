"""P1: what was accepted is there after a power cut. kill -9 alone never shows that; a disk that forgets does."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.spool import Spool
from mes.host import timescale
from tests.chaos.disk import Disk
from tests.chaos.test_kills import Device, Site
from tests.collectors.conftest import eventually

APPENDS_MIN = 200
ROUNDS = 3
ACCEPTED_MIN = 600
WITHIN_S = 120.0
APPENDER = """
import sys
from pathlib import Path
from collectors.spool import Blob, Spool
spool = Spool(Path(sys.argv[1]), disk_free_bytes_min=0)
number = 0
while True:
    number += 1
    spool.append([Blob("signal", 1, "s", 1, 1, number, number, b"x" * 700)])
    print(number, flush=True)
"""


@pytest.fixture
def disk() -> Iterator[Disk]:
    folder = Path(tempfile.mkdtemp(prefix="takt-power-"))
    folder.chmod(0o711)
    disk = Disk(folder, size_mb=3000)
    yield disk
    disk.remove()


@pytest.mark.chaos
def test_a_power_cut_takes_nothing_from_the_spool(disk: Disk, tmp_path: Path) -> None:
    """Three cuts in a row: each append that had returned is in the spool afterwards, in order, and whole."""
    promised = tmp_path / "promised"
    for cut in range(3):
        with promised.open("wb") as said:
            argv = [sys.executable, "-c", APPENDER, str(disk.path / f"{cut}.sqlite")]
            child = subprocess.Popen(argv, stdout=said)
            assert eventually(lambda: promised.read_bytes().count(b"\n") > APPENDS_MIN, within_s=60)
            time.sleep(secrets.randbelow(1000) / 1000)
            disk.cut_power()
            child.wait(30)
        disk.detach()
        disk.attach()
        last = int(promised.read_text().split()[-1])
        spool = Spool(disk.path / f"{cut}.sqlite", disk_free_bytes_min=0)
        kept: list[int] = []
        while blobs := spool.oldest(rows_max=1000):
            kept += [blob.from_at for blob in blobs]
            assert all(blob.body == b"x" * 700 for blob in blobs)
            spool.remove(blobs)
        spool.close()
        print(f"cut {cut}: {last} promised, {len(kept)} kept")
        assert kept == list(range(1, len(kept) + 1))
        assert len(kept) >= last


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_a_plant_that_lost_its_power_has_what_it_acknowledged(disk: Disk) -> None:
    """Database, broker, collector and spool on one disk: each count the collector thanked for is stored, once."""
    site = Site(disk.path / "plant", disk.path / "home")
    site.collect()
    assert eventually(lambda: site.state() == "running", within_s=WITHIN_S)
    subprocess.run(["sync"], check=True)  # a plant that was set up a while ago: only what is new may be forgotten
    device = Device(site.broker.port)
    try:
        for cut in range(ROUNDS):
            before = len(site.tap.accepted)
            assert eventually(lambda enough=before + ACCEPTED_MIN: len(site.tap.accepted) > enough, within_s=WITHIN_S)
            if cut == 1:  # with the database away, so that it is the spool's word that counts
                site.kill_database()
                time.sleep(1)
            time.sleep(secrets.randbelow(1000) / 1000)
            disk.cut_power()
            site.kill_collector()
            site.broker.kill()
            accepted = len(site.tap.accepted)
            disk.detach()
            disk.attach()
            timescale.start(site.cluster, leash=True)
            stored = len(site.stored())
            print(f"cut {cut}: {accepted} accepted, {stored} in the database at once, the rest from the spool")
            site.broker.start()
            site.collect()
    finally:
        device.stop()
    accepted_counts = {json.loads(body)["good"] for body in set(site.tap.accepted)}
    assert eventually(lambda: accepted_counts <= set(site.stored()), within_s=WITHIN_S)
    device.leave()
    stored_counts = site.stored()
    assert len(stored_counts) == len(set(stored_counts))
    assert len(accepted_counts) > ROUNDS * ACCEPTED_MIN
    site.end()
