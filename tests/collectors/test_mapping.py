"""MQTT payloads become samples: paths, times in every form, words, and what cannot be read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.instants import micros_of
from collectors.mapping import Topics
from collectors.paths import MISSING, path_of
from collectors.source import Heard, Numbered, Unreadable
from mes.domain.plant import Tag
from mes.domain.signal import identity_of, word_maker
from mes.errors import InputError

AT = datetime(2026, 1, 5, 0, 0, tzinfo=UTC)
US = int(AT.timestamp()) * 1_000_000
SHANGHAI = ZoneInfo("Asia/Shanghai")


def read(
    payload: bytes | str, *tags: Tag, topic: str = "t", retained: bool = False, clock: str = "device"
) -> tuple[list[Heard], list[Unreadable]]:
    topics = Topics([Numbered(n, tag) for n, tag in enumerate(tags, 1)], clock=clock, time_zone="Asia/Shanghai")
    heard: list[Heard] = []
    bad: list[Unreadable] = []
    body = payload if isinstance(payload, bytes) else payload.encode()
    topics.read(topic.encode(), body, retained=retained, heard=heard, bad=bad)
    return heard, bad


def tag(signal: str = "good_total", path: str = "good", topic: str = "t", **more: Any) -> Tag:
    return Tag(machine="M1", signal=signal, source="b", topic=topic, path=path, **more)


@pytest.mark.parametrize(
    "word",
    [
        US / 1e6, US // 10**6, US // 1000, US, US * 1000, str(US // 1000), f"{US / 1e6:.3f}",
        "2026-01-05T00:00:00Z", "2026-01-05T08:00:00+08:00", "2026-01-05 08:00:00", "2026/01/05 08:00:00",
        "20260105T080000", "20260105080000", "2026-01-05T08:00:00,000", "2026-01-05T00:00:00.0000000Z",
        f"/Date({US // 1000})/", f"/Date({US // 1000}+0800)/", "2026-01-05T08:00",
    ],
)  # fmt: skip
def test_every_common_time_form_is_read(word: object) -> None:
    """Epoch numbers of every size and texts of every common form mean the same instant."""
    assert micros_of(word, SHANGHAI) == US


@pytest.mark.parametrize("word", ["", "soon", None, True, [], {}, float("nan"), float("inf"), 1e30, "2026-13-01"])
def test_what_is_no_time_is_none(word: object) -> None:
    """Nonsense is not taken for a time."""
    assert micros_of(word, SHANGHAI) is None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("good", 5),
        ("a.b", 6),
        (r"a\.b", 7),
        ("cells.1.n", 9),
        ("cells.-1.n", 9),
        ("cells.7.n", MISSING),
        ("cells[n=9].name", "second"),
        ("cells[name=first.one].n", 8),
        ("cells[name=none].n", MISSING),
        ("good.deeper", MISSING),
        ("nothing", MISSING),
    ],
)
def test_paths_lead_into_the_payload(path: str, found: object) -> None:
    """Keys, indices and selections are followed; what is not there is missing, never an error."""
    cells = [{"n": 8, "name": "first.one"}, {"n": 9, "name": "second"}]
    assert path_of(path).of({"good": 5, "a": {"b": 6}, "a.b": 7, "cells": cells}) == found


@pytest.mark.parametrize("text", ["a[", "a]b", "x[].y[].z", "[k"])
def test_nonsense_is_no_path(text: str) -> None:
    """A path that means nothing is refused when it is compiled."""
    with pytest.raises(InputError):
        path_of(text)


def test_one_message_feeds_many_tags() -> None:
    """Each tag takes its own field; time and message number are those of the message."""
    payload = f'{{"ts": {US // 1000}, "seq": 7, "good": 12, "bad": 3, "state": "RUN"}}'
    beside = {"time_path": "ts", "sequence_path": "seq"}
    heard, bad = read(payload, tag(**beside), tag("reject_total", "bad", **beside), tag("state", "state", **beside))
    assert [(h.tag_id, h.at, h.value, h.identity, h.source_at) for h in heard] == [
        (1, US, 12, 7, US), (2, US, 3, 7, US), (3, US, "RUN", 7, US),
    ]  # fmt: skip
    assert bad == []


def test_a_list_gives_a_sample_for_each_element() -> None:
    """Each element has its own time; a time outside the list is that of all."""
    payload = f'{{"t": {US}, "s": [{{"t": {US + 1}, "v": 1}}, {{"t": {US + 2}, "v": 2}}]}}'
    own, _ = read(payload, tag(path="s[].v", time_path="s[].t"))
    shared, _ = read(payload, tag(path="s[].v", time_path="t"))
    assert [(h.at, h.value) for h in own] == [(US + 1, 1), (US + 2, 2)]
    assert [(h.at, h.value) for h in shared] == [(US, 1), (US, 2)]


def test_a_list_at_the_root() -> None:
    """A payload that is a list is taken element by element by a path that begins with []."""
    assert [h.value for h in read('[{"v": 1}, {"v": 2}]', tag(path="[].v"))[0]] == [1, 2]


@pytest.mark.parametrize(("payload", "value"), [("RUN", "RUN"), ('"RUN"', "RUN"), ("6", 6), ("true", "true")])
def test_a_bare_payload_is_the_value(payload: str, value: object) -> None:
    """Without a path the whole payload is the word, JSON or not."""
    assert [h.value for h in read(payload, tag("state", path=""))[0]] == [value]


def test_received_clock_orders_by_hearing_but_keeps_the_device_time() -> None:
    """With clock = "received" the sample has no time of its own to be ordered by."""
    (heard,), _ = read(f'{{"good": 1, "ts": {US}}}', tag(time_path="ts"), clock="received")
    assert (heard.at, heard.source_at) == (None, US)


def test_retained_pulses_are_no_events() -> None:
    """A retained message is a snapshot: its totals are samples, its pulses are not."""
    heard, bad = read('{"good": 1}', tag(), tag("good_pulse", at_most_once=True), retained=True)
    assert [h.tag_id for h in heard] == [1]
    assert bad == []


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"{", "json"),
        (b"\xff\xfe", "json"),
        (b"[" * 100_000, "json"),
        (b'{"other": 1}', "path"),
        (b"{}", "path"),
        (b'{"good": {"deep": 1}, "ts": 1767571200}', "value"),
        (b'{"good": "many", "ts": 1767571200}', "value"),
        (b'{"good": 1}', "time"),
        (b'{"good": 1, "ts": "soon"}', "time"),
    ],
)
def test_what_cannot_be_read_is_said(payload: bytes, why: str) -> None:
    """Broken and drifted payloads are set aside with their reason, and nothing is made up."""
    heard, bad = read(payload, tag(time_path="ts") if why in {"time", "value"} else tag())
    assert heard == []
    assert [b.why for b in bad] == [why]
    assert bad[0].payload == payload


def test_one_bad_field_does_not_stop_the_others() -> None:
    """The other tags of the same message are still heard."""
    heard, bad = read('{"good": [], "bad": 4}', tag(), tag("reject_total", "bad"))
    assert [(h.tag_id, h.value) for h in heard] == [(2, 4)]
    assert [b.address for b in bad] == ["M1/good_total"]


def test_a_partial_message_is_no_error() -> None:
    """Devices that send only what changed are understood."""
    heard, bad = read('{"bad": 4}', tag(), tag("reject_total", "bad"))
    assert len(heard) == 1
    assert bad == []


@pytest.mark.parametrize(
    ("topic", "hits"),
    [("p/L1/M1/c", 1), ("p/L1/c", 0), ("q/x/y", 1), ("q", 1), ("$SYS/x", 0), ("r/x", 0)],
)
def test_topic_filters_with_wildcards(topic: str, hits: int) -> None:
    """`+` is one level, `#` is the rest, and neither reaches into $ topics."""
    tags = tag(topic="p/+/+/c"), tag(topic="q/#"), tag(topic="+/x/#x"), tag("state", "good", topic="+/x/y/z")
    assert len(read('{"good": 1}', *tags, topic=topic)[0]) == hits


@pytest.mark.parametrize(
    ("signal", "raw", "word"),
    [
        ("good_total", 5.0, 5), ("good_total", "5", 5), ("good_total", True, 1), ("good_total", 5.5, 5.5),
        ("good_total", 2**64 - 1, 2**64 - 1), ("state", 6.0, 6), ("state", True, "true"), ("state", False, "false"),
        ("order", "MO-1/2", "MO-1/2"), ("stop_code", 17, 17), ("value:T", 1.5, 1.5), ("value:T", True, True),
        ("value:T", "hot", "hot"), ("state", None, None),
    ],
)  # fmt: skip
def test_words_keep_what_the_device_said(signal: str, raw: object, word: object) -> None:
    """Only the form is made uniform."""
    made = word_maker(signal)(raw)
    assert (made, type(made)) == (word, type(word))


@pytest.mark.parametrize(
    ("signal", "raw"),
    [
        ("good_total", "x"),
        ("good_total", []),
        ("state", {}),
        ("state", "a\0b"),
        ("value:T", "x" * 3000),
        ("state", b"x"),
    ],
)
def test_what_is_no_word_is_refused(signal: str, raw: object) -> None:
    """A value that cannot be this signal's word raises, with the reason."""
    with pytest.raises(ValueError, match=r"no number|name one|longer|zero"):
        word_maker(signal)(raw)


