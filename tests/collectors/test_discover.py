"""What was seen at a source becomes tags that a plant file takes."""

from __future__ import annotations

import tomllib

import pytest

from collectors.discover import Offer, birth_offers, guessed_signal, opcua_offers, state_map, topic_offers
from collectors.opcua.browse import Found


@pytest.mark.parametrize(
    ("name", "value", "signal"),
    [
        ("GoodCount", 5, "good_total"), ("NOK", 5, "reject_total"), ("State", "RUN", "state"), ("状态", 6, "state"),
        ("TotalParts", 5, "total"), ("Temperature 1", 20.5, "value:temperature_1"), ("StateT", 1.5, "value:statet"),
        ("GoodRate", 0.5, "value:goodrate"), ("StopCode", 7, "stop_code"), ("", 1, "value:v"),
    ],
)  # fmt: skip
def test_signals_are_guessed_by_name_and_type(name: str, value: object, signal: str) -> None:
    """A name suggests a signal only when the value can be one."""
    assert guessed_signal(name, value) == signal


def test_packml_and_machinery_are_recognised() -> None:
    """What the companion specifications fix needs no map and no guess."""
    nodes = [
        Found(("Filler1", "Status", "StateCurrent"), "nsu=u;s=a", is_variable=True, value=6),
        Found(("Filler1", "Admin", "ProdDefectiveCount"), "nsu=u;s=b", is_variable=True, value=0),
        Found(("Press", "MachineryItemState", "CurrentState"), "nsu=u;s=c", is_variable=True, value="Executing"),
        Found(("Press", "MachineryItemState"), "nsu=u;s=d", is_variable=False),
        Found(("Press", "Info"), "nsu=u;s=e", is_variable=True, value={"a": 1}),
    ]
    offers = list(opcua_offers(nodes))
    assert [(o.machine, o.signal, o.preset) for o in offers] == [
        ("Filler1", "state", "packml"), ("Filler1", "reject_total", ""), ("Press", "state", "machinery"),
    ]  # fmt: skip
    assert [o.machine for o in opcua_offers(nodes, "Press/*")] == ["Press"]


def test_topics_offer_their_scalars_with_time_and_number() -> None:
    """Each scalar of a payload is a tag; the time and the message number beside it belong to all of them."""
    seen = {
        "p/L1/M1/counts": b'{"ts": 1, "seq": 2, "good": 3, "d": {"temp.c": 1.5}, "l": [1]}',
        "p/L1/M2/state": b"RUN",
    }
    offers = list(topic_offers(seen))
    assert [(o.machine, o.signal, o.keys.get("path")) for o in offers] == [
        ("M1", "good_total", "good"), ("M1", "value:d_temp_c", "d.temp\\.c"), ("M2", "state", None),
    ]  # fmt: skip
    assert offers[0].keys["time_path"] == "ts"
    assert offers[0].keys["sequence_path"] == "seq"


def test_births_offer_their_metrics() -> None:
    """Metrics of births are tags, except what is Sparkplug's own."""
    births = {("G", "E", "D"): {"Good": 5, "bdSeq": 0}, ("G", "E", ""): {"Node Control/Rebirth": False}}
    (offer,) = birth_offers(births)
    assert offer.keys == {"group": "G", "edge": "E", "device": "D", "metric": "Good"}


def test_lines_are_toml() -> None:
    """What is printed can be pasted into a plant file, whatever characters it holds."""
    offer = Offer('M"1', "state", {"node": "nsu=urn:x;s=中\n文"}, "packml", sample="line\nbreak")
    (tag,) = tomllib.loads(offer.lines("plc-1"))["tag"]
    assert tag == {
        "machine": "M\"1", "signal": "state", "source": "plc-1", "node": "nsu=urn:x;s=中\n文", "preset": "packml",
    }  # fmt: skip
    assert tomllib.loads(state_map(["RUNNING", "x"])) == {"states": {"RUNNING": "running", "x": "?"}}
