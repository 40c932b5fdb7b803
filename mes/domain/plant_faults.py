"""What only a plant model as a whole can know: names given twice, names of what is not there, parts that do not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from mes.domain.plant import MACHINE_STATES, PULSES, Plant, Source, Tag
from mes.errors import Fault


def plant_faults(plant: Plant) -> list[Fault]:
    """Everything wrong with the model as a whole; empty when it may be applied."""
    return [*_duplicates(plant), *_dangling(plant), *_odd_tags(plant), *_odd_lines(plant)]


def _duplicates(plant: Plant) -> Iterator[Fault]:
    """Codes that are there more than once, at their last place."""
    named: dict[str, Iterable[str]] = {
        kind: (thing.code for thing in getattr(plant, kind))
        for kind in ("shift", "team", "line", "location", "crew", "machine", "station", "resource", "reason", "source")
    }
    named["tag"] = (tag.address for tag in plant.tag)
    for kind, codes in named.items():
        listed = list(codes)
        for code, times in Counter(listed).items():
            if times > 1:
                last = len(listed) - 1 - listed[::-1].index(code)
                yield Fault(f"/{kind}/{last}", "duplicate", f"{kind} {code} is there {times} times")


def _dangling(plant: Plant) -> Iterator[Fault]:
    """References to what the model does not have."""
    for kind, index, key, code, known in _references(plant):
        if code and code not in known:
            yield Fault(f"/{kind}/{index}/{key}", "unknown", f"there is no {_KIND_OF.get(key, key)} {code}")


_KIND_OF = {
    "counts_at": "station",
    "shifts": "shift",
    "lines": "line",
    "pattern": "shift",
    "size": "shift",
    "parent": "reason",
}


def _references(plant: Plant) -> Iterator[tuple[str, int, str, str, Iterable[str]]]:
    shifts, lines, locations = plant.shifts, plant.lines, {place.code for place in plant.location}
    for i, line in enumerate(plant.line):
        yield from (("line", i, "shifts", code, shifts) for code in line.shifts)
        yield "line", i, "counts_at", line.counts_at, plant.stations
        yield "line", i, "location", line.location, locations
    for i, team in enumerate(plant.team):
        yield from (("team", i, "lines", code, lines) for code in team.lines)
        yield from (("team", i, "pattern", code, {*shifts, "-"}) for code in team.pattern)
    for i, exception in enumerate(plant.calendar_exception):
        yield from (("calendar_exception", i, "lines", code, lines) for code in exception.lines)
        yield from (("calendar_exception", i, "shifts", code, shifts) for code in exception.shifts)
    for i, crew in enumerate(plant.crew):
        yield from (("crew", i, "lines", code, lines) for code in crew.lines)
        yield from (("crew", i, "size", code, shifts) for code in crew.size)
    for i, change in enumerate(plant.setup):
        yield "setup", i, "line", change.line, lines
    for i, machine in enumerate(plant.machine):
        yield "machine", i, "line", machine.line, lines
    for i, station in enumerate(plant.station):
        yield "station", i, "line", station.line, lines
        yield "station", i, "machine", station.machine, plant.machines
    for i, rule in enumerate(plant.andon):
        yield from (("andon", i, "lines", code, lines) for code in rule.lines)
    for i, gate in enumerate(plant.gate):
        yield from (("gate", i, "lines", code, lines) for code in gate.lines)
    for i, reason in enumerate(plant.reason):
        yield "reason", i, "parent", reason.parent, plant.reasons
    for i, tag in enumerate(plant.tag):
        yield "tag", i, "machine", tag.machine, plant.machines
        yield "tag", i, "source", tag.source, plant.sources


def _odd_tags(plant: Plant) -> Iterator[Fault]:
    for i, tag in enumerate(plant.tag):
        source = plant.sources.get(tag.source)
        if source is None:
            continue
        yield from (Fault(f"/tag/{i}{where}", "tag", detail) for where, detail in _tag_faults(tag, source))


def _tag_faults(tag: Tag, source: Source) -> Iterator[tuple[str, str]]:
    needed = {"opcua": ("node",), "mqtt": ("topic",), "sparkplug": ("group", "edge", "metric"), "http": ()}
    for key in needed[source.kind]:
        if not getattr(tag, key):
            yield "", f"{tag.address} comes from {source.kind} source {source.code} and so needs `{key}`"
    for word, state in tag.states.items():
        if state not in MACHINE_STATES:
            yield "/states", f"{word!r} is mapped to {state!r}, which is no machine state ({', '.join(MACHINE_STATES)})"
    timed = source.clock != "received" and (source.kind != "mqtt" or tag.time_path)
    if tag.signal in PULSES and not (timed or tag.sequence_path or tag.at_most_once):
        yield (
            "",
            f"{tag.address} is a pulse without device time or sequence: "
            "give time_path or sequence_path, or say at_most_once = true",
        )


def _odd_lines(plant: Plant) -> Iterator[Fault]:
    for i, line in enumerate(plant.line):
        station = plant.stations.get(line.counts_at)
        if station and station.line != line.code:
            detail = f"{line.counts_at} stands on line {station.line}, not on {line.code}"
            yield Fault(f"/line/{i}/counts_at", "unknown", detail)
    for i, station in enumerate(plant.station):
        machine = plant.machines.get(station.machine)
        if machine and machine.line != station.line:
            detail = f"{machine.code} stands on line {machine.line}, not on {station.line}"
            yield Fault(f"/station/{i}/machine", "unknown", detail)