def test_message_numbers_of_every_kind() -> None:
    """Numbers and digits are themselves, other texts get a stable number, nothing is none."""
    assert [identity_of(raw) for raw in (7, 7.0, "7", None, "", 7.5)] == [7, 7, 7, None, None, None]
    assert identity_of("abc-1") == identity_of("abc-1") != identity_of("abc-2")


WORDS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=4))
TIMES = st.one_of(st.sampled_from([US, US // 1000, US // 1_000_000, "2026-01-05T00:00:00Z", "soon", None]), WORDS)
SENT = st.one_of(
    st.fixed_dictionaries({}, optional={"good": WORDS, "v": WORDS, "ts": TIMES, "seq": WORDS, "more": WORDS}),
    st.lists(st.integers()),
    WORDS,
)


@given(sent=SENT, retained=st.booleans(), clock=st.sampled_from(["device", "received"]))
def test_the_short_way_reads_as_the_long_way(sent: object, retained: bool, clock: str) -> None:
    """Flat payloads are read alike whether a topic of the tag table allows the short way or not."""
    beside = {"time_path": "ts", "sequence_path": "seq"}
    tags = [tag(**beside), tag("value:v", "v", **beside), tag("good_pulse", "good", **beside)]
    elsewhere = tag("value:x", "x", topic="elsewhere/#")  # a topic with a filter among the tags: the long way for all
    payload = json.dumps(sent)
    quick = read(payload, *tags, retained=retained, clock=clock)
    assert quick == read(payload, *tags, elsewhere, retained=retained, clock=clock)
