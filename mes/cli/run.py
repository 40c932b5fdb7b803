"""`mes demo`, `mes up`, `mes collect`, `mes track`, `mes work`, `mes serve`: what runs."""

from __future__ import annotations

from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (demo, up, collect, track, work, serve):
        app.command()(command)


def demo(
    speed: Annotated[
        float, typer.Option(help="How many times as fast as life: 60 is an hour a minute.", min=0.1, max=600)
    ] = 20.0,
    seed: Annotated[int, typer.Option(help="Another number, other faults and stops; the same number, the same.")] = 1,
) -> None:
    """Run everything here, with a simulated plant. Prints the URL; Ctrl-C stops all it started."""
    from mes.host.demo import Demo
    from mes.host.processes import aloud
    from mes.settings import load_settings

    Demo(speed=speed, seed=seed).run(load_settings(), say=aloud)


def up() -> None:
    """Run everything here, for a real plant. Prints the URL; Ctrl-C stops all it started."""
    from mes.host.processes import aloud
    from mes.host.up import run
    from mes.settings import load_settings

    run(load_settings(), say=aloud)


def collect(
    shard: Annotated[str, typer.Option(help="I/N: take only the I-th of N parts of the sources.")] = "1/1",
) -> None:
    """Hear the machines: one process of `mes up`."""
    from collectors.supervisor import main
    from mes.host.here import settings_to_run
    from mes.log import configure

    part = _shard(shard)
    configure()
    main(settings_to_run(keeping=True), shard=part)


def track() -> None:
    """Book what was heard, tell what follows: one process of `mes up`."""
    from mes.host.here import settings_to_run
    from mes.log import configure
    from mes.tracker.tracker import main

    configure()
    main(settings_to_run())


def work() -> None:
    """Do the housekeeping: one process of `mes up`."""
    from mes.host.here import settings_to_run
    from mes.log import configure
    from mes.work import main

    configure()
    main(settings_to_run())


def serve(
    port: Annotated[int | None, typer.Option(help="Instead of MES_HTTP_PORT.", min=1, max=65535)] = None,
) -> None:
    """Serve the API and the screens: one process of `mes up`."""
    from api.app import main
    from mes.host.here import settings_to_run
    from mes.log import configure

    configure()
    settings = settings_to_run()
    main(settings if port is None else settings.model_copy(update={"http_port": port}))


def _shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise typer.BadParameter("must look like 1/3", param_hint="--shard")
    return int(number), int(count)
