"""Which schema a database has, beside the one this Takt knows: older, current or newer. Read only.

The numbered files of `migrations/` are the schema; `mes.store.migrate` applies them. Every process asks here before it
begins, so that a forgotten upgrade is a sentence and not a missing column.
"""

from __future__ import annotations

from pathlib import Path

from mes.errors import SetupError
from mes.store.pool import Connection

MIGRATIONS = Path(__file__).with_name("migrations")


def files() -> dict[str, Path]:
    """The numbered files in their order, by number."""
    return {path.stem.split("_", 1)[0]: path for path in sorted(MIGRATIONS.glob("[0-9]*.sql"))}


def current(conn: Connection) -> str | None:
    """The number of the file applied last; None for an empty database."""
    known = conn.execute("select to_regclass('alembic_version')").fetchone()
    if known is None or known[0] is None:
        return None
    row = conn.execute("select version_num from alembic_version").fetchone()
    return None if row is None else str(row[0])


def pending(conn: Connection) -> list[str]:
    """The names of the files not yet applied. Raises SetupError when the schema is newer than this Takt."""
    return after(current(conn))


def after(number: str | None) -> list[str]:
    """The names of the files that follow `number`, all for None. Raises SetupError for a number beyond the last."""
    known = files()
    if number is not None and number > max(known):
        raise SetupError(
            f"The database's schema ({number}) is newer than this Takt ({max(known)})",
            remedy="Start the newer Takt that upgraded it, or restore a backup made before.",
        )
    return [path.name for each, path in known.items() if number is None or each > number]


def require_current(conn: Connection) -> None:
    """Raises SetupError unless the schema is the one this Takt knows."""
    if waiting := pending(conn):
        raise SetupError(
            f"The database's schema is older than this Takt ({', '.join(waiting)} not applied)",
            remedy="Run `mes db upgrade`.",
        )
