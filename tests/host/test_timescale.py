"""The private database: set up, started, stopped, and put right after a crash."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mes.errors import SetupError
from mes.host import processes, timescale
from mes.settings import load_settings


@pytest.fixture
def cluster() -> Iterator[timescale.Cluster]:
    home = Path(tempfile.mkdtemp(prefix="takt test "))
    home.chmod(0o711)
    made = timescale.Cluster(home / "db", load_settings().cache, profile="fast")
    yield made
    timescale.stop(made)
    shutil.rmtree(home)


def _pid(cluster: timescale.Cluster) -> int:
    pid = timescale.status(cluster).pid
    assert pid is not None
    return pid


def _ask(cluster: timescale.Cluster, question: str) -> str:
    with psycopg.connect(timescale.url(cluster, "postgres"), autocommit=True) as conn:
        row = conn.execute(question).fetchone()
    assert row is not None
    return str(row[0])


def test_starts_in_a_path_with_a_space_and_carries_timescaledb(cluster: timescale.Cluster) -> None:
    """A first start sets up a server that offers TimescaleDB and speaks UTF-8 and UTC."""
    assert timescale.start(cluster, leash=True)
    assert _ask(cluster, "select count(*) from pg_available_extensions where name = 'timescaledb'") == "1"
    assert _ask(cluster, "show server_encoding") == "UTF8"
    assert _ask(cluster, "show timezone") == "UTC"
    assert _ask(cluster, "select timestamptz '2026-01-05 00:00Z' at time zone 'Asia/Shanghai'") == "2026-01-05 08:00:00"


def test_a_second_start_finds_it_running(cluster: timescale.Cluster) -> None:
    """Starting what runs changes nothing and says so."""
    timescale.start(cluster, leash=True)
    pid = _pid(cluster)
    assert not timescale.start(cluster, leash=True)
    assert _pid(cluster) == pid


def test_keeps_its_port_and_its_data_over_a_restart(cluster: timescale.Cluster) -> None:
    """Stopped and started again, it answers at the same address with what was stored."""
    timescale.start(cluster, leash=True)
    address = timescale.url(cluster, "postgres")
    with psycopg.connect(address, autocommit=True) as conn:
        conn.execute("create table kept as select 7 as seven")
    assert timescale.stop(cluster)
    assert timescale.status(cluster).state == "stopped"
    assert not timescale.stop(cluster)
    timescale.start(cluster, leash=True)
    assert timescale.url(cluster, "postgres") == address
    assert _ask(cluster, "select seven from kept") == "7"


def test_starts_again_after_its_server_was_killed(cluster: timescale.Cluster) -> None:
    """kill -9 leaves a pid file and orphans behind; the next start needs no hand."""
    timescale.start(cluster, leash=True)
    pid = _pid(cluster)
    os.kill(pid, signal.SIGKILL)
    assert processes.wait_gone(pid, within_s=30)
    timescale.start(cluster, leash=True)
    assert _ask(cluster, "select 1") == "1"


def test_a_fallen_database_is_started_again(cluster: timescale.Cluster) -> None:
    """Killed, it answers again where its clients look for it, which is said once; a stranger there is named."""
    said: list[str] = []
    keeper = timescale.keeper(cluster, said.append)
    timescale.start(cluster, leash=True)
    address = timescale.url(cluster, "postgres")
    keeper.look()
    assert said == []
    os.kill(_pid(cluster), signal.SIGKILL)
    deadline = time.monotonic() + 60
    while not said or timescale.status(cluster).state != "running":
        assert time.monotonic() < deadline, said
        keeper.look()
        time.sleep(0.05)
    assert said[0].startswith("The database has fallen and is started again")
    with psycopg.connect(address) as conn:
        assert conn.execute("select 1").fetchone() == (1,)
    port = timescale.status(cluster).port
    timescale.stop(cluster)
    with socket.create_server(("127.0.0.1", port or 0)):
        timescale.keeper(cluster, said.append).look()
    assert said[-1].startswith(f"Port {port} of the database is taken by another program")


def test_starts_although_the_stale_pid_belongs_to_another_program(cluster: timescale.Cluster) -> None:
    """After a reboot the number in the pid file may be anybody's: it is not taken for the server."""
    timescale.start(cluster, leash=True)
    pid_file = cluster.data / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    timescale.stop(cluster)
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    assert timescale.status(cluster).state == "stopped"
    timescale.start(cluster, leash=True)
    assert _ask(cluster, "select 1") == "1"


