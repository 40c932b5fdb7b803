"""What was seen at a source, as `[[tag]]` lines to be checked and pasted into a plant file (pure).

Machines and signals are guessed by names, and by what PackML (OPC 30050) and Machinery (40001-1) fix: a guess is a
start, not a decision, so every line carries what it was made from.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mes.domain.plant import MACHINE_STATES

_SIGNALS = (
    (re.compile(r"reject|scrap|nok|defect|\bbad|不良|废品", re.IGNORECASE), "reject_total"),
    (re.compile(r"rework|返工", re.IGNORECASE), "rework_total"),
    (re.compile(r"good|\bok\b|okcount|良品|合格", re.IGNORECASE), "good_total"),
    (re.compile(r"state|status|mode|状态", re.IGNORECASE), "state"),
    (re.compile(r"stop.?(code|reason)|alarm.?code|fault.?code|停机", re.IGNORECASE), "stop_code"),
    (re.compile(r"order|工单", re.IGNORECASE), "order"),
    (re.compile(r"total|count|parts|pieces|产量", re.IGNORECASE), "total"),
)
_PACKML = {
    ("Status", "StateCurrent"): ("state", "packml"),
    ("BaseStateMachine", "CurrentState"): ("state", "packml"),
    ("Admin", "ProdProcessedCount"): ("total", ""),
    ("Admin", "ProdDefectiveCount"): ("reject_total", ""),
    ("Admin", "ProdConsumedCount"): ("value:consumed", ""),
    ("Status", "CurMachSpeed"): ("value:speed", ""),
}
_MACHINERY = {
    ("MachineryItemState", "CurrentState"): ("state", "machinery"),
    ("MachineryOperationMode", "CurrentState"): ("value:mode", ""),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A tag that could be: `keys` are those of its address at the source."""

    machine: str
    signal: str
    keys: dict[str, str]
    preset: str = ""
    sample: Any = None
    more: dict[str, str] = field(default_factory=dict)

    def lines(self, source: str) -> str:
        """As a plant file has it."""
        pairs = {"machine": self.machine, "signal": self.signal, "source": source, **self.keys, **self.more}
        if self.preset:
            pairs["preset"] = self.preset
        shown = f"  # now {str(self.sample)[:60]!r}" if self.sample is not None else ""
        text = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in pairs.items())
        return f"[[tag]]{shown}\n{text}"


def guessed_signal(name: str, value: Any) -> str:
    """What a value of this name most likely is."""
    for pattern, signal in _SIGNALS:
        if pattern.search(name) and _fits(signal, value):
            return signal
    return f"value:{re.sub(r'[^0-9A-Za-z_]+', '_', name).strip('_').lower() or 'v'}"


def _fits(signal: str, value: Any) -> bool:
    if signal.endswith("_total") or signal == "total":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, int | str) and not isinstance(value, bool)


def opcua_offers(nodes: Iterable[Any], glob: str = "*") -> Iterator[Offer]:
    """Tags for variables whose path (joined by `/`) or name matches. `nodes` are `collectors.opcua.browse.Found`."""
    for node in nodes:
        if not node.is_variable or not _matches(node.path, glob) or isinstance(node.value, dict):
            continue
        known = {**_PACKML, **_MACHINERY}.get(node.path[-2:])
        above = node.path[:-2] if known else node.path[:-1]
        machine = above[-1] if above else "MACHINE"
        signal, preset = known or (guessed_signal(node.name, node.value), "")
        yield Offer(machine, signal, {"node": node.node}, preset, node.value)


def _matches(path: tuple[str, ...], glob: str) -> bool:
    return fnmatch.fnmatchcase("/".join(path), glob) or fnmatch.fnmatchcase(path[-1], glob)


def topic_offers(seen: dict[str, bytes], glob: str = "*") -> Iterator[Offer]:
    """Tags for the scalars of each topic's last payload; a time or number beside them is used by each."""
    for topic, payload in sorted(seen.items()):
        if not fnmatch.fnmatchcase(topic, glob):
            continue
        machine = topic.split("/")[-2] if topic.count("/") else topic
        try:
            document = json.loads(payload)
        except ValueError:
            document = payload.decode("utf-8", "replace")
        scalars = dict(_scalars(document, ""))
        beside = _beside(scalars)
        for path, value in scalars.items():
            if path not in beside.values():
                keys = {"topic": topic, **({"path": path} if path else {}), **beside}
                yield Offer(machine, guessed_signal(path or topic.rpartition("/")[2], value), keys, sample=value)


def _scalars(document: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict):
        for key, value in document.items():
            name = key.replace(".", "\\.")
            yield from _scalars(value, f"{path}.{name}" if path else name)
    elif not isinstance(document, list):
        yield path, document


def _beside(scalars: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in scalars:
        name = path.rpartition(".")[2].lower()
        if name in {"ts", "time", "timestamp", "datetime", "t"} and "time_path" not in found:
            found["time_path"] = path
        elif name in {"seq", "sequence", "msgid", "message_id"} and "sequence_path" not in found:
            found["sequence_path"] = path
    return found


def birth_offers(births: dict[tuple[str, str, str], dict[str, Any]], glob: str = "*") -> Iterator[Offer]:
    """Tags for the metrics of births: (group, edge, device) -> metric -> value."""
    for (group, edge, device), metrics in sorted(births.items()):
        for metric, value in sorted(metrics.items()):
            if metric == "bdSeq" or metric.startswith("Node Control/") or not fnmatch.fnmatchcase(metric, glob):
                continue
            keys = {"group": group, "edge": edge, **({"device": device} if device else {}), "metric": metric}
            yield Offer(device or edge, guessed_signal(metric.rpartition("/")[2], value), keys, sample=value)


def state_map(words: Iterable[str]) -> str:
    """A `states = {...}` line to fill in for the words a state signal was seen to say."""
    pairs = ", ".join(f'"{word}" = "{word.lower() if word.lower() in MACHINE_STATES else "?"}"' for word in words)
    return f"states = {{ {pairs} }}"
