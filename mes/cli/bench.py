"""`mes bench`: measure the product on this machine, beside ceilings and peers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from mes.bench.result import Result
    from mes.host.launch import Stack
    from mes.settings import Settings

group = typer.Typer(no_args_is_help=True, help="Measure the product on this machine.")
Seconds = Annotated[float, typer.Option(help="How long to measure.", min=1)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(group, name="bench")


@group.command()
def ingest(
    *,
    seconds: Seconds = 20.0,
    peer: Annotated[list[str] | None, typer.Option(help="Also measure: node-red (fetched by npm).")] = None,
    as_json: AsJson = False,
) -> None:
    """MQTT to stored rows: rows a second, CPU a row, beside psycopg's shortest loop."""
    from mes.bench.ingest import run

    _measure(lambda settings: run(settings, seconds=seconds, peers=peer or ()), as_json=as_json)


@group.command()
def opcua(*, seconds: Seconds = 10.0, as_json: AsJson = False) -> None:
    """OPC UA notifications: CPU each, time to subscribe 5,000 items, values lost, beside asyncua's handler API."""
    from mes.bench.opcua import run
    from mes.host.processes import free_port

    _show(run(free_port(), seconds=seconds), as_json)


@group.command()
def query(
    *,
    days: Annotated[int, typer.Option(help="Of history behind the questions.", min=1)] = 90,
    as_json: AsJson = False,
) -> None:
    """What screens ask, on months of history: wall, OEE, Pareto, timeline; and how little that grows with the past."""
    from mes.bench.query import run

    _measure(lambda settings: run(settings, days=days), as_json=as_json)


@group.command()
def tracker(*, seconds: Seconds = 20.0, as_json: AsJson = False) -> None:
    """Booking 10,000 samples a second of 200 machines: share of a core, beside only reading the same rows."""
    from mes.bench.tracker import run

    _measure(lambda settings: run(settings, seconds=seconds), as_json=as_json)


@group.command()
def loop(
    *,
    rounds: Annotated[int, typer.Option(help="Counts followed through the house.", min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    """From a count at a device to booked, short, planned anew and told to the ERP; and the verdict on a drag."""
    from mes.bench.loop import Site, run

    def measured(stack: Stack) -> Result:
        site = Site(stack.database_url, stack.http_url, stack.door("machines"))
        return run(site, rounds=rounds, say=lambda text: typer.echo(text, err=True))

    _measure(lambda settings: _on_a_demo(settings, "automatic", measured), as_json=as_json)


@group.command()
def live(*, seconds: Seconds = 30.0, as_json: AsJson = False) -> None:
    """200 screens on the running product: what they cost the api, how late they are told, from machine to pixel."""
    import asyncio

    from mes.bench.live import Plant, seen, told
    from mes.bench.walls import changing_wall

    def measured(settings: Settings) -> Result:
        with changing_wall(settings) as wall:
            result = asyncio.run(told(wall, seconds=seconds))
        return _on_a_demo(
            settings, "", lambda stack: asyncio.run(seen(result, Plant(stack.http_url, stack.door("machines"))))
        )

    _measure(measured, as_json=as_json)


def _on_a_demo(settings: Settings, planning: Literal["", "automatic"], measured: Callable[[Stack], Result]) -> Result:
    """Measure on a demonstration at speed 1, in a database of its own."""
    from mes.host.demo import Demo, drop_database
    from mes.host.launch import launched
    from mes.host.timescale import with_database

    own = with_database(settings.database_url, "takt_bench")
    servers = {"MES_DATABASE_URL": own, "MES_MQTT_URL": settings.mqtt_url}
    try:
        with launched(settings.home / "demo", Demo(speed=1, planning=planning, lead_s=30), servers) as stack:
            return measured(stack)
    finally:
        drop_database(own)


@group.command()
def plan(
    *,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="One of the sets, as often as wanted; else all.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Random numbers tried: median and worst are told.", min=1)] = 5,
    instances: Annotated[Path | None, typer.Option(help="Folder of published problems.", exists=True)] = None,
    as_json: AsJson = False,
) -> None:
    """Plans of generated plants and published problems against their bars, beside a rule, CP-SAT and PyJobShop."""
    from mes.bench.plan import run

    _show(run(sets or (), seeds=seeds, instances=instances, say=lambda text: typer.echo(text, err=True)), as_json)


def _measure(run: Callable[[Settings], Result], *, as_json: bool) -> None:
    with _servers() as settings:
        result = run(settings)
    _show(result, as_json)


def _show(measured: Result, as_json: bool) -> None:
    result = measured.as_json()
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
        return
    for name, measure in result["measures"].items():
        spread = "".join(f"  {p} {measure[p]}" for p in ("p50", "p95", "p99", "worst") if p in measure)
        print(f"{name:28} {measure['value']:>12} {measure['unit']}{spread}")
    for name, peers in result["peers"].items():
        print(f"{name}: " + ", ".join(f"{peer} {figure}" for peer, figure in peers.items()))
    for name, ratio in result["ratios"].items():
        print(f"{name:28} {ratio:>12} x")
    for note in result["notes"]:
        print(note)


@contextmanager
def _servers() -> Iterator[Settings]:
    """The servers that were given; else private ones of the bench's own, durable, gone afterwards."""
    import shutil

    from mes.host import mosquitto, timescale
    from mes.settings import load_settings

    settings = load_settings()
    home = Path(mkdtemp(prefix="takt-bench-"))
    home.chmod(0o711)
    try:
        changes: dict[str, object] = {"home": home}
        if not settings.database_url:
            cluster = timescale.Cluster(home / "db", settings.cache)
            timescale.start(cluster, leash=True)
            changes["database_url"] = timescale.url(cluster, "postgres")
        if not settings.mqtt_url:
            broker = mosquitto.Broker(home / "broker", settings.cache)
            mosquitto.start(broker, leash=True)
            changes["mqtt_url"] = mosquitto.url(broker)
        yield settings.model_copy(update=changes)
        if "mqtt_url" in changes:
            mosquitto.stop(broker)
        if "database_url" in changes:
            timescale.stop(cluster)
    finally:
        shutil.rmtree(home, ignore_errors=True)
