"""Job marks that nobody has to enter: a device says another order, or a job has reached its quantity.

They are entries like those of people, with the instant at which it was so, and each is made once: its client id follows
from what it is about. A device's order begins that order's job at the station that counts at the machine, pauses
whatever runs where it says none or one nobody knows. Only where the line says `switch = "automatic"` does reaching the
quantity (and over_make) at the line's output switch the line to its next job; elsewhere the station is prompted.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from uuid import NAMESPACE_URL, UUID, uuid5

from mes.actions.floor import enter
from mes.actions.record import Deed
from mes.domain.calendar import instant, micros
from mes.domain.floor import EntryDocument
from mes.domain.plant import Line, Plant
from mes.domain.tracking.jobs import YIELD_PHASES
from mes.store.jobs import OpenJob, RunningJob, minute_reaching, open_jobs, running_jobs
from mes.store.pool import Connection
from mes.tracker.plants import Plants
from mes.tracker.refold import instants_of


def react_device_orders(conn: Connection, deed: Deed, plants: Plants, said: Iterable[tuple[str, int, str]]) -> None:
    """Mark the jobs of orders that devices began to say: (post, at, word)."""
    for code, at, word in said:
        rules = plants.rules(code, at)
        plant = plants.plant_at(at)
        if rules is None or plant is None or not rules.station:
            continue
        job = _job_of(open_jobs(conn, rules.line), word)
        entry = EntryDocument(
            kind="mark",
            mark="switch" if job else "pause",
            station=rules.station,
            job_id=job.job_id if job else None,
            effective_at=instant(at),
            note="" if job or not word else f"the device says {word}, for which the line has no job",
        )
        _enter(conn, Deed(by=f"device:{code}", at=deed.at), entry, plant, f"order/{code}/{at}/{word}")


def _job_of(jobs: Iterable[OpenJob], number: str) -> OpenJob | None:
    """The job an order means on a line: the one that runs or was begun, else its first."""
    own = [job for job in jobs if number and job.number == number]
    begun = [job for job in own if job.state in {"running", "paused"}]
    return next(iter(begun or own), None)


def react_switches(conn: Connection, deed: Deed, plants: Plants, lines: Iterable[str]) -> None:
    """Switch lines that switch by themselves, where the running job has what it was to make."""
    plant = plants.reigns[-1].plant
    automatic = {line.counts_at: line for code in lines if (line := plant.lines.get(code)) and _is_automatic(line)}
    for running in running_jobs(conn, list(automatic)):
        line = automatic[running.station]
        wanted = ceil(running.quantity * (1 + line.over_make))
        if running.good < wanted:
            continue
        following = next((job for job in open_jobs(conn, line.code) if job.state == "ready"), None)
        at = _reached_at(conn, plants, plant, running, wanted) if following else None
        if following and at is not None:
            entry = EntryDocument(
                kind="mark", mark="switch", line=line.code, job_id=following.job_id, effective_at=instant(at)
            )
            _enter(conn, deed, entry, plant, f"switch/{line.code}/{running.job_id}")


def _is_automatic(line: Line) -> bool:
    return line.switch == "automatic"


def _reached_at(conn: Connection, plants: Plants, plant: Plant, running: RunningJob, wanted: int) -> int | None:
    """The instant of the sample with which a job reached a quantity."""
    found = minute_reaching(conn, running.station, running.job_id, wanted)
    if found is None:
        return None
    missing = wanted - (found.by_then - found.good)
    station = plant.stations[running.station]
    for at, counts in instants_of(conn, plants, station.machine or station.code, micros(found.minute)):
        if sum(row.good for row in counts if row.job == running.job_id and row.phase in YIELD_PHASES) >= missing:
            return at
    return None


def _enter(conn: Connection, deed: Deed, entry: EntryDocument, plant: Plant, about: str) -> None:
    client_id: UUID = uuid5(NAMESPACE_URL, f"takt/mark/{about}")
    enter(conn, deed, entry, plant, client_id=client_id)
