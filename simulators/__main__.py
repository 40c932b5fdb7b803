"""`python -m simulators`: machines, an ERP, people, a fault proxy, load; and what the truth logs add up to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from simulators import plantfile, world
from simulators.instants import anchor, from_iso

DEMO = Path(__file__).parent / "demo"

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

PlantFile = Annotated[Path, typer.Option("--plant", help="Plant model file.", exists=True, dir_okay=False)]
PlantAt = Annotated[str, typer.Option("--plant-at", help="Plant time at --wall-at, RFC 3339; default now.")]
WallAt = Annotated[str, typer.Option("--wall-at", help="This machine's time at which --plant-at holds; default now.")]
Speed = Annotated[float, typer.Option("--speed", help="How many seconds of plant time pass in a second.")]
Seed = Annotated[int, typer.Option("--seed")]
ControlPort = Annotated[int, typer.Option("--control-port", help="Port of the door on 127.0.0.1; 0 takes a free one.")]
TruthFile = Annotated[Path | None, typer.Option("--truth", help="Write the truth log to this file.")]


@app.command()
def machines(
    *,
    plant: PlantFile = DEMO / "plant.toml",
    world_file: Annotated[Path, typer.Option("--world", exists=True, dir_okay=False)] = DEMO / "world.toml",
    seed: Seed = 1,
    speed: Speed = 1.0,
    plant_at: PlantAt = "",
    wall_at: WallAt = "",
    truth: TruthFile = None,
    mqtt_url: Annotated[str, typer.Option(help="Replaces the brokers' addresses of the plant file.")] = "",
    opcua_port_base: Annotated[int, typer.Option(help="OPC UA servers listen from this port on.")] = 0,
    control_port: ControlPort = 0,
) -> None:
    """Be the machines of a plant; prints {"ready", "control"} when all servers listen."""
    from simulators.machines import Options, run

    options = Options(anchor(plant_at, wall_at, speed), seed, truth, mqtt_url, opcua_port_base, control_port)
    run(plantfile.read(plant), world.read(world_file), options)


@app.command()
def truth(
    *,
    logs: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)],
    until: Annotated[str, typer.Option(help="Only what happened before this instant, RFC 3339.")] = "",
    summary: Annotated[
        bool, typer.Option("--summary", help="Totals by station, hour, shift and order as text.")
    ] = False,
) -> None:
    """Print what truth logs add up to: per station states with from and to, good and reject by hour, shift, order."""
    from simulators import journal

    told = journal.Summary.of(journal.read(logs), from_iso(until) if until else None)
    if not summary:
        print(json.dumps(told.as_json(), ensure_ascii=False))
        return
    for line in journal.as_text(told):
        print(line)


if __name__ == "__main__":
    app()
