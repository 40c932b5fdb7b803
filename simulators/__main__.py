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
WorldFile = Annotated[Path, typer.Option("--world", help="What is true beyond it.", exists=True, dir_okay=False)]
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
    world_file: WorldFile = DEMO / "world.toml",
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
def erp(
    *,
    api: Annotated[str, typer.Option(help="Where the product listens.")] = "http://127.0.0.1:8000",
    key: Annotated[str, typer.Option(envvar="SIM_ERP_KEY", help="The ERP's API key.")] = "",
    documents: Annotated[Path, typer.Option(exists=True, dir_okay=False)] = DEMO / "erp.json",
    plant: PlantFile = DEMO / "plant.toml",
    speed: Speed = 1.0,
    plant_at: PlantAt = "",
    wall_at: WallAt = "",
    log: Annotated[Path | None, typer.Option(help="Write every event read to this file, one JSON line each.")] = None,
    control_port: ControlPort = 0,
) -> None:
    """Be an ERP: send documents, follow the event feed, change its mind by script; prints what it hears."""
    from simulators.erp import Erp
    from simulators.rest import Api

    data = json.loads(documents.read_text(encoding="utf-8"))
    zone = plantfile.read(plant).zone
    Erp(data, Api(api, key), anchor(plant_at, wall_at, speed), zone, log).run(control_port)


@app.command()
def people(
    *,
    api: Annotated[str, typer.Option(help="Where the product listens.")] = "http://127.0.0.1:8000",
    key: Annotated[str, typer.Option(envvar="SIM_PEOPLE_KEY", help="API key of the people.")] = "",
    door: Annotated[str, typer.Option("--machines", help="The machines' control URL; else only hands work.")] = "",
    plant: PlantFile = DEMO / "plant.toml",
    world_file: WorldFile = DEMO / "world.toml",
    seed: Seed = 1,
    speed: Speed = 1.0,
    plant_at: PlantAt = "",
    wall_at: WallAt = "",
    truth: TruthFile = None,
    publish: Annotated[bool, typer.Option(help="A planner among them publishes the first plan.")] = True,
    control_port: ControlPort = 0,
) -> None:
    """Be the people: start and switch jobs, work and scan at manual lines, confirm, bring parts, call for help."""
    from simulators.people import Options, People

    options = Options(anchor(plant_at, wall_at, speed), api, key, door, seed, truth, publish, control_port)
    People(plantfile.read(plant), world.read(world_file), options).run()


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


@app.command()
def faults(
    *,
    route: Annotated[
        list[str], typer.Option(help="NAME=LISTEN_HOST:PORT:TARGET_HOST:PORT; may be given several times.")
    ],
    control_port: ControlPort = 0,
) -> None:
    """Stand between two programs and break their connections; prints {"ready", "control", "ports"}."""
    import asyncio

    from simulators.faults import route_of, run

    asyncio.run(run([route_of(text) for text in route], control_port))


@app.command()
def load(
    *,
    mqtt_url: Annotated[str, typer.Option()] = "mqtt://127.0.0.1:1883",
    rate: Annotated[float, typer.Option(help="Messages a second.")] = 20_000.0,
    seconds: Annotated[float, typer.Option()] = 10.0,
    tags: Annotated[int, typer.Option()] = 200,
    prefix: Annotated[str, typer.Option(help="Tag k publishes on PREFIX/k.")] = "load",
    speed: Speed = 1.0,
    plant_at: PlantAt = "",
    wall_at: WallAt = "",
) -> None:
    """Publish numbered MQTT JSON messages at a fixed rate (QoS 1); prints what was sent and acknowledged as JSON."""
    from simulators.load import publish

    result = publish(mqtt_url, anchor(plant_at, wall_at, speed), rate=rate, seconds=seconds, tags=tags, prefix=prefix)
    print(json.dumps(result.as_json()))


@app.command("opcua-load")
def opcua_load(
    *,
    port: Annotated[int, typer.Option()] = 4840,
    nodes: Annotated[int, typer.Option()] = 1000,
    rate: Annotated[float, typer.Option(help="Values written a second, over all nodes.")] = 1000.0,
    seconds: Annotated[float, typer.Option()] = 10.0,
    speed: Speed = 1.0,
    plant_at: PlantAt = "",
    wall_at: WallAt = "",
) -> None:
    """Be an OPC UA server whose nodes count at a fixed rate; prints {"ready", "url"}, then what was written as JSON."""
    import asyncio

    from simulators.opcua_load import serve

    clock = anchor(plant_at, wall_at, speed)
    print(json.dumps(asyncio.run(serve(port, clock, nodes=nodes, rate=rate, seconds=seconds))))


@app.command("load-plant")
def load_plant(
    *,
    mqtt_url: Annotated[str, typer.Option()] = "mqtt://127.0.0.1:1883",
    tags: Annotated[int, typer.Option()] = 200,
    prefix: Annotated[str, typer.Option()] = "load",
    signal: Annotated[str, typer.Option(help="good_total, or value:NAME for process values.")] = "good_total",
    opcua_url: Annotated[str, typer.Option(help="The tags of `opcua-load` instead, at this address.")] = "",
) -> None:
    """Print the plant model whose tags are what `load` publishes, or `opcua-load` serves."""
    import tomli_w

    from simulators import plants

    model = plants.opcua_load_plant(opcua_url, tags) if opcua_url else plants.load_plant(mqtt_url, tags, prefix, signal)
    print(tomli_w.dumps(model))


@app.command("plants")
def generate(
    folder: Annotated[Path, typer.Argument(help="Where plant.toml, world.toml and erp.json are written.")],
    *,
    lines: Annotated[int, typer.Option()] = 20,
    machines_per_line: Annotated[int, typer.Option("--machines")] = 3,
    seed: Seed = 1,
    cycle_s: Annotated[float, typer.Option(help="Mean cycle; machines differ by up to two thirds.")] = 30.0,
    protocols: Annotated[str, typer.Option(help="Given to the lines in turn.")] = "mqtt,sparkplug,opcua",
    mqtt_url: Annotated[str, typer.Option()] = "mqtt://127.0.0.1:1883",
    opcua_port: Annotated[int, typer.Option()] = 4840,
) -> None:
    """Write a larger plant, its world and an ERP's documents."""
    from simulators.plants import Size, generate, write

    size = Size(
        lines=lines,
        machines=machines_per_line,
        seed=seed,
        cycle_s=(cycle_s / 3, cycle_s * 5 / 3),
        protocols=tuple(protocols.split(",")),
        mqtt_url=mqtt_url,
        opcua_port=opcua_port,
    )
    write(generate(size), folder)


if __name__ == "__main__":
    app()
