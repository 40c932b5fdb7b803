"""A Sparkplug host's knowledge of its edge nodes. The ids are those of the specification's assertions (tck-id-...)."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.source import Numbered
from collectors.sparkplug.births import REBIRTH_PAUSE_S_MIN, WAITING_BYTES_MAX, WAITING_MAX, Nodes, Taken, Topic
from collectors.sparkplug.payload_pb2 import Payload
from collectors.sparkplug.value import value_of
from mes.domain.plant import Tag
from mes.domain.sample import Quality
from tests.collectors.edge import bd_seq, payload

NOW = 1_767_571_200_000_000
REORDER_TIMEOUT_S = 4.0


def tag(signal: str, metric: str, device: str = "M1") -> Tag:
    return Tag(machine="M1", signal=signal, source="s", group="G", edge="E", device=device, metric=metric)


TAGS = [
    Numbered(1, tag("good_total", "good")),
    Numbered(2, tag("state", "state")),
    Numbered(3, tag("value:t", "t", device="")),
    Numbered(4, tag("good_pulse", "pulse")),
]


class Host:
    """Nodes with a clock and what followed so far."""

    def __init__(self, reorder_timeout_s: float = REORDER_TIMEOUT_S) -> None:
        self.nodes = Nodes(TAGS, clock="device", reorder_timeout_s=reorder_timeout_s)
        self.mono_s = 1000.0

    def hear(self, kind: str, body: bytes, device: str = "") -> Taken:
        taken = Taken(NOW, self.mono_s)
        self.nodes.take(Topic("G", kind, "E", device), body, 7, taken)
        return taken

    def later(self, seconds: float) -> Taken:
        self.mono_s += seconds
        taken = Taken(NOW, self.mono_s)
        self.nodes.tick(taken)
        return taken

    def birth(self, number: int = 0, **more: Any) -> list[Taken]:
        node = self.hear("NBIRTH", payload(0, bd_seq(number), {"name": "t", "alias": 3, "value": 20.0}))
        device = self.hear("DBIRTH", payload(1, *self.device_metrics(**more)), "M1")
        return [node, device]

    @staticmethod
    def device_metrics(good: int = 0) -> list[dict[str, Any]]:
        return [
            {"name": "good", "alias": 1, "value": good},
            {"name": "state", "alias": 2, "value": "RUN"},
            {"name": "pulse", "alias": 4, "value": True},
        ]


@pytest.fixture
def host() -> Host:
    return Host()


def words(taken: Taken) -> list[tuple[int, Any, int]]:
    return [(h.tag_id, h.value, h.quality) for h in taken.heard]


def test_births_are_samples_and_name_aliases(host: Host) -> None:
    """payloads-alias-birth-requirement: what a birth says is stored, and its aliases are understood afterwards."""
    node, device = host.birth()
    assert words(node) == [(3, 20.0, 0)]
    assert words(device) == [(1, 0, 0), (2, "RUN", 0)]
    data = host.hear("DDATA", payload(2, {"alias": 1, "value": 5, "at_ms": 1_767_571_201_000}), "M1")
    assert words(data) == [(1, 5, 0)]
    assert data.heard[0].at == 1_767_571_201_000_000
    assert data.mids == [7]


def test_data_without_birth_asks_for_one_once(host: Host) -> None:
    """Unknown node or alias: the node is asked for its births; the request is throttled."""
    first = host.hear("DDATA", payload(9, {"alias": 1, "value": 5}), "M1")
    assert first.rebirths == [("G", "E")]
    assert first.heard == []
    assert host.hear("DDATA", payload(10, {"alias": 1, "value": 5}), "M1").rebirths == []
    host.later(REBIRTH_PAUSE_S_MIN * 2)
    assert host.hear("DDATA", payload(11, {"alias": 1, "value": 5}), "M1").rebirths == [("G", "E")]


def test_data_without_birth_that_names_itself_is_taken(host: Host) -> None:
    """payloads-name-requirement: metrics with name and type need no birth."""
    assert words(host.hear("DDATA", payload(9, {"name": "good", "value": 5}), "M1")) == [(1, 5, 0)]


def test_an_unknown_alias_asks_for_a_birth(host: Host) -> None:
    """The known metrics of the same message are stored."""
    host.birth()
    data = host.hear("DDATA", payload(2, {"alias": 99, "value": 1}, {"alias": 1, "value": 6}), "M1")
    assert data.rebirths == [("G", "E")]
    assert words(data) == [(1, 6, 0)]


def test_messages_out_of_order_wait_for_those_before(host: Host) -> None:
    """operational-behavior-host-reordering-success: within the time-out order is kept, nothing is asked for."""
    host.birth()
    assert host.hear("DDATA", payload(4, {"alias": 1, "value": 3}), "M1").heard == []
    assert host.hear("DDATA", payload(3, {"alias": 1, "value": 2}), "M1").heard == []
    assert words(host.hear("DDATA", payload(2, {"alias": 1, "value": 1}), "M1")) == [(1, 1, 0), (1, 2, 0), (1, 3, 0)]
    assert host.later(REORDER_TIMEOUT_S * 2).rebirths == []


def test_a_lost_message_leads_to_a_rebirth(host: Host) -> None:
    """operational-behavior-host-reordering-rebirth: after the time-out the node is asked, what waited is kept."""
    host.birth()
    host.hear("DDATA", payload(3, {"alias": 1, "value": 2}), "M1")
    assert host.later(REORDER_TIMEOUT_S / 2).rebirths == []
    late = host.later(REORDER_TIMEOUT_S)
    assert late.rebirths == [("G", "E")]
    assert words(late) == [(1, 2, 0)]
    assert words(host.hear("DDATA", payload(4, {"alias": 1, "value": 3}), "M1")) == [(1, 3, 0)]


def test_each_gap_in_the_sequence_has_its_own_time(host: Host) -> None:
    """operational-behavior-host-reordering-start: a later gap is not given up with the time of one that was filled."""
    host.birth()
    host.hear("DDATA", payload(3, {"alias": 1, "value": 2}), "M1")
    host.later(REORDER_TIMEOUT_S * 0.75)
    host.hear("DDATA", payload(5, {"alias": 1, "value": 4}), "M1")
    assert words(host.hear("DDATA", payload(2, {"alias": 1, "value": 1}), "M1")) == [(1, 1, 0), (1, 2, 0)]
    assert host.later(REORDER_TIMEOUT_S * 0.75).rebirths == []
    assert host.later(REORDER_TIMEOUT_S * 0.75).rebirths == [("G", "E")]


@pytest.mark.parametrize("timeout_s", [0.0, 0.5, 60.0])
def test_the_time_out_is_the_sources(timeout_s: float) -> None:
    """operational-behavior-host-reordering-param: as long as was configured and no longer; 0 waits for nothing."""
    host = Host(timeout_s)
    host.birth()
    at_once = host.hear("DDATA", payload(3, {"alias": 1, "value": 2}), "M1")
    assert (words(at_once), at_once.rebirths) == (([(1, 2, 0)], [("G", "E")]) if timeout_s == 0 else ([], []))
    assert host.later(timeout_s * 0.9).rebirths == []
    assert host.later(timeout_s * 0.2).rebirths == ([("G", "E")] if timeout_s else [])


@pytest.mark.parametrize("size", [10, WAITING_BYTES_MAX // 20])
def test_what_waits_is_bounded(size: int) -> None:
    """However long the time-out, and however large they are: then what is missing is given up; nothing is left out."""
    host = Host(3_600.0)
    host.birth()
    heard: list[Any] = []
    asked: list[Any] = []
    mids: list[int] = []
    for n in range(3, 3 + 3 * WAITING_MAX):
        body = payload(n % 256, {"alias": 1, "value": n}, {"name": "filler", "value": "x" * size})
        taken = host.hear("DDATA", body, "M1")
        heard += [word for _tag, word, _quality in words(taken)]
        asked += taken.rebirths
        mids += taken.mids
    assert heard == list(range(3, 3 + 3 * WAITING_MAX))
    assert len(mids) == 3 * WAITING_MAX
    assert asked == [("G", "E")]


def test_what_was_given_up_is_stored_when_it_comes_after_all(host: Host) -> None:
    """At its own time, without turning the sequence back; the next in turn goes on."""
    host.birth()
    host.hear("DDATA", payload(4, {"alias": 1, "value": 3}), "M1")
    assert words(host.later(REORDER_TIMEOUT_S)) == [(1, 3, 0)]
    late = host.hear("DDATA", payload(2, {"alias": 1, "value": 1, "at_ms": 1_767_571_200_500}), "M1")
    assert [(h.value, h.at) for h in late.heard] == [(1, 1_767_571_200_500_000)]
    assert (late.mids, late.rebirths, late.counts) == ([7], [], {"late": 1})
    assert host.hear("DDEATH", payload(3), "M1").heard == []
    assert words(host.hear("DDATA", payload(5, {"alias": 1, "value": 4}), "M1")) == [(1, 4, 0)]


@pytest.mark.parametrize(("kind", "seq"), [("NBIRTH", 0), ("NDEATH", None)])
def test_what_waits_when_the_node_begins_or_ends_is_kept(host: Host, kind: str, seq: int | None) -> None:
    """A birth or death while messages wait: their values are stored at their own time, and they are done with."""
    host.birth()
    host.hear("DDATA", payload(4, {"alias": 1, "value": 3}), "M1")
    ended = host.hear(kind, payload(seq, bd_seq(0)))
    assert (1, 3, 0) in words(ended)
    assert len(ended.mids) == 2
    assert host.later(REORDER_TIMEOUT_S).rebirths == []


def test_the_sequence_wraps_at_255(host: Host) -> None:
    """payloads-sequence-num-incrementing: after 255 comes 0."""
    host.birth()
    for seq in range(2, 600):
        assert len(host.hear("DDATA", payload(seq % 256, {"alias": 1, "value": seq}), "M1").heard) == 1


def test_a_death_makes_everything_stale(host: Host) -> None:
    """Last words turn stale at the host's time, machines fall silent.

    operational-behavior-edge-node-termination-host-action-ndeath-{node,devices}-{offline,tags-stale}.
    """
    host.birth()
    death = host.hear("NDEATH", payload(None, bd_seq(0)))
    assert {(t, v) for t, v, q in words(death) if q == Quality.STALE} == {(1, 0), (2, "RUN"), (3, 20.0)}
    assert {h.at for h in death.heard} == {NOW}
    assert [(g.from_at, g.to_at, g.tag_id) for g in death.gaps] == [(NOW, None, 2)]
    assert host.hear("DDATA", payload(2, {"alias": 1, "value": 5}), "M1").heard == []
    node, device = host.birth(1)
    assert (None, NOW, 2) in [(g.from_at, g.to_at, g.tag_id) for g in device.gaps]
    assert [g.why for g in node.gaps if g.from_at is not None] == ["reboot"]


def test_a_stale_death_is_ignored(host: Host) -> None:
    """payloads-ndeath-bdseq: a death with another bdSeq is of an earlier life."""
    host.birth(1)
    death = host.hear("NDEATH", payload(None, bd_seq(0)))
    assert (death.heard, death.gaps, death.counts) == ([], [], {"stale_deaths": 1})


def test_a_device_death_is_the_devices_alone(host: Host) -> None:
    """Only its metrics turn stale, at the payload's time.

    operational-behavior-edge-node-termination-host-action-ddeath-devices-{offline,tags-stale}.
    """
    host.birth()
    death = host.hear("DDEATH", payload(2, at_ms=1_767_571_205_000), "M1")
    assert {h.tag_id for h in death.heard} == {1, 2}
    assert {h.at for h in death.heard} == {1_767_571_205_000_000}
    assert host.hear("DDATA", payload(3, {"alias": 1, "value": 5}), "M1").rebirths == [("G", "E")]


def test_a_rebirth_may_give_aliases_anew(host: Host) -> None:
    """Aliases mean what the latest birth says."""
    host.birth()
    host.hear("NBIRTH", payload(0, bd_seq(0)))
    host.hear("DBIRTH", payload(1, {"name": "good", "alias": 2, "value": 1}), "M1")
    assert words(host.hear("DDATA", payload(2, {"alias": 2, "value": 4}), "M1")) == [(1, 4, 0)]


def test_pulses_are_events_but_births_are_not(host: Host) -> None:
    """A birth says how things stand: no piece is counted; each later pulse has an identity of its own."""
    births = host.birth()
    assert 4 not in {h.tag_id for taken in births for h in taken.heard}
    first = host.hear("DDATA", payload(2, {"alias": 4, "value": True}), "M1").heard
    second = host.hear("DDATA", payload(3, {"alias": 4, "value": True}), "M1").heard
    assert first[0].identity != second[0].identity


def test_null_and_historical_metrics(host: Host) -> None:
    """A null is a word of bad quality; a historical value is stored at its own time."""
    host.birth()
    data = host.hear("DDATA", payload(2, {"alias": 1}, {"alias": 1, "value": 3, "at_ms": 1, "historical": True}), "M1")
    assert words(data) == [(1, None, Quality.BAD), (1, 3, 0)]
    assert data.heard[1].at == 1000
    assert data.counts["historical"] == 1


def test_garbage_is_said(host: Host) -> None:
    """A payload that is no protobuf is set aside, and done with."""
    taken = host.hear("NDATA", b"\xff\xff\xff")
    assert [u.why for u in taken.unreadable] == ["protobuf"]
    assert taken.mids == [7]


@pytest.mark.parametrize(
    ("datatype", "field", "raw", "value"),
    [
        (1, "int_value", 0xFF, -1), (1, "int_value", 0xFFFFFFFF, -1), (2, "int_value", 0x8000, -32768),
        (3, "int_value", 0xFFFFFFFE, -2), (4, "long_value", 2**64 - 3, -3), (8, "long_value", 2**64 - 3, 2**64 - 3),
        (7, "int_value", 2**32 - 1, 2**32 - 1), (5, "int_value", 200, 200), (9, "float_value", 1.5, 1.5),
        (11, "boolean_value", True, True), (14, "string_value", "文", "文"), (13, "long_value", 5, 5),
    ],
)  # fmt: skip
def test_values_by_their_datatype(datatype: int, field: str, raw: Any, value: Any) -> None:
    """payloads-metric-datatype-value: signed numbers are two's complement, of the field's width or the type's."""
    metric = Payload.Metric(datatype=datatype)
    setattr(metric, field, raw)
    assert value_of(metric, datatype) == value


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("spBv1.0/G/NBIRTH/E", Topic("G", "NBIRTH", "E")),
        ("spBv1.0/G/DDATA/E/D", Topic("G", "DDATA", "E", "D")),
        ("spBv1.0/STATE/takt", None),
        ("spAv1.0/G/NBIRTH/E", None),
    ],
)
def test_topics(text: str, topic: Topic | None) -> None:
    """topic-structure: group, type, edge node, device."""
    assert Topic.of(text) == topic
