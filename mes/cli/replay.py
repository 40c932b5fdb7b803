"""`mes replay`: book a window again from what was heard, or verify what is booked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(replay)


def replay(
    from_: Annotated[str, typer.Option("--from", help="Begin of the window, ISO 8601 with offset.")],
    to: Annotated[str, typer.Option("--to", help="End of the window, ISO 8601 with offset.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Only compare; print rows that differ, exit 1 if any.")
    ] = False,
) -> None:
    """Book a window again from what was heard. With --verify only compare, and print what differs."""
    from mes.host.here import settings_here

    window = (_instant(from_, "--from"), _instant(to, "--to"))
    url = settings_here().database_url
    differing = _verify(url, *window) if verify else _replay(url, *window)
    raise typer.Exit(1 if differing else 0)


def _replay(url: str, from_at: datetime, to_at: datetime) -> int:
    from mes.store.house import load_clock
    from mes.store.pool import connect
    from mes.tracker.replay import check_window, replay

    with connect(url, name="takt replay") as conn:
        check_window(from_at, to_at, load_clock(conn).now())
        replay(conn, from_at, to_at)
    print("Touched; the running tracker books it.")
    return 0


def _verify(url: str, from_at: datetime, to_at: datetime) -> int:
    from psycopg import IsolationLevel

    from mes.store.house import load_clock
    from mes.store.pool import connect
    from mes.tracker.replay import check_window, verify

    differing = 0
    with connect(url, name="takt replay") as conn:
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        check_window(from_at, to_at, load_clock(conn).now())
        for deviation in verify(conn, from_at, to_at):
            differing += 1
            print(f"{deviation.table}\n  stands  {deviation.stands}\n  should  {deviation.should}")
        conn.rollback()
    print(f"{differing} rows differ." if differing else "Every row is as it should be.")
    return differing


def _instant(text: str, option: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no instant", param_hint=option) from None
    if at.tzinfo is None:
        raise typer.BadParameter("needs an offset, as in 2026-01-05T08:00:00+08:00", param_hint=option)
    return at