def test_takes_another_port_when_its_own_is_taken(cluster: timescale.Cluster) -> None:
    """A stranger on the remembered port does not keep the database from starting."""
    timescale.start(cluster, leash=True)
    port = timescale.status(cluster).port
    timescale.stop(cluster)
    with socket.create_server(("127.0.0.1", port or 0)):
        timescale.start(cluster, leash=True)
        assert timescale.status(cluster).port != port
        assert _ask(cluster, "select 1") == "1"


def test_half_a_set_up_is_begun_again(cluster: timescale.Cluster) -> None:
    """A set-up that was interrupted leaves nothing that a later start trips over."""
    draft = cluster.folder / "data.draft"
    draft.mkdir(parents=True)
    (draft / "half").write_text("made")
    timescale.start(cluster, leash=True)
    assert not draft.exists()
    assert _ask(cluster, "select 1") == "1"


def test_asks_for_a_password(cluster: timescale.Cluster) -> None:
    """Another user of this machine does not get in without the password."""
    timescale.start(cluster, leash=True)
    port = timescale.status(cluster).port
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://mes:guess@127.0.0.1:{port}/postgres")
    assert (cluster.folder / "password").stat().st_mode & 0o077 == 0


def test_the_durable_profile_is_durable(cluster: timescale.Cluster) -> None:
    """What is committed under the durable profile survives a power cut, and a standby could be attached."""
    durable = timescale.Cluster(cluster.folder, cluster.cache, profile="durable")
    timescale.start(durable, leash=True)
    shown = {name: _ask(durable, f"show {name}") for name in ("fsync", "full_page_writes", "synchronous_commit")}
    assert shown == {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
    assert _ask(durable, "show wal_level") == "replica"


def test_ends_with_its_starter_even_by_kill_9(cluster: timescale.Cluster) -> None:
    """On the leash, a database shuts down cleanly when its starter is killed."""
    program = (
        "import sys, time; from pathlib import Path; from mes.host import timescale;"
        "timescale.start(timescale.Cluster(Path(sys.argv[1]), Path(sys.argv[2]), 'fast'), leash=True);"
        "print('up', flush=True); time.sleep(600)"
    )
    starter = [sys.executable, "-c", program, str(cluster.folder), str(cluster.cache)]
    with subprocess.Popen(starter, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        pid = _pid(cluster)
        child.kill()
    assert processes.wait_gone(pid, within_s=30)
    assert "database system is shut down" in cluster.log.read_text()


def test_without_a_leash_it_outlives_its_starter(cluster: timescale.Cluster) -> None:
    """`mes db start` ends while its database goes on."""
    program = (
        "import sys; from pathlib import Path; from mes.host import timescale;"
        "timescale.start(timescale.Cluster(Path(sys.argv[1]), Path(sys.argv[2]), 'fast'), leash=False)"
    )
    subprocess.run([sys.executable, "-c", program, str(cluster.folder), str(cluster.cache)], check=True)
    time.sleep(0.2)
    assert _ask(cluster, "select 1") == "1"


def test_root_is_told_when_the_servers_user_cannot_reach_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder closed to the servers' user is refused with the folder's name and the way out."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(processes, "as_service", lambda: True)
    with pytest.raises(SetupError, match="cannot enter") as caught:
        processes.require_reachable(closed / "db")
    assert "MES_HOME" in caught.value.remedy
