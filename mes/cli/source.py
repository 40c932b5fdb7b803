"""`mes source`: the device side: test a source, look what a server has, trust its certificate."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from mes.errors import MesError, NotFoundError, SetupError, UnavailableError

if TYPE_CHECKING:
    from collectors.source import Assignment
    from mes.settings import Settings

group = typer.Typer(no_args_is_help=True, help="Device servers and brokers: test, look, trust.")


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(group, name="source")


@group.command("test")
def try_source(
    code: Annotated[str, typer.Argument(help="Code of a source of the plant model.")],
    *,
    seconds: Annotated[float, typer.Option(help="How long to listen at most.")] = 10.0,
) -> None:
    """Connect as the collector would. Prints what each tag of the source says."""
    from collectors.look import listen_to
    from mes.host.here import settings_here

    settings = settings_here()
    silent = 0
    for seen in listen_to(_assignment(settings.database_url, code), settings, seconds=seconds):
        print(f"{seen.address:40} {'-- ' + seen.why_not if seen.why_not else seen.value}")
        silent += bool(seen.why_not)
    if silent:
        raise MesError(f"{silent} tags of {code} say nothing")


@group.command()
def browse(
    url: Annotated[str, typer.Argument(help="opc.tcp://host:4840 or mqtt://host:1883")],
    *,
    user: Annotated[str, typer.Option(help="User name.")] = "",
    password_env: Annotated[str, typer.Option(help="The variable that holds the password.")] = "",
    security: Annotated[str, typer.Option(help="OPC UA security, as in the plant file.")] = "None",
    ca: Annotated[str, typer.Option(help="mqtts: file with the authority that signed the broker's certificate.")] = "",
    cert: Annotated[str, typer.Option(help="File with our certificate, where one is wanted.")] = "",
    key: Annotated[str, typer.Option(help="File with its key.")] = "",
    glob: Annotated[str, typer.Option(help="Only paths, topics or metrics like this.")] = "*",
    source: Annotated[str, typer.Option(help="Code to write into the tags.")] = "source-1",
    seconds: Annotated[float, typer.Option(help="How long to listen to a broker.")] = 10.0,
) -> None:
    """Print what a server has as [[tag]] lines. With the values of now, to be checked and pasted."""
    from collectors.look import browse as look
    from mes.domain.plant import Source

    model = Source(
        source,
        "opcua" if url.startswith("opc.tcp") else "mqtt",
        url,
        user=user,
        password_env=password_env,
        security=security,
        ca=ca,
        cert=cert,
        key=key,
        client_id="takt-browse",
    )
    offers = look(model, _settings(), glob=glob, seconds=seconds, say=_progress)
    _progress(None)
    for offer in offers:
        print(offer.lines(source))
    if not offers:
        raise NotFoundError(f"Nothing at {url} is like {glob}")


@group.command()
def trust(
    thumbprint: Annotated[str, typer.Argument(help="The beginning of a thumbprint; without one, list them.")] = "",
) -> None:
    """Accept a server's rejected certificate. Compare its thumbprint at the server first."""
    from collectors.opcua.security import Pki

    pki = Pki(_settings().home / "pki")
    if thumbprint:
        print(f"Trusted: {pki.trust(thumbprint).subject.rfc4514_string()}")
        return
    rejected = pki.rejected()
    if not rejected:
        print("No certificate was rejected.")
    for thumb, certificate in rejected.items():
        print(f"{thumb}  {certificate.subject.rfc4514_string()}  until {certificate.not_valid_after_utc:%Y-%m-%d}")


def _settings() -> Settings:
    """Those of what runs here; looking at a server needs no database yet."""
    from mes.host.here import settings_here
    from mes.settings import load_settings

    with suppress(SetupError, UnavailableError):
        return settings_here()
    return load_settings()


def _progress(count: int | None) -> None:
    """A counter on a terminal's stderr."""
    if sys.stderr.isatty():
        print("\r\033[K" if count is None else f"\r{count} seen", end="", file=sys.stderr, flush=True)


def _assignment(database_url: str, code: str) -> Assignment:
    from collectors.lease import assignments_of
    from mes.actions.plant import plant_at
    from mes.store.house import load_clock
    from mes.store.plant import tag_numbers
    from mes.store.pool import connect

    with connect(database_url, name="takt source test") as conn:
        plant = plant_at(conn, load_clock(conn).now())
        assignments = assignments_of(plant, tag_numbers(conn), (1, 1))
    if code not in assignments:
        raise NotFoundError(f"The plant model has no source {code} to connect to")
    assignment = assignments[code]
    named = replace(assignment.source, client_id=f"takt-test-{code}", role="passive")
    return replace(assignment, source=named)
