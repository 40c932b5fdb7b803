"""A simulated ERP: sends its documents over REST, follows the event feed, changes its mind when its script says so.

It knows the product only through its API and key. `erp.json` holds its items, releases, stock, expected receipts and
production orders, a `script` of later changes ({name, at, put, body}), and `answers` to shortages ({item,
after_minutes, receipt}). Due receipts arrive: the goods are stated at the dock, and the receipt is closed with quantity
0. Everything it reads from the feed goes to a log, one JSON line each.
"""

from __future__ import annotations

import json
import signal
import threading
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

from simulators.control import Control
from simulators.instants import Anchor, from_iso, is_relative, resolve, to_datetime, to_iso
from simulators.rest import Api, Body, Gone, Locked, Refused, ends_when_locked, part

TICK_S = 0.2
PAGE_EVENTS_MAX = 500


@dataclass(slots=True)
class Step:
    """A change the ERP makes at an instant, or when somebody asks for it."""

    name: str
    at: int
    path: str
    body: Body
    say: dict[str, str] = field(default_factory=dict)
    done: bool = False


@dataclass(slots=True)
class Receipt:
    """Goods on their way: what, how many, when, and where they will stand."""

    number: str
    line_no: int
    deliver_to: str
    body: Body
    done: bool = False

    @property
    def at(self) -> int:
        """When they arrive."""
        return from_iso(self.body["expected_at"])


def resolved(value: Any, begin: int, zone: ZoneInfo) -> Any:
    """A document with every relative instant in it written as RFC 3339."""
    if isinstance(value, dict):
        return {key: resolved(item, begin, zone) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item, begin, zone) for item in value]
    if isinstance(value, str) and is_relative(value):
        return to_iso(resolve(value, begin, zone))
    return value


