"""`mes db`: the private database, and the schema of whichever is used."""

from __future__ import annotations

import typer

group = typer.Typer(no_args_is_help=True, help="The private database and its schema.")


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(group, name="db")


@group.command()
def start() -> None:
    """Start the private database. Fetches, sets up and upgrades it where needed."""
    from mes.host import here, timescale
    from mes.host.processes import aloud
    from mes.settings import load_settings
    from mes.store import migrate

    settings = load_settings()
    _require_private(settings.database_url)
    cluster = timescale.cluster_of(settings)
    begun = timescale.start(cluster, aloud, leash=False)
    timescale.ensure_database(cluster, here.DATABASE)
    migrate.upgrade(timescale.url(cluster, here.DATABASE))
    print(f"The database {'runs' if begun else 'ran already'} at {_shown(timescale.url(cluster, here.DATABASE))}")


@group.command()
def stop() -> None:
    """Shut the private database down cleanly."""
    from mes.host import timescale
    from mes.settings import load_settings

    settings = load_settings()
    _require_private(settings.database_url)
    stopped = timescale.stop(timescale.cluster_of(settings))
    print("The database is stopped" if stopped else "The database did not run")


@group.command()
def status() -> None:
    """Say where the database is and what it is. Exit 1 when it does not answer."""
    from mes.host.here import settings_here
    from mes.store import schema
    from mes.store.pool import connect
    from mes.store.server import server_facts

    url = settings_here().database_url
    with connect(url, name="takt db status") as conn:
        facts, waiting = server_facts(conn), len(schema.pending(conn))
    print(f"{_shown(url)}: PostgreSQL {facts.version}, TimescaleDB {facts.timescaledb} ({facts.edition} edition)")
    state = f"{waiting} schema changes wait: mes db upgrade" if waiting else "schema up to date"
    print(f"profile {facts.profile}, {facts.size_mb} MB, {state}")


@group.command()
def upgrade() -> None:
    """Bring the schema up to date. Safe at any time, by anybody, twice."""
    from mes.host.here import settings_here
    from mes.store import migrate

    applied = migrate.upgrade(settings_here().database_url)
    print("\n".join(f"applied {name}" for name in applied) or "The schema is up to date")


def _require_private(database_url: str) -> None:
    from mes.errors import SetupError

    if database_url:
        raise SetupError(
            "MES_DATABASE_URL names a database that is not ours to start or stop",
            remedy="Start or stop it where it runs, or unset MES_DATABASE_URL.",
        )


def _shown(url: str) -> str:
    """The address without its password."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
