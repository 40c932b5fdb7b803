"""Children: started again when they fall, stopped together, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mes.host import processes, supervisor
from mes.host.supervisor import Program, Supervisor

SECONDS_AT_MOST = 30


def _python(name: str, code: str, *, restarts: bool = True) -> Program:
    return Program(name, (sys.executable, "-c", code), restarts=restarts)


def _until(happened: Callable[[], bool], children: Supervisor | None = None) -> None:
    deadline = time.monotonic() + SECONDS_AT_MOST
    while not happened():
        assert time.monotonic() < deadline, "did not happen"
        if children is not None:
            children.look()
        time.sleep(0.02)


def _lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_a_fallen_child_is_started_again_with_growing_pauses(tmp_path: Path) -> None:
    """A child that ends by itself comes back, later each time; its fall is said once."""
    said: list[str] = []
    with Supervisor(tmp_path, os.environ, said.append) as children:
        children.start(_python("falls", "import time; print(time.monotonic(), flush=True)"))
        _until(lambda: len(_lines(tmp_path / "falls.log")) == 3, children)
    began = [float(line) for line in _lines(tmp_path / "falls.log")]
    assert began[1] - began[0] >= 0.5
    assert began[2] - began[1] >= 1.0
    assert [line.split(" (")[0] for line in said] == ["falls has fallen and is started again until it stays"]


def test_a_child_that_stays_is_said_to_be_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever read that it fell also reads that it runs again, once."""
    monkeypatch.setattr(supervisor, "BACK_S", 0.2)
    said: list[str] = []
    code = "import pathlib, time; p = pathlib.Path('was here'); p.exists() and time.sleep(600); p.touch()"
    monkeypatch.chdir(tmp_path)
    with Supervisor(tmp_path, os.environ, said.append) as children:
        children.start(_python("once", code))
        _until(lambda: len(said) == 2, children)
        children.look()
    assert said[1:] == ["once runs again"]


def test_a_key_is_handed_over_unseen(tmp_path: Path) -> None:
    """What stands in a program's own environment reaches it and nobody else's list of processes."""
    program = Program("keyed", (sys.executable, "-c", "import os; print(os.environ['KEY'])"), environment={"KEY": "k"})
    with Supervisor(tmp_path, os.environ) as children:
        children.start(program)
        _until(lambda: _lines(tmp_path / "keyed.log") == ["k"])


def test_a_script_may_end(tmp_path: Path) -> None:
    """A program that is expected to end is not started again."""
    with Supervisor(tmp_path, os.environ) as children:
        pid = children.start(_python("script", "print('once')", restarts=False))
        _until(lambda: not processes.alive(pid), children)
        children.look()
        assert children.falls() == {}
        assert _lines(tmp_path / "script.log") == ["once"]


def test_all_are_asked_to_stop_and_may_finish(tmp_path: Path) -> None:
    """Leaving the supervisor gives every child SIGTERM and the time to put its things away."""
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('tidied', flush=True), sys.exit()))\n"
        "print('up', flush=True)\n"
        "time.sleep(600)"
    )
    with Supervisor(tmp_path, os.environ) as children:
        pids = [children.start(_python(name, code)) for name in ("one", "two")]
        _until(lambda: _lines(tmp_path / "one.log") == _lines(tmp_path / "two.log") == ["up"])
    assert not any(processes.alive(pid) for pid in pids)
    assert _lines(tmp_path / "one.log") == _lines(tmp_path / "two.log") == ["up", "tidied"]


def test_guests_leave_before_their_hosts(tmp_path: Path) -> None:
    """A program that uses the others is gone before they are asked to go."""
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print(time.monotonic_ns(), flush=True), sys.exit()))\n"
        "print('up', flush=True)\n"
        "time.sleep(600)"
    )
    with Supervisor(tmp_path, os.environ) as children:
        children.start(Program("guest", (sys.executable, "-c", code), guest=True))
        children.start(_python("host", code))
        _until(lambda: _lines(tmp_path / "guest.log") == _lines(tmp_path / "host.log") == ["up"])
    assert int(_lines(tmp_path / "guest.log")[1]) < int(_lines(tmp_path / "host.log")[1])


def test_who_does_not_listen_is_ended_with_its_own_children(tmp_path: Path) -> None:
    """A child that ignores SIGTERM is killed, and so is what it started."""
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)"
    )
    said: list[str] = []
    with Supervisor(tmp_path, os.environ, said.append) as children:
        pid = children.start(_python("deaf", code))
        _until(lambda: len(_lines(tmp_path / "deaf.log")) == 1)
    grandchild = int(_lines(tmp_path / "deaf.log")[0])
    _until(lambda: not processes.alive(pid) and not processes.alive(grandchild))
    assert said == ["deaf does not stop within 5 s and is ended"]


def test_children_end_with_their_supervisor_even_by_kill_9(tmp_path: Path) -> None:
    """When the supervisor is killed, the kernel tells its children to stop."""
    code = (
        "import os, sys, time; from pathlib import Path; from mes.host.supervisor import Program, Supervisor;"
        "s = Supervisor(Path(sys.argv[1]), os.environ);"
        "print(s.start(Program('child', (sys.executable, '-c', 'import time; time.sleep(600)'))), flush=True);"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert processes.alive(pid)
        parent.kill()
    _until(lambda: not processes.alive(pid))


def test_a_long_log_is_set_aside_without_disturbing_its_writer(tmp_path: Path) -> None:
    """The text moves to a second file; what the child writes next begins the first one anew."""
    log = tmp_path / "child.log"
    pid = processes.launch(
        [sys.executable, "-uc", "print('first'); import signal; signal.pause()"], log=log, env=os.environ
    )
    _until(lambda: _lines(log) == ["first"])
    processes.shorten(log, kept_mb=0)
    assert _lines(log) == []
    assert _lines(tmp_path / "child.log.1") == ["first"]
    assert processes.stop_pid(pid, (signal.SIGTERM, SECONDS_AT_MOST))
