"""Make this checkout runnable: `.venv` with exactly the packages of constraints.txt, and Takt itself in it.

    python3 deploy/bootstrap.py              # what `make setup` runs; does nothing when all is as it should be
    python3 deploy/bootstrap.py --browser    # also the browser and the font the screen tests need

Standard library only: it runs before anything is installed. Exit 1 with one sentence and its remedy when it cannot.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "takt-stamp"
CONSTRAINTS = ROOT / "constraints.txt"
OLDEST, NEWEST = (3, 11), (3, 13)
NEEDS_MB = 1500
TOLD_EVERY_S = 2.0
BROWSER_PACKAGES = ("chromium", "fonts-noto-cjk")
CJK_FONTS = ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", "/usr/share/fonts/noto-cjk")


class NotReadyError(Exception):
    """This machine lacks something; the text says what and how to get it."""


def main(words: list[str]) -> int:
    """Set up what is missing; the exit code."""
    try:
        if not is_up_to_date():
            set_up()
        if "--browser" in words:
            require_browser()
    except NotReadyError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error}. Free some disk space or check the rights of this folder, and run it again.\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def say(line: str) -> None:
    """One line of progress."""
    sys.stdout.write(f"  {line}\n")
    sys.stdout.flush()


def fingerprint() -> str:
    """What the environment was made from: a change of any of it makes it anew."""
    content = CONSTRAINTS.read_bytes() + (ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()
    return hashlib.sha256(content).hexdigest()


def is_up_to_date() -> bool:
    """Whether `.venv` was made from what is here now, and its Python still runs."""
    if not STAMP.exists() or STAMP.read_text().strip() != fingerprint():
        return False
    return subprocess.run([VENV / "bin/python", "-c", ""], capture_output=True, check=False).returncode == 0


def set_up() -> None:
    """Make the environment: Python, packages, Takt."""
    began = time.monotonic()
    STAMP.unlink(missing_ok=True)
    free_mb = shutil.disk_usage(ROOT).free // 1_000_000
    if free_mb < NEEDS_MB and not VENV.exists():
        raise NotReadyError(f"{ROOT} has {free_mb} MB free, {NEEDS_MB} MB are needed. Free some disk space.")
    make_environment()
    install_packages()
    say("Installing Takt")
    run_pip("install", "--no-deps", "--no-build-isolation", "--editable", ".")
    STAMP.write_text(fingerprint() + "\n")
    say(f"The Python environment is ready ({time.monotonic() - began:.0f} s)")


def make_environment() -> None:
    """`.venv` with pip in it; one that is broken or of an unsuited Python is replaced."""
    probe = "import sys, pip; sys.exit(not (%r <= sys.version_info[:2] <= %r))" % (OLDEST, NEWEST)  # noqa: UP031
    python = VENV / "bin/python"
    if python.exists() and subprocess.run([python, "-c", probe], capture_output=True, check=False).returncode == 0:
        return
    chosen = suited_python()
    say(f"Making the Python environment in {VENV.name}")
    done = subprocess.run([chosen, "-m", "venv", "--clear", VENV], capture_output=True, text=True, check=False)
    if done.returncode != 0 and install_as_root("python3-venv"):
        done = subprocess.run([chosen, "-m", "venv", "--clear", VENV], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotReadyError(
            f"A Python environment cannot be made ({last_line(done.stdout + done.stderr)}). "
            "On Debian, install it once: apt-get install python3-venv"
        )


def suited_python() -> str:
    """The Python that runs this, or another one of this machine between 3.11 and 3.13."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        if found := shutil.which(f"python3.{minor}"):
            return found
    raise NotReadyError(
        f"Takt needs Python 3.11 to 3.13; this is {sys.version.split()[0]}. "
        "Install one of them, or run it on Debian 12 or 13."
    )


def install_packages() -> None:
    """What constraints.txt lists, each checked against its hash; says how far it is."""
    total = len(re.findall(r"^[A-Za-z0-9._-]+==", CONSTRAINTS.read_text(), re.MULTILINE))
    say(f"Installing up to {total} Python packages")
    argv = pip("install", "--require-hashes", "--progress-bar", "off", "--requirement", str(CONSTRAINTS))
    with subprocess.Popen(argv, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        assert child.stdout is not None
        lines: list[str] = []
        done, told = 0, time.monotonic()
        for line in child.stdout:
            lines.append(line)
            match = re.match(r"(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)", line)
            done += match is not None
            if match and time.monotonic() - told > TOLD_EVERY_S:
                told = time.monotonic()
                say(f"{done} of {total}: {match[1]}")
            if line.startswith("Installing collected"):
                say("Unpacking the packages")
    if child.returncode != 0:
        raise pip_failed("".join(lines))


def pip(*words: str) -> list[str]:
    """The command line of this environment's pip."""
    return [str(VENV / "bin/python"), "-m", "pip", *words, "--no-input", "--disable-pip-version-check"]


def run_pip(*words: str) -> None:
    """Run pip quietly; NotReadyError with its last words when it fails."""
    done = subprocess.run(pip(*words, "--quiet"), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise pip_failed(done.stdout + done.stderr)


def pip_failed(output: str) -> NotReadyError:
    """pip's own reason, and the usual way out."""
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    why = errors[0].removeprefix("ERROR: ") if errors else last_line(output)
    return NotReadyError(
        f"The Python packages could not be installed ({why}). "
        "Check the network, pip's index and the free disk space, and run it again."
    )


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason given")


def require_browser() -> None:
    """Chromium and a Chinese font for the screen tests: installed as root, else named with the line to run."""
    missing = []
    if shutil.which("chromium") is None:
        missing.append("chromium")
    if not any(Path(path).exists() for path in CJK_FONTS):
        missing.append("fonts-noto-cjk")
    if missing and not install_as_root(*missing):
        raise NotReadyError(
            f"The screen tests need {' and '.join(missing)}. "
            f"Install once, as root: apt-get install --no-install-recommends {' '.join(missing)}"
        )


def install_as_root(*packages: str) -> bool:
    """Install Debian packages when we are root and apt is here; whether that worked."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    say(f"Installing {', '.join(packages)} (apt-get)")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "--quiet=2", "--no-install-recommends", *packages]
    for argv in (install, ["apt-get", "update", "--quiet=2"], install):
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        if argv is install and done.returncode == 0:
            return True
    say(f"apt-get: {last_line(done.stderr or done.stdout)}")
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
