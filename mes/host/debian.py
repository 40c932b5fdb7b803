"""Programs from Debian's archive, unpacked into a folder of ours: no root, no compiler, nothing installed.

`ensure()` asks the machine's own apt, under a private configuration, for packages of one Debian release, checks
Debian's signature, unpacks them and lays each program beside the C library and loader it was built for. So one
PostgreSQL 17 with TimescaleDB runs the same on Debian 12 and 13. The mirror is the one this machine already uses.
A tree is built aside and put in place in one step: it is whole or it is not there.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mes.errors import SetupError
from mes.host.files import locked, make_folder, need_mb
from mes.host.processes import Say, silent

SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
FETCH_WAIT_S = 900
FETCH_NEEDS_MB = 450
ELSEWHERE = (
    "Use Debian 12 or 13 (a container will do), or point MES_DATABASE_URL at a TimescaleDB and MES_MQTT_URL at a "
    "broker that run elsewhere."
)


@dataclass(frozen=True, slots=True)
class Machine:
    """Debian's words for a processor: its architecture, library folder and loader."""

    arch: str
    triplet: str
    loader: str


MACHINES = {
    "x86_64": Machine("amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "aarch64": Machine("arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to fetch and what of it to keep.

    `programs` is the folder whose programs get a wrapper; `kept` are further paths of the packages; `dropped` are glob
    patterns, relative to the tree, of what is not needed to run them. `version_of` names the package whose version is
    written down. A changed recipe takes a new `edition`, so that an older tree is not taken for it.
    """

    name: str
    edition: int
    packages: tuple[str, ...]
    libraries: tuple[str, ...]
    programs: str
    version_of: str
    kept: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    def tree(self, cache: Path) -> Path:
        """Where the unpacked programs stand."""
        return cache / f"{self.name}-{SUITE}-{_machine().arch}-{self.edition}"

    def program(self, cache: Path, name: str) -> Path:
        """The wrapper to start program `name` by."""
        return self.tree(cache) / self.programs / name


def _machine() -> Machine:
    try:
        return MACHINES[platform.machine()]
    except KeyError:
        raise SetupError(f"There are no programs for a {platform.machine()} processor", remedy=ELSEWHERE) from None


def fetched(recipe: Recipe, cache: Path) -> bool:
    """Whether the recipe's programs are here already."""
    return (recipe.tree(cache) / "VERSION").exists()


def version(recipe: Recipe, cache: Path) -> str:
    """The Debian version of what is here, for example `2.19.3+dfsg-1`."""
    return (recipe.tree(cache) / "VERSION").read_text().strip()


def ensure(recipes: Sequence[Recipe], cache: Path, say: Say = silent) -> None:
    """Fetch what is not here yet; needs the network only then. Raises `SetupError` with the remedy."""
    if all(fetched(recipe, cache) for recipe in recipes):
        return
    make_folder(cache)
    with locked(cache / "fetch.lock", busy="Another process is still fetching programs", wait_s=FETCH_WAIT_S):
        missing = [recipe for recipe in recipes if not fetched(recipe, cache)]
        if missing:
            _fetch(missing, cache, say)


def _fetch(recipes: Sequence[Recipe], cache: Path, say: Say) -> None:
    _require_apt()
    need_mb(cache, FETCH_NEEDS_MB, "Fetching programs from Debian")
    work = cache / "fetching"
    shutil.rmtree(work, ignore_errors=True)
    try:
        apt = _Apt(make_folder(work), say)
        apt.read_index()
        apt.download(sorted({name for recipe in recipes for name in (*recipe.packages, *recipe.libraries)}))
        for recipe in recipes:
            say(f"Unpacking {recipe.name}")
            _build(recipe, work, cache)
    except OSError as error:
        raise SetupError(
            f"{cache} cannot be written: {error.strerror}",
            remedy="Free some disk space, or point MES_CACHE at a folder you may write to.",
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _require_apt() -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise SetupError(f"This system has no {tool}, so programs cannot be fetched from Debian", remedy=ELSEWHERE)
    if not KEYRING.exists():
        raise SetupError(f"Debian's signing keys ({KEYRING}) are missing on this system", remedy=ELSEWHERE)


class _Apt:
    """apt-get with state, cache and lists of its own in `work`, able to read one Debian release and nothing else."""

    def __init__(self, work: Path, say: Say) -> None:
        self.work = work
        self.say = say
        self.packages = make_folder(work / "packages")
        make_folder(work / "lists" / "partial")
        make_folder(work / "cache" / "archives" / "partial")
        (work / "status").touch()
        source = f"deb [signed-by={KEYRING} arch={_machine().arch} target=Packages] {_mirror()} {SUITE} main\n"
        (work / "sources.list").write_text(source)
        (work / "apt.conf").write_text(_apt_configuration(work))

    def read_index(self) -> None:
        """Fetch the release's index and check its signature."""
        self.say(f"Reading the package index of Debian {SUITE}")
        self._run("update", "--error-on=any")

    def download(self, packages: Sequence[str]) -> None:
        """Fetch the packages (hashes checked by apt) into `self.packages`, saying how far it is."""
        addresses = self._run("download", "--print-uris", *packages).split("\n")
        total_mb = sum(int(line.split()[2]) for line in addresses if line.startswith("'")) / 1e6
        self.say(f"Downloading {len(packages)} packages, {total_mb:.0f} MB")
        with (self.work / "download.log").open("w+") as log:
            command = ["apt-get", "-qq", "download", *packages]
            with subprocess.Popen(command, cwd=self.packages, env=self._env(), stdout=log, stderr=log) as child:
                try:
                    self._watch(child, total_mb)
                except BaseException:
                    child.terminate()
                    raise
            log.seek(0)
            if child.returncode != 0:
                raise _fetch_error(log.read())

    def _watch(self, child: subprocess.Popen[bytes], total_mb: float) -> None:
        told = 0
        while child.poll() is None:
            time.sleep(0.1)
            here_mb = sum(file.stat().st_size for file in self.packages.glob("*.deb")) / 1e6
            if here_mb >= told + 10:
                told = int(here_mb)
                self.say(f"Downloaded {here_mb:.0f} of {total_mb:.0f} MB")

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            ["apt-get", "-q", *words],
            cwd=self.packages,
            env=self._env(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise _fetch_error(done.stdout + done.stderr)
        return done.stdout

    def _env(self) -> dict[str, str]:
        return {**os.environ, "APT_CONFIG": str(self.work / "apt.conf"), "LC_ALL": "C.UTF-8"}


def _fetch_error(output: str) -> SetupError:
    errors = [line.removeprefix("E: ") for line in output.split("\n") if line.startswith("E: ")]
    why = errors[0] if errors else (output.strip().split("\n") or ["apt-get failed"])[-1]
    return SetupError(
        f"Debian's packages could not be fetched ({why.strip().rstrip('.')})",
        remedy="Check the network, apt's proxy and the free disk space, and run this again; nothing half-done is left.",
    )


def _mirror() -> str:
    """The Debian mirror this machine's own apt uses; works before any `apt-get update`."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(COMPONENT) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    for line in listing.stdout.split("\n"):
        component, _, address = line.partition(" ")
        if component == "main" and address.rstrip("/").endswith("/debian"):
            return address
    raise SetupError(
        "This system's apt has no Debian mirror configured",
        remedy=f"Add one to /etc/apt/sources.list. Or: {ELSEWHERE[0].lower()}{ELSEWHERE[1:]}",
    )


def _apt_configuration(work: Path) -> str:
    return "\n".join(
        [
            f'Dir::Etc::SourceList "{work}/sources.list";',
            'Dir::Etc::SourceParts "-";',
            f'Dir::Etc::PreferencesParts "{work}/lists/partial";',
            f'Dir::State::Lists "{work}/lists";',
            f'Dir::State::Status "{work}/status";',
            f'Dir::Cache "{work}/cache";',
            'Acquire::Languages "none";',
            'APT::Sandbox::User "";',
            'Debug::NoLocking "1";',
            "",
        ]
    )


def _build(recipe: Recipe, work: Path, cache: Path) -> None:
    root, draft = work / f"{recipe.name}.root", work / f"{recipe.name}.tree"
    for package in (*recipe.packages, *recipe.libraries):
        _unpack(_package_file(work, package), root)
    for kept in (recipe.programs, *recipe.kept):
        shutil.copytree(root / kept, draft / kept, symlinks=True)
    for pattern in recipe.dropped:
        for path in list(draft.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (draft / recipe.programs).rename(draft / "real")
    _gather_libraries(root, draft)
    _write_wrappers(recipe, draft)
    done = _run_quietly("dpkg-deb", "-f", str(_package_file(work, recipe.version_of)), "Version")
    (draft / "VERSION").write_text(done)
    for folder in [draft, *(path for path in draft.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)
    shutil.rmtree(recipe.tree(cache), ignore_errors=True)
    draft.rename(recipe.tree(cache))


def _package_file(work: Path, package: str) -> Path:
    return next((work / "packages").glob(f"{package}_*.deb"))


def _unpack(package: Path, root: Path) -> None:
    _run_quietly("dpkg-deb", "-x", str(package), str(root))


def _run_quietly(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        why = next(
            (line for line in done.stderr.split("\n") if "No space" in line), done.stderr.strip().split("\n")[-1]
        )
        raise SetupError(f"{argv[0]} failed ({why})", remedy="Check the free disk space and run this again.")
    return done.stdout


def _gather_libraries(root: Path, draft: Path) -> None:
    """Copy what the kept programs link with, and the loader, into one flat `lib`."""
    machine = _machine()
    folder = root / "usr/lib" / machine.triplet
    loader = folder / machine.loader
    wanted: set[Path] = {loader}
    for program in _binaries(draft / "real"):
        listing = _run_quietly(str(loader), "--library-path", str(folder), "--list", str(program))
        for line in listing.split("\n"):
            name, arrow, rest = line.strip().partition(" => ")
            if rest.startswith("not found"):
                raise SetupError(f"Debian's packages for {program.name} lack {name}", remedy="Please report this.")
            if arrow and rest.startswith(str(root)):
                wanted.add(Path(rest.rpartition(" (")[0]))
    lib = make_folder(draft / "lib")
    for library in wanted:
        shutil.copy(library, lib / library.name)


def _binaries(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_file() and _first_bytes(path) == b"\x7fELF"]


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _write_wrappers(recipe: Recipe, draft: Path) -> None:
    """A script per program that starts it with its own loader, whatever folder the tree is moved to."""
    up = "/".join([".."] * len(Path(recipe.programs).parts))
    folder = make_folder(draft / recipe.programs)
    for program in _binaries(draft / "real"):
        wrapper = folder / program.name
        wrapper.write_text(
            "#!/bin/sh\n"
            "d=${0%/*}\n"
            f"r=$d/{up}\n"
            f'exec "$r/lib/{_machine().loader}" --library-path "$r/lib" --argv0 "$0" "$r/real/{program.name}" "$@"\n'
        )
        wrapper.chmod(0o755)
