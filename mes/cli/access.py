"""`mes user`, `mes key`: let people and systems in. `mes audit`: what was done by whom holds together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mes.actions.record import Deed
    from mes.domain.access import Grant
    from mes.settings import Settings
    from mes.store.pool import Connection

users = typer.Typer(no_args_is_help=True, help="People who sign in.")
keys = typer.Typer(no_args_is_help=True, help="API keys of other systems.")
trail = typer.Typer(no_args_is_help=True, help="The audit trail.")


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(users, name="user")
    app.add_typer(keys, name="key")
    app.add_typer(trail, name="audit")


@users.command("add")
def add_user(
    code: Annotated[str, typer.Argument(help="What they sign in as.")],
    role: Annotated[list[str], typer.Option(help="ROLE, or ROLE:L01,L02 for some lines only; may be repeated.")],
    name: Annotated[str, typer.Option(help="What they are called.")] = "",
) -> None:
    """Let somebody in. Prints the one-time link with which they set their password."""
    from mes.actions.access import add_person, invite_link

    grants = [_grant(word) for word in role]
    with _deed() as (settings, conn, deed):
        token = add_person(conn, deed, code=code, name=name or code, grants=grants)
    print(f"{settings.http_url}{invite_link(token)}")


@users.command("invite")
def invite_user(code: Annotated[str, typer.Argument(help="What they sign in as.")]) -> None:
    """A fresh one-time link. For somebody who forgot their password; their sessions end."""
    from mes.actions.access import invite, invite_link

    with _deed() as (settings, conn, deed):
        token = invite(conn, deed, code)
    print(f"{settings.http_url}{invite_link(token)}")


@keys.command("add")
def add_key(
    system: Annotated[str, typer.Option(help="The system it belongs to; it may write only that system's documents.")],
    scope: Annotated[list[str], typer.Option(help="A permission, or erp or gateway for all of its; repeatable.")],
) -> None:
    """A new API key. It is shown once, on standard output."""
    from mes.actions import access

    with _deed() as (_, conn, deed):
        key = access.add_key(conn, deed, system=system, scopes=scope)
    print(key)


@keys.command("revoke")
def revoke_key(prefix: Annotated[str, typer.Argument(help="The part of the key between its underscores.")]) -> None:
    """End an API key."""
    from mes.actions import access

    with _deed() as (_, conn, deed):
        access.revoke_key(conn, deed, prefix)
    print(f"Key {prefix} opens nothing any more")


@keys.command("list")
def list_keys() -> None:
    """Every API key, newest first, without its secret."""
    from mes.store import access

    with _deed() as (_, conn, _):
        rows = access.list_keys(conn)
    for row in rows:
        state = "revoked" if row.revoked_at else "in force"
        used = f"last used {row.last_used_at:%Y-%m-%d %H:%M} UTC" if row.last_used_at else "never used"
        print(f"{row.prefix}  {row.system}  {state}  {used}  {' '.join(row.scopes)}")


@trail.command("verify")
def verify_trail(
    head: Annotated[str, typer.Option(help="A head printed earlier, kept elsewhere: finds a cut trail.")] = "",
) -> None:
    """Recompute the audit trail. Exit 1 where a row was changed, removed, added or reordered."""
    from mes.errors import MesError
    from mes.store.audit import verify_chain

    with _deed() as (_, conn, _):
        state = verify_chain(conn, anchor=head)
    if state.broken:
        raise MesError(f"The audit trail is broken: {state.broken}", remedy="Compare it with a backup.")
    waiting = f", {state.unchained} not chained yet" if state.unchained else ""
    print(f"{state.rows} rows hold together{waiting}; head {state.head or 'none'}")


@contextmanager
def _deed() -> Iterator[tuple[Settings, Connection, Deed]]:
    from mes.actions.record import Deed
    from mes.host.here import settings_here
    from mes.store.house import load_clock
    from mes.store.pool import connect

    settings = settings_here()
    with connect(settings.database_url, name="takt cli") as conn, conn.transaction():
        yield settings, conn, Deed("cli", load_clock(conn).now())


def _grant(word: str) -> Grant:
    from mes.domain.access import PERSON_ROLES, Grant

    role, colon, lines = word.partition(":")
    found = next((known for known in PERSON_ROLES if known == role), None)
    if found is None:
        raise typer.BadParameter(f"{role!r} is none of {', '.join(PERSON_ROLES)}", param_hint="--role")
    return Grant(found, frozenset(code for code in lines.split(",") if code) if colon else None)
