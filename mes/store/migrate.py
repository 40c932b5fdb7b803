"""Alembic over numbered plain `.sql` files, forward only, one transaction a file, under one advisory lock.

The files stand in `migrations/NNNN_words.sql`; their order is their number. `upgrade` may be called by any number of
processes at once: the lock is taken before anything is looked at. A file that has been released is never changed.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionMap

from mes.errors import UnavailableError

MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x74616B74  # "takt"


class _SqlFiles(ScriptDirectory):
    """Alembic's view of our folder: each file is a revision that follows the one before it."""

    def __init__(self) -> None:
        super().__init__(str(MIGRATIONS))
        self.revision_map = RevisionMap(self._scripts)

    def _scripts(self) -> Iterator[Script]:
        before: str | None = None
        for path in sorted(MIGRATIONS.glob("[0-9]*.sql")):
            module: Any = types.ModuleType(path.stem)
            module.revision, module.down_revision = path.stem.split("_", 1)[0], before
            module.branch_labels = module.depends_on = None
            module.upgrade = _runs(path)
            before = module.revision
            yield Script(module, module.revision, str(path))


def _runs(path: Path) -> Any:
    def upgrade() -> None:
        from alembic import op

        op.get_bind().exec_driver_sql(path.read_text("utf-8"))

    return upgrade


def _engine(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=sa.NullPool)


def upgrade(url: str) -> list[str]:
    """Bring the database at `url` (postgresql://...) to the newest schema; the names of the files applied.

    Raises UnavailableError when the database does not answer.
    """
    scripts = _SqlFiles()
    try:
        with _engine(url).connect() as connection:
            connection.exec_driver_sql(f"select pg_advisory_lock({_LOCK})")
            connection.commit()
            before = MigrationContext.configure(connection).get_current_revision()
            with EnvironmentContext(Config(), scripts, fn=_steps(scripts)) as context:
                context.configure(connection=connection, transaction_per_migration=True)
                with context.begin_transaction():
                    context.run_migrations()
            connection.commit()
            return [Path(s.path).name for s in scripts.walk_revisions() if before is None or s.revision > before][::-1]
    except sa.exc.OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise UnavailableError(
            f"The database does not answer: {reason}", remedy="Start it with `mes db start`."
        ) from error


def _steps(scripts: _SqlFiles) -> Any:
    return lambda revision, _context: scripts._upgrade_revs("head", revision)


def pending(url: str) -> list[str]:
    """The names of the files not yet applied to the database at `url`."""
    scripts = _SqlFiles()
    with _engine(url).connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return [Path(s.path).name for s in scripts.walk_revisions() if current is None or s.revision > current][::-1]
