"""Alembic over numbered plain `.sql` files, forward only, one transaction a file, under one advisory lock.

The files stand in `migrations/NNNN_words.sql`; their order is their number. `upgrade` may be called by any number of
processes at once: the lock is taken before anything is looked at. A file that has been released is never changed.
A database that a newer Takt has upgraded is left alone.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionMap

from mes.errors import MesError, SetupError
from mes.store import schema
from mes.store.pool import away

_LOCK = 0x74616B74  # "takt"


class _SqlFiles(ScriptDirectory):
    """Alembic's view of our folder: each file is a revision that follows the one before it."""

    def __init__(self) -> None:
        super().__init__(str(schema.MIGRATIONS))
        self.revision_map = RevisionMap(self._scripts)

    def _scripts(self) -> Iterator[Script]:
        before: str | None = None
        for number, path in schema.files().items():
            module: Any = types.ModuleType(path.stem)
            module.revision, module.down_revision = number, before
            module.branch_labels = module.depends_on = None
            module.upgrade = _runs(path)
            before = number
            yield Script(module, number, str(path))


def _runs(path: Path) -> Any:
    def upgrade() -> None:
        from alembic import op

        op.get_bind().exec_driver_sql(path.read_text("utf-8"))

    return upgrade


def upgrade(url: str) -> list[str]:
    """Bring the database at `url` (postgresql://...) to the newest schema; the names of the files applied.

    Raises UnavailableError when the database does not answer, SetupError when its schema is newer than this Takt or
    cannot be made.
    """
    scripts = _SqlFiles()
    with _connected(url) as connection:
        connection.exec_driver_sql(f"select pg_advisory_lock({_LOCK})")
        connection.commit()
        waiting = schema.after(MigrationContext.configure(connection).get_current_revision())
        with EnvironmentContext(Config(), scripts, fn=_steps(scripts)) as context:
            context.configure(connection=connection, transaction_per_migration=True)
            with context.begin_transaction():
                context.run_migrations()
        connection.commit()
    return waiting


@contextmanager
def _connected(url: str) -> Iterator[sa.Connection]:
    """A connection of Alembic's kind; it ends with the block."""
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    except sa.exc.DBAPIError as error:
        raise _refusal(error) from error


def _refusal(error: sa.exc.DBAPIError) -> MesError:
    """The sentence for a server that is away, lacks TimescaleDB, or holds something else already."""
    said = str(error.orig).strip()
    if isinstance(error, sa.exc.OperationalError) and "timescaledb" not in said:
        return away(said)
    return SetupError(
        f"The schema cannot be made ({said.splitlines()[0]})",
        remedy="It needs a server with TimescaleDB (installed, and in shared_preload_libraries) and an empty database "
        "whose user may create in it.",
    )


def _steps(scripts: _SqlFiles) -> Any:
    return lambda revision, _context: scripts._upgrade_revs("head", revision)
