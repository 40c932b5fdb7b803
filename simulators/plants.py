"""Larger plants than the demo's, for benches and long runs: the published files again, generated from a seed.

`generate(Size(...))` gives a plant model, its world and an ERP's documents as plain dicts; `write` puts them into a
folder as `plant.toml`, `world.toml` and `erp.json`. `load_plant` is the model whose tags are what `load.publish` sends.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

Row = dict[str, Any]

WORDS = {
    "run": "running", "idle": "idle", "starved": "starved", "blocked": "blocked", "setup": "setup", "alarm": "fault",
    "stop": "stopped", "service": "maintenance",
}  # fmt: skip
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@dataclass(frozen=True, slots=True)
class Size:
    """How large a plant and what it speaks; `protocols` are given to the lines in turn."""

    lines: int = 20
    machines: int = 3
    seed: int = 1
    cycle_s: tuple[float, float] = (10.0, 60.0)
    protocols: tuple[str, ...] = ("mqtt", "sparkplug", "opcua")
    mqtt_url: str = "mqtt://127.0.0.1:1883"
    opcua_port: int = 4840
    orders_per_line: int = 4

    def __post_init__(self) -> None:
        if min(self.lines, self.machines, len(self.protocols)) < 1:
            raise ValueError("a plant has at least one line, machine and protocol")
        if unknown := set(self.protocols) - {"mqtt", "sparkplug", "opcua"}:
            raise ValueError(f"unknown protocol {', '.join(sorted(unknown))}")


@dataclass(frozen=True, slots=True)
class Files:
    """A generated plant: `plant.toml`, `world.toml`, `erp.json` as parsed."""

    plant: Row
    world: Row
    erp: Row


def generate(size: Size) -> Files:
    """A plant that works round the clock, every machine with micro-stops, faults and rejects of its own."""
    plant = _frame("GEN", "Generated")
    world: Row = {"line": {}, "machine": []}
    erp: Row = {
        "system": "ERP1",
        "items": [],
        "releases": [],
        "stock": [],
        "expected_receipts": [],
        "production_orders": [],
    }
    used = [size.protocols[number % len(size.protocols)] for number in range(size.lines)]
    plant["source"] = [_source(protocol, size) for protocol in dict.fromkeys(used)]
    for number, protocol in enumerate(used, start=1):
        rng = random.Random(f"{size.seed}/{number}")
        code, cycle_s = f"P{number:03d}", round(rng.uniform(*size.cycle_s), 1)
        _add_line(plant, code, size.machines)
        world["line"][code] = {"item": f"ITEM-{code}", "buffer": 8, "start_up_s": 60}
        for position in range(1, size.machines + 1):
            machine = f"{code}-M{position}"
            plant["tag"] += _tags(protocol, code, machine, position)
            world["machine"].append(_pace(machine, cycle_s, rng))
        _add_documents(erp, code, cycle_s, size, rng)
    return Files(plant, world, erp)


def write(files: Files, folder: Path) -> None:
    """Write the three files into a folder, which is made when it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plant.toml").write_text(tomli_w.dumps(files.plant), encoding="utf-8")
    (folder / "world.toml").write_text(tomli_w.dumps(files.world), encoding="utf-8")
    (folder / "erp.json").write_text(json.dumps(files.erp, ensure_ascii=False, indent=1), encoding="utf-8")


def load_plant(url: str, tags: int, prefix: str = "load", signal: str = "good_total") -> Row:
    """The plant model of `load.publish`: one line, a machine for each tag; `signal` may be `value:NAME` as well."""
    plant = _load_frame({"code": "load", "kind": "mqtt", "url": url, "client_id": "takt-load"}, tags)
    where = {"path": "v", "time_path": "ts", "sequence_path": "seq"}
    plant["tag"] = [
        {"machine": f"LOAD-{number}", "signal": signal, "source": "load", "topic": f"{prefix}/{number}", **where}
        for number in range(tags)
    ]
    return plant


def opcua_load_plant(url: str, tags: int) -> Row:
    """The plant model of `opcua_load.serve`: one line, a machine for each node."""
    plant = _load_frame({"code": "load", "kind": "opcua", "url": url}, tags)
    node = "nsu=urn:takt:sim;s=LOAD-{}.Good"
    plant["tag"] = [
        {"machine": f"LOAD-{number}", "signal": "good_total", "source": "load", "node": node.format(number)}
        for number in range(tags)
    ]
    return plant


def _load_frame(source: Row, machines: int) -> Row:
    plant = _frame("LOAD", "Load")
    plant["line"] = [{"code": "LOAD", "name": _name("负载", "Load"), "shifts": ["A"], "counts_at": "LOAD-0"}]
    plant["source"] = [source]
    plant["machine"] = [
        {"code": f"LOAD-{number}", "line": "LOAD", "position": number + 1} for number in range(machines)
    ]
    plant["station"] = [{"code": "LOAD-0", "line": "LOAD", "machine": "LOAD-0"}]
    return plant


def _name(zh: str, en: str) -> Row:
    return {"zh": zh, "en": en}


