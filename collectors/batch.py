"""Deliveries become a batch: admitted or set aside, sifted, packed (pure but for the quarantine's rate).

A batch keeps what each source contributed apart: a source whose lease was lost is taken out without touching the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from collectors.sieve import Rule, Sieve
from collectors.source import Delivery, GapNote, Heard, Thank, Unreadable
from mes.clock import mono
from mes.domain.sample import FUTURE_MAX, Sample, kept_word
from mes.store.sample import Rows, SetAside, instant, row

FUTURE_US_MAX = FUTURE_MAX // FUTURE_MAX.resolution
QUARANTINED_PER_MINUTE_MAX = 120
PAYLOAD_KEPT_BYTES_MAX = 16_384
Rules = Mapping[int, Rule]


@dataclass(slots=True)
class Part:
    """What one source contributed to a batch. first_at..last_at are the times of its samples."""

    source: str
    epoch: int
    rows: Rows = field(default_factory=Rows)
    set_aside: list[SetAside] = field(default_factory=list)
    gaps: list[GapNote] = field(default_factory=list)
    thanks: list[Thank] = field(default_factory=list)
    tag_ids: set[int] = field(default_factory=set)
    first_at: int = 1 << 62
    last_at: int = 0
    received_at: int = 0
    heard: int = 0

    @property
    def is_empty(self) -> bool:
        """There is nothing to store, only somebody to thank."""
        return not (len(self.rows) or self.set_aside or self.gaps)


class Packer:
    """Turns deliveries into parts. One per writer: it remembers what the sieve needs."""

    def __init__(self, rules: Rules, *, on_count: Callable[[str, str, int], None]) -> None:
        self.rules = rules
        self._sieve = Sieve()
        self._on_count = on_count
        self._received: dict[int, int] = {}
        self._quota: dict[str, tuple[float, int]] = {}

    def pack(self, deliveries: Iterable[Delivery]) -> list[Part]:
        """One part for each source among `deliveries`, in the order they came."""
        parts: dict[tuple[str, int], Part] = {}
        for delivery in deliveries:
            key = delivery.source, delivery.epoch
            part = parts.get(key)
            if part is None:
                part = parts[key] = Part(*key)
            self._add(part, delivery)
        return list(parts.values())

    def forget(self, part: Part) -> None:
        """What this part said is not stored: the next samples of its tags are, whatever they repeat."""
        self._sieve.forget(part.tag_ids)

    def _add(self, part: Part, delivery: Delivery) -> None:
        part.heard += len(delivery.heard)
        part.received_at = delivery.received_at
        part.gaps.extend(delivery.gaps)
        if delivery.thank is not None:
            part.thanks.append(delivery.thank)
        for unreadable in delivery.unreadable:
            self._set_aside(part, delivery, unreadable)
        self._add_heard(part, delivery)

    def _add_heard(self, part: Part, delivery: Delivery) -> None:
        received_at, rules, sieve = delivery.received_at, self.rules, self._sieve
        latest = received_at + FUTURE_US_MAX
        for sample in delivery.heard:
            rule = rules.get(sample.tag_id)
            if rule is None:
                continue  # a tag that a new plant version took away
            if sample.at is None:
                if rule.is_pulse and sample.identity is not None:
                    self._pack_pulse(part, sample, received_at)
                    continue
                sample.at = self._in_order(sample.tag_id, received_at)
            if sample.at > latest or sample.at < received_at - rule.keep_us:
                self._refuse(part, delivery, rule, sample)
            elif not rule.is_value:
                for kept in sieve.signal(rule, sample):
                    self._pack(part, part.rows.signals, delivery, kept)
            elif sieve.value(rule, sample):
                self._pack(part, part.rows.values, delivery, sample)
        if doubles := sieve.take_doubles():
            self._on_count(part.source, "repeated", doubles)

    def _in_order(self, tag_id: int, received_at: int) -> int:
        """The time of hearing, a microsecond after the tag's sample before: words heard together keep their order."""
        at = max(received_at, self._received.get(tag_id, 0) + 1)
        self._received[tag_id] = at
        return at

    def _pack(self, part: Part, into: list[bytes], delivery: Delivery, sample: Heard) -> None:
        at = sample.at
        assert at is not None
        try:
            into.append(
                row(
                    sample.tag_id,
                    at,
                    sample.value,
                    sample.quality,
                    sample.identity,
                    sample.source_at,
                    sample.server_at,
                    delivery.received_at,
                )
            )
        except (struct.error, UnicodeEncodeError) as error:
            self._set_aside(part, delivery, Unreadable("value", str(error), self.rules[sample.tag_id].address))
            return
        part.tag_ids.add(sample.tag_id)
        if at < part.first_at:  # noqa: PLR1730  once a sample
            part.first_at = at
        if at > part.last_at:  # noqa: PLR1730
            part.last_at = at

    def _pack_pulse(self, part: Part, sample: Heard, received_at: int) -> None:
        """A pulse with a sequence but no time: what is new is decided in the transaction that stores it."""
        assert sample.identity is not None
        at = self._in_order(sample.tag_id, received_at)
        packed = row(sample.tag_id, at, sample.value, sample.quality, sample.identity, None, None, received_at)
        part.rows.pulses.append((sample.tag_id, sample.identity, packed))
        part.tag_ids.add(sample.tag_id)
        part.first_at, part.last_at = min(part.first_at, at), max(part.last_at, at)

    def _refuse(self, part: Part, delivery: Delivery, rule: Rule, sample: Heard) -> None:
        """Set a sample aside for its time; it may be released as it is."""
        assert sample.at is not None
        late = sample.at < delivery.received_at
        word = _kept(sample)
        detail = f"Its time {_text(sample.at)} lies {'before what is kept' if late else 'in the future'}"
        self._set_aside(part, delivery, Unreadable("too_late" if late else "future", detail, rule.address), sample=word)

    def _set_aside(
        self, part: Part, delivery: Delivery, thing: Unreadable, *, sample: dict[str, Any] | None = None
    ) -> None:
        self._on_count(part.source, f"quarantined_{thing.why}", 1)
        if not self._within_quota(part.source):
            self._on_count(part.source, "quarantine_dropped", 1)
            return
        part.set_aside.append(
            SetAside(
                source=part.source,
                received_at=instant(delivery.received_at),
                why=thing.why,
                detail=thing.detail[:500],
                address=thing.address[:500],
                payload=thing.payload[:PAYLOAD_KEPT_BYTES_MAX],
                sample=sample,
            )
        )

    def _within_quota(self, source: str) -> bool:
        """A source that talks nonsense all day must not fill the database with it."""
        since, used = self._quota.get(source, (mono(), 0))
        if mono() - since > 60:
            since, used = mono(), 0
        self._quota[source] = since, used + 1
        return used < QUARANTINED_PER_MINUTE_MAX


def _kept(sample: Heard) -> dict[str, Any] | None:
    """The sample as it may be released; None when no calendar has its time."""
    assert sample.at is not None
    try:
        at = instant(sample.at)
    except OverflowError:
        return None
    return kept_word(Sample(sample.tag_id, at, sample.value, sample.quality, identity=sample.identity))


def _text(at: int) -> str:
    try:
        return instant(at).isoformat()
    except OverflowError:
        return f"{at} µs"
