"""P1: what the spool has taken is there after a power cut. kill -9 alone never shows that; a disk that forgets does.

An ext4 on a loop device is shut down without flushing (ioctl FS_IOC_SHUTDOWN, as xfstests does) while a process
appends, stopped first so that no append is half-way through its promise. Needs root and loop devices.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.spool import Spool
from tests.collectors.conftest import eventually

FS_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
SIZE_MB = 300
APPENDS_MIN = 200
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


class Disk:
    """A small disk of its own that can lose its power."""

    def __init__(self, folder: Path) -> None:
        self._image, self.path = folder / "disk.img", folder / "disk"
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(SIZE_MB << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self._image], check=True, capture_output=True)
        self.attach()

    def attach(self) -> None:
        subprocess.run(["mount", "-o", "loop", self._image, self.path], check=True, capture_output=True)

    def detach(self) -> None:
        subprocess.run(["umount", self.path], check=True, capture_output=True)

    def cut_power(self) -> None:
        """From now on nothing reaches the disk, not even what was on its way."""
        handle = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(handle)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path)
    yield disk
    disk.detach()


@pytest.mark.chaos
def test_a_power_cut_takes_nothing_that_was_promised(disk: Disk, tmp_path: Path) -> None:
    """Three cuts in a row: each append that had returned is in the spool afterwards, in order, and whole."""
    promised = tmp_path / "promised"
    for cut in range(3):
        with promised.open("wb") as said:
            argv = [sys.executable, "-c", APPENDER, str(disk.path / f"{cut}.sqlite")]
            child = subprocess.Popen(argv, stdout=said)
            assert eventually(lambda: promised.read_bytes().count(b"\n") > APPENDS_MIN, within_s=60)
            time.sleep(secrets.randbelow(1000) / 1000)
            child.send_signal(signal.SIGSTOP)
            assert eventually(lambda pid=child.pid: "State:\tT" in Path(f"/proc/{pid}/status").read_text())
            disk.cut_power()
            child.kill()
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
