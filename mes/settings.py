"""What a process of Takt must be told: where its things are and where the others listen.

Values come from `MES_*` variables, then from `takt.toml` in the working directory, then from the defaults here.
An empty `database_url` or `mqtt_url` means: the private one under `home` (see `mes.host`). The command line fills
both in before it hands the settings to a room, so a room may rely on them.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from mes.errors import Fault, InputError

SETTINGS_FILE = "takt.toml"


def default_home() -> Path:
    """Where database, spool, keys and logs live when `MES_HOME` is not given.

    PostgreSQL refuses root, so as root the home must lie where an unprivileged user can reach it.
    """
    here = Path.cwd()
    if os.geteuid() != 0:
        return here / ".mes"
    return Path("/var/lib/takt") / hashlib.sha256(str(here).encode()).hexdigest()[:12]


def default_cache() -> Path:
    """Where unpacked programs (PostgreSQL, mosquitto) live when `MES_CACHE` is not given: one copy per user."""
    if os.geteuid() == 0:
        return Path("/var/cache/takt")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "takt"


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _postgres(url: str) -> str:
    if url and not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    return url


def _mqtt(url: str) -> str:
    if url and not url.startswith(("mqtt://", "mqtts://")):
        raise ValueError("must look like mqtt://host:1883")
    return url


class Settings(BaseSettings):
    """Read once at start, never changed; `model_copy(update=...)` gives a changed one."""

    model_config = SettingsConfigDict(
        env_prefix="MES_",
        env_ignore_empty=True,
        toml_file=SETTINGS_FILE,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    home: Annotated[Path, AfterValidator(_absolute)] = Field(default_factory=default_home)
    """Where database, spool, keys and logs live: `.mes` here, as root below `/var/lib/takt`."""
    cache: Annotated[Path, AfterValidator(_absolute)] = Field(default_factory=default_cache)
    """Where fetched programs (PostgreSQL, mosquitto) live: `~/.cache/takt`, as root `/var/cache/takt`."""
    database_url: Annotated[str, AfterValidator(_postgres)] = ""
    """A TimescaleDB of yours, `postgresql://user:password@host:5432/database`; empty: a private one."""
    mqtt_url: Annotated[str, AfterValidator(_mqtt)] = ""
    """A broker of yours, `mqtt://host:1883`; empty: a private one."""
    http_host: str = "127.0.0.1"
    """Address the pages and the API listen on; `0.0.0.0` opens them to the network."""
    http_port: int = Field(default=8000, ge=1, le=65535)
    """Their port."""
    collect_metrics_port: int = Field(default=0, ge=0, le=65535)
    """Where a collector shows its figures to Prometheus; 0: nowhere."""
    lang: Literal["", "zh", "en"] = ""
    """Language of the screens; empty: each browser's own."""
    demo: bool = False
    """Set by `mes demo`: whoever opens the pages on this machine is signed in as the demo's planner."""

    @property
    def log_dir(self) -> Path:
        """Where each process writes its log."""
        return self.home / "log"

    @property
    def doors_file(self) -> Path:
        """Where `mes demo` writes at which addresses its simulators let things be done to them."""
        return self.home / "doors.json"

    @property
    def http_url(self) -> str:
        """The address people open, without a trailing slash."""
        host = "127.0.0.1" if self.http_host in {"0.0.0.0", "::"} else self.http_host
        return f"http://{host}:{self.http_port}"

    def environment(self) -> dict[str, str]:
        """These settings as `MES_*` variables, for a child process."""
        return {
            f"MES_{name.upper()}": str(value) for name, value in self.model_dump().items() if value not in ("", None)
        }

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over variables, variables over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def unknown_variables() -> list[str]:
    """`MES_*` variables that mean nothing here: most likely a slip of the pen."""
    known = {f"MES_{name.upper()}" for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith("MES_") and name not in known)


def load_settings() -> Settings:
    """Read variables and `takt.toml`; raises `InputError` naming each wrong one."""
    try:
        return Settings()
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{SETTINGS_FILE} is not valid TOML: {error}") from None
    except ValidationError as error:
        faults = tuple(
            Fault(f"MES_{str(fault['loc'][0]).upper()}", "invalid_setting", fault["msg"].removeprefix("Value error, "))
            for fault in error.errors()
        )
        raise InputError(f"A setting is wrong (from MES_* variables or {SETTINGS_FILE})", faults=faults) from None