def _frame(code: str, en: str) -> Row:
    site = {"code": code, "name": _name("生成的工厂", en), "time_zone": "Asia/Shanghai"}
    shift = {"code": "A", "starts_at": "00:00", "ends_at": "00:00", "days": DAYS}
    return {
        "site": site,
        "shift": [shift],
        **{kind: [] for kind in ("line", "location", "machine", "station", "source", "tag")},
    }


def _source(protocol: str, size: Size) -> Row:
    if protocol == "opcua":
        return {"code": "plc", "kind": "opcua", "url": f"opc.tcp://127.0.0.1:{size.opcua_port}"}
    if protocol == "mqtt":
        return {"code": "broker", "kind": "mqtt", "url": size.mqtt_url, "client_id": "takt-broker"}
    return {"code": "spb", "kind": "sparkplug", "url": size.mqtt_url, "host_id": "takt", "role": "primary"}


def _add_line(plant: Row, code: str, machines: int) -> None:
    plant["line"].append(
        {
            "code": code,
            "name": _name(f"产线 {code}", f"Line {code}"),
            "groups": [f"G-{code}"],
            "shifts": ["A"],
            "counts_at": f"{code}-S{machines}",
            "location": f"{code}-side",
        }
    )
    plant["location"].append({"code": f"{code}-side", "kind": "line"})
    for position in range(1, machines + 1):
        machine = f"{code}-M{position}"
        plant["machine"].append({"code": machine, "line": code, "position": position})
        station = {"code": f"{code}-S{position}", "line": code, "machine": machine, "operations": [position * 10]}
        plant["station"].append(station)


def _tags(protocol: str, line: str, machine: str, position: int) -> list[Row]:
    signals = ("state", "good_total", "reject_total", "stop_code")
    rows: list[Row] = [
        {"machine": machine, "signal": signal, **_address(protocol, line, position, signal)} for signal in signals
    ]
    rows[0]["states"] = WORDS
    return rows


def _address(protocol: str, line: str, position: int, signal: str) -> Row:
    leaf = {"state": "State", "good_total": "Good", "reject_total": "Reject", "stop_code": "StopCode"}[signal]
    if protocol == "opcua":
        return {"source": "plc", "node": f"nsu=urn:takt:sim;s={line}-M{position}.{leaf}"}
    if protocol == "sparkplug":
        return {"source": "spb", "group": "GEN", "edge": line, "device": f"M{position}", "metric": f"Production/{leaf}"}
    topic = "counts" if signal.endswith("total") else "state"
    path = {"state": "state", "good_total": "good", "reject_total": "reject", "stop_code": "code"}[signal]
    times = {"time_path": "ts", "sequence_path": "seq"}
    return {"source": "broker", "topic": f"plant/{line}/M{position}/{topic}", "path": path, **times}


def _pace(machine: str, cycle_s: float, rng: random.Random) -> Row:
    return {
        "code": machine,
        "cycle_s": round(cycle_s * rng.uniform(0.9, 1.0), 1),
        "jitter": 0.06,
        "reject_rate": round(rng.uniform(0, 0.03), 4),
        "patience_s": round(cycle_s * 0.4, 1),
        "counters": {"good_total": rng.randrange(100_000), "reject_total": rng.randrange(1_000)},
        "stops": [
            {"code": "J1", "state": "stopped", "every_min": round(rng.uniform(15, 60), 1), "seconds": [8, 60]},
            {"code": "E1", "state": "fault", "every_min": round(rng.uniform(200, 600), 1), "seconds": [180, 1200]},
        ],
    }


def _add_documents(erp: Row, line: str, cycle_s: float, size: Size, rng: random.Random) -> None:
    """A product of the line with one component of which there is plenty, and some orders."""
    product, part = f"ITEM-{line}", f"PART-{line}"
    for code, kind in ((product, "product"), (part, "component")):
        erp["items"].append(
            {"code": code, "name": _name(code, code), "unit": "pcs", "kind": kind, "family": f"F{line[-1]}"}
        )
    routing = [
        {"seq": position * 10, "line_group": f"G-{line}", "seconds_per_piece": str(cycle_s)}
        for position in range(1, size.machines + 1)
    ]
    bom = [{"line_no": 1, "item": part, "quantity_per": "1", "unit": "pcs", "operation_seq": 10}]
    erp["releases"].append({"item": product, "revision": "A", "bom": bom, "routing": routing})
    row = {"item": part, "on_hand": "1000000", "reserved": "0", "unit": "pcs"}
    erp["stock"].append({"location": f"{line}-side", "as_of": "start", "lines": [row]})
    for number in range(1, size.orders_per_line + 1):
        erp["production_orders"].append(
            {
                "number": f"MO-{line}-{number}",
                "item": product,
                "revision": "A",
                "quantity": str(rng.randrange(2, 20) * 50),
                "unit": "pcs",
                "due_at": f"+{rng.randrange(1, 6)} 18:00",
                "priority": rng.randrange(1, 10),
                "status": "released",
            }
        )
