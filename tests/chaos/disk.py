"""A small disk of a test's own: an ext4 on a loop device. It can be filled, and it can lose its power.

Losing power is the ioctl FS_IOC_SHUTDOWN without flushing, as xfstests does it: from then on nothing reaches the disk,
not even what was on its way. Needs root and loop devices.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import struct
import subprocess
from pathlib import Path

from mes.host import processes
from tests.collectors.conftest import eventually

FS_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2


class Disk:
    """Mounted at `path`, which everybody may enter."""

    def __init__(self, folder: Path, *, size_mb: int) -> None:
        self._image, self.path = folder / "disk.img", folder / "disk"
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(size_mb << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", self._image], check=True, capture_output=True)
        self.attach()

    def attach(self) -> None:
        subprocess.run(["mount", "-o", "loop", self._image, self.path], check=True, capture_output=True)
        self.path.chmod(0o755)

    def detach(self) -> None:
        subprocess.run(["umount", self.path], check=True, capture_output=True)

    def remove(self) -> None:
        """With everything that still runs on it."""
        for pid in self.dwellers():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not self.dwellers(), within_s=30)
        self.detach()
        shutil.rmtree(self._image.parent, ignore_errors=True)

    def dwellers(self) -> list[int]:
        """The processes that live here, by their folder, command line or surroundings."""
        mark, found = os.fsencode(self.path), []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                said = os.fsencode(os.readlink(process / "cwd")) + (process / "cmdline").read_bytes()
                said += (process / "environ").read_bytes()
            except OSError:
                continue
            if mark in said and processes.alive(int(process.name)):
                found.append(int(process.name))
        return found

    def cut_power(self) -> None:
        """Everybody stands still, so that nobody is half-way through a promise; then the disk forgets, and they die."""
        dwellers = self.dwellers()
        for pid in dwellers:
            os.kill(pid, signal.SIGSTOP)
        assert eventually(lambda: all(_stands(pid) for pid in dwellers), within_s=30)
        self.forget()
        for pid in dwellers:
            os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: not self.dwellers(), within_s=30)

    def forget(self) -> None:
        """What was not flushed is gone."""
        handle = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(handle)

    def used_percent(self) -> float:
        usage = shutil.disk_usage(self.path)
        return 100 * usage.used / (usage.used + usage.free)

    def fill(self, percent: float) -> None:
        """With a ballast of nothing, up to so much."""
        usage = shutil.disk_usage(self.path)
        ballast = self.path / "ballast"
        held = ballast.stat().st_size if ballast.exists() else 0
        wanted = held + int((usage.used + usage.free) * percent / 100) - usage.used
        with ballast.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, max(wanted, 1))

    def lighten(self) -> None:
        """Without the ballast."""
        (self.path / "ballast").unlink()


def _stands(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "TtZX"
