"""`mes up`: what a real plant's first start prepares, and how readiness is waited for."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from mes.errors import SetupError
from mes.host import here, processes, up
from mes.host.demo import Demo
from mes.host.files import locked
from mes.host.supervisor import Program, Supervisor
from mes.settings import Settings


def _settings(tmp_path: Path, **given: object) -> Settings:
    return Settings(home=tmp_path, http_port=processes.free_port()).model_copy(update=given)


_SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[2]))
        self.end_headers()
        self.wfile.write(sys.argv[3].encode())
HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def _serving(name: str, port: int, status: int, text: str) -> Program:
    """A program that answers so to whatever it is asked."""
    return Program(name, (sys.executable, "-c", _SERVER, str(port), str(status), text))


def test_the_first_start_leads_to_the_administrators_password(tmp_path: Path, database_url: str) -> None:
    """While nobody can sign in as administrator, the page to open is a fresh one-time link."""
    settings = _settings(tmp_path, database_url=database_url)
    first, second = (up.prepare_plant(settings, processes.silent) for _ in range(2))
    assert first.page.startswith("/first#")
    assert second.page.startswith("/first#")
    assert first.page != second.page


def test_ready_is_when_the_api_says_so(tmp_path: Path) -> None:
    """`/health/ready` answering 200 ends the waiting."""
    settings = _settings(tmp_path)
    with Supervisor(tmp_path, os.environ) as children:
        children.start(_serving(up.SERVE, settings.http_port, 200, "ok"))
        up.wait_ready(settings, children, within_s=60)


def test_what_is_not_ready_is_named(tmp_path: Path) -> None:
    """After the patience is over, the sentence holds what the api said is missing."""
    settings = _settings(tmp_path)
    with Supervisor(tmp_path, os.environ) as children:
        serving = children.start(_serving(up.SERVE, settings.http_port, 503, '{"failing": ["tracker"]}'))
        deadline = time.monotonic() + 60
        while not processes.listens(serving, settings.http_port):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with pytest.raises(SetupError, match=r"tracker") as caught:
            up.wait_ready(settings, children, within_s=0.5)
    assert str(settings.log_dir) in caught.value.remedy


def test_a_stranger_at_our_port_is_not_believed(tmp_path: Path) -> None:
    """Another program that took the port meanwhile may answer 200: it is not our api."""
    settings = _settings(tmp_path)
    with Supervisor(tmp_path, os.environ) as children:
        stranger = children.start(_serving("stranger", settings.http_port, 200, "ok"))
        children.start(Program(up.SERVE, (sys.executable, "-c", "import time; time.sleep(600)")))
        deadline = time.monotonic() + 60
        while not processes.listens(stranger, settings.http_port):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with pytest.raises(SetupError, match=r"serve does not listen at port \d+ yet"):
            up.wait_ready(settings, children, within_s=0.5)


def test_a_program_that_cannot_run_is_named_with_its_last_word(tmp_path: Path) -> None:
    """A program that falls again and again ends the start, with what it said last."""
    settings = _settings(tmp_path)
    program = Program("track", (sys.executable, "-c", "import sys; sys.exit('no luck today')"))
    with Supervisor(tmp_path, os.environ) as children:
        children.start(program)
        with pytest.raises(SetupError, match=r"track falls again and again \(no luck today\)"):
            up.wait_ready(settings, children, within_s=60)


def test_other_commands_mean_what_runs_here(tmp_path: Path) -> None:
    """While a demo runs, commands given for the same home use its database; afterwards they no longer do."""
    settings = _settings(tmp_path)
    demo = _settings(tmp_path, home=tmp_path / "demo", database_url="postgresql://x/mes_demo", mqtt_url="mqtt://y")
    with locked(tmp_path / here.RUN_LOCK, busy="busy", wait_s=0), here.announced(tmp_path, demo):
        found = here.settings_here(settings)
        assert (found.home, found.database_url, found.mqtt_url) == (demo.home, demo.database_url, demo.mqtt_url)
        assert found.http_url == demo.http_url
        given = settings.model_copy(update={"database_url": "postgresql://z/mine"})
        assert here.settings_here(given).database_url == "postgresql://z/mine"
    with pytest.raises(SetupError, match="There is no database"):
        here.settings_here(settings)


def test_what_a_killed_demo_left_counts_for_nothing(tmp_path: Path) -> None:
    """The file that tells where a demo runs is believed only while the demo holds its lock."""
    settings = _settings(tmp_path)
    (tmp_path / here.RUNNING).write_text('{"home": "/x", "database_url": "postgresql://x/x", "mqtt_url": ""}')
    with pytest.raises(SetupError, match="There is no database"):
        here.settings_here(settings)


def test_a_full_disk_is_said_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room ends the start with how much there is and the variable that names a larger disk."""
    monkeypatch.setattr(up, "RUN_NEEDS_MB", 10**9)
    with pytest.raises(SetupError, match=r"Running Takt needs \d+ MB .* are free") as caught:
        up.run(_settings(tmp_path), processes.silent)
    assert "MES_HOME" in caught.value.remedy
    assert not (tmp_path / "db").exists()


def test_a_second_start_for_the_same_home_is_refused(tmp_path: Path) -> None:
    """Two at once would share spool and broker; the first one's things are not touched."""
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "spool").write_text("unsent")
    with locked(tmp_path / here.RUN_LOCK, busy="busy", wait_s=0), pytest.raises(SetupError, match="already running"):
        Demo().run(_settings(tmp_path), processes.silent)
    assert (tmp_path / "demo" / "spool").read_text() == "unsent"