class Erp:
    """The ERP at work. `tick` does what is due; the door and the loop take turns by a lock."""

    def __init__(self, data: Body, api: Api, anchor: Anchor, zone: ZoneInfo, log: Path | None) -> None:
        self.data = resolved(data, anchor.plant_ms, zone)
        self.system: str = data["system"]
        self.api = api
        self.anchor = anchor
        self.zone = zone
        self.cursor: int | str | None = None
        self.steps = [
            Step(row["name"], from_iso(row["at"]), row["put"], row["body"], row.get("say", {}))
            for row in self.data.get("script", [])
        ]
        self.receipts = {
            (row["number"], row["line_no"]): _receipt(row) for row in self.data.get("expected_receipts", [])
        }
        self._log: IO[str] | None = log.open("w", encoding="utf-8") if log else None
        self._lock = threading.Lock()
        self._stop = threading.Event()

    # What it sends

    def load(self) -> None:
        """Everything it knows, in the order in which one document needs the other."""
        for row in self.data.get("items", []):
            self._put(f"/items/{part(row['code'])}", _without(row, "code"))
        for row in self.data.get("releases", []):
            self._put(f"/releases/{part(row['item'])}/{part(row['revision'])}", _without(row, "item", "revision"))
        for row in self.data.get("stock", []):
            self._put(f"/stock/{part(row['location'])}", _without(row, "location"))
        for receipt in self.receipts.values():
            self._put(self._address(receipt), receipt.body)
        for row in self.data.get("production_orders", []):
            self._put(f"/production-orders/{part(self.system)}/{part(row['number'])}", _without(row, "number"))

    def _address(self, receipt: Receipt) -> str:
        return f"/expected-receipts/{part(self.system)}/{part(receipt.number)}/{receipt.line_no}"

    def _put(self, path: str, body: Body) -> None:
        try:
            self.api.put(path, body)
        except Locked:
            raise
        except Refused as refused:
            self._note({"refused": path, "status": refused.status, "problem": refused.problem})
            print(f"PUT {path} was refused: {refused}", flush=True)

    def tick(self, now: int) -> None:
        """What the script says, what has arrived, what the feed brings."""
        for step in self.steps:
            if not step.done and step.at <= now:
                self._take(step)
        for receipt in self.receipts.values():
            if not receipt.done and receipt.at <= now:
                self._arrive(receipt, now)
        self._follow(now)

    def _take(self, step: Step) -> None:
        step.done = True
        self._put(step.path, step.body)
        self._note({"step": step.name})
        for receipt in self.receipts.values():
            if step.path == self._address(receipt) and not receipt.done:
                receipt.body = step.body
        print(f"{self._clock()} ERP: {step.say.get('en', step.name)}", flush=True)

    def _arrive(self, receipt: Receipt, now: int) -> None:
        """Goods stand at the dock: state what lies there now, then close the receipt."""
        receipt.done = True
        item, unit = receipt.body["item"], receipt.body["unit"]
        on_hand = self._on_hand(receipt.deliver_to, item) + Decimal(receipt.body["quantity"])
        line = {"item": item, "on_hand": str(on_hand), "reserved": "0", "unit": unit}
        self._put(f"/stock/{part(receipt.deliver_to)}", {"as_of": to_iso(now), "lines": [line]})
        self._put(self._address(receipt), {**receipt.body, "quantity": "0"})
        self._note({"arrived": receipt.number, "item": item, "quantity": receipt.body["quantity"]})
        print(f"{self._clock()} ERP: {receipt.number} arrived, {receipt.body['quantity']} {unit} of {item}", flush=True)

    def _on_hand(self, location: str, item: str) -> Decimal:
        """What still lies at the dock of an item, as the floor knows it."""
        try:
            balances = list(self.api.pages("/balances", location=location, item=item))
        except Locked:
            raise
        except Refused:
            return Decimal(0)
        return sum((Decimal(row["on_hand"]) for row in balances if row["item"] == item), Decimal(0))

    # What it hears

    def _follow(self, now: int) -> None:
        while not self.api.stopping:
            page = self.api.get("/events", after=self.cursor, limit=PAGE_EVENTS_MAX)
            for event in page["items"]:
                self._note({"event": event})
                print(f"{self._clock()} {told(event)}", flush=True)
                if event.get("type") == "mes.shortage.opened":
                    self._answer(event, now)
            self.cursor = page.get("next_cursor") or self.cursor
            if not page.get("has_more"):
                return

    def _answer(self, event: Body, now: int) -> None:
        """Order what is missing, where the script has an answer: it takes somebody some minutes."""
        item = body_of(event).get("item", event.get("subject"))
        for answer in self.data.get("answers", []):
            receipt = _receipt(answer["receipt"])
            if answer["item"] == item and (receipt.number, receipt.line_no) not in self.receipts:
                self.receipts[receipt.number, receipt.line_no] = receipt
                at = now + round(answer["after_minutes"] * 60_000)
                self.steps.append(Step(f"answer-{receipt.number}", at, self._address(receipt), receipt.body))

    def _note(self, what: Body) -> None:
        if self._log is not None:
            line = {"at": to_iso(self.anchor.now()), "cursor": self.cursor, **what}
            self._log.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._log.flush()

    def _clock(self) -> str:
        return f"{to_datetime(self.anchor.now()).astimezone(self.zone):%a %H:%M}"

    # Running

    def run(self, control_port: int) -> None:
        """Serve until SIGTERM or SIGINT."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self.stop())
        ends_when_locked(lambda: self.serve(control_port))

    def serve(self, control_port: int) -> None:
        """Send everything, then live until told to stop; prints one JSON line when the door is open."""
        doors = {
            ("GET", "/steps"): self._list,
            ("POST", "/step"): self._step,
            ("POST", "/put"): self._ask,
            ("POST", "/receive"): self._receive,
        }
        control = Control(control_port, doors)
        print(json.dumps({"ready": "erp", "control": control.url}), flush=True)
        try:
            self.load()
            while not self._stop.wait(TICK_S):
                with self._lock:
                    self.tick(self.anchor.now())
        except Gone:
            pass
        finally:
            control.close()
            self.close()

    def close(self) -> None:
        """Close connections and log."""
        self.api.close()
        if self._log is not None:
            self._log.close()

    def stop(self) -> None:
        """End the program soon."""
        self.api.stopping = True
        self._stop.set()

    def _list(self, _: Body) -> Body:
        return {"now": to_iso(self.anchor.now()), "steps": [_step_said(step) for step in self.steps]}

    def _step(self, body: Body) -> Body:
        """Take a step of the script now."""
        step = next((step for step in self.steps if step.name == body.get("name")), None)
        if step is None:
            raise KeyError(f"no step {body.get('name')!r}; there is {', '.join(step.name for step in self.steps)}")
        with self._lock:
            if not step.done:
                self._take(step)
        return _step_said(step)

    def _receive(self, body: Body) -> Body:
        """Have a receipt arrive now, however late it was announced; once."""
        number, line_no = body.get("number"), body.get("line_no", 1)
        receipt = self.receipts.get((number, line_no))
        if receipt is None:
            known = ", ".join(f"{number} {line_no}" for number, line_no in self.receipts)
            raise KeyError(f"no receipt {number} {line_no}; there is {known}")
        with self._lock:
            now = self.anchor.now()
            if not receipt.done:
                self._arrive(receipt, now)
        return {"at": to_iso(now), "item": receipt.body["item"], "quantity": receipt.body["quantity"]}

    def _ask(self, body: Body) -> Body:
        """Put any document as this ERP."""
        with self._lock:
            try:
                return {"status": 200, "body": self.api.put(body["path"], body["body"])}
            except Refused as refused:
                return {"status": refused.status, "body": refused.problem}


def _step_said(step: Step) -> Body:
    return {"name": step.name, "at": to_iso(step.at), "done": step.done, "say": step.say}


def _receipt(row: Body) -> Receipt:
    body = _without(row, "number", "line_no", "deliver_to")
    return Receipt(row["number"], row["line_no"], row.get("deliver_to", ""), body)


def _without(row: Body, *keys: str) -> Body:
    return {key: value for key, value in row.items() if key not in keys}


def body_of(event: Body) -> Body:
    """What an event says, wherever its envelope keeps it."""
    body = event.get("body") or event.get("data") or {}
    return body if isinstance(body, dict) else {}


def told(event: Body) -> str:
    """An event in one line."""
    body = body_of(event)
    parts = [f"{key} {value}" for key, value in body.items() if isinstance(value, str | int | float)]
    return f"{event.get('type', '?')} {event.get('subject', '')}: {', '.join(parts[:6])}"
