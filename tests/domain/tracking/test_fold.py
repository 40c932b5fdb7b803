"""The fold: whatever arrives in whatever order, in one go or bit by bit, the same rows come out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from mes.domain.calendar import MINUTE_US, Stretch, floor_minute
from mes.domain.plant import Machine, Tag
from mes.domain.tracking import tape as on
from mes.domain.tracking.counts import counter_rule, split_of
from mes.domain.tracking.fold import NEVER, Checkpoint, Fold, JobSpan, MinuteCount, Span, Standing, standing
from mes.domain.tracking.jobs import Entry
from mes.domain.tracking.posts import Rules
from mes.domain.tracking.states import StateMap

SECOND = 1_000_000
END = 20 * MINUTE_US


def machine_rules() -> Rules:
    """A machine with states, a good and a reject counter that roll over at 50."""
    machine = Machine("M", "L", 1, seconds_per_piece=2)
    tags = [Tag("M", name, "plc", node="n", modulus=50) for name in ("good_total", "reject_total")]
    return Rules(
        code="M", line="L", machine="M", station="S",
        states=StateMap(Tag("M", "state", "plc", node="n", states={"r": "running", "f": "fault", "i": "idle"})),
        state_source="plc", sources=frozenset({"plc"}),
        counters={tag.signal: counter_rule(tag, machine) for tag in tags},
        split=split_of(frozenset(tag.signal for tag in tags)),
    )  # fmt: skip


def people_rules() -> Rules:
    """A station where people scan."""
    return Rules(code="H", line="L", station="H", idle_after_us=90 * SECOND, by_people=True)


@dataclass
class Books:
    """Rows as the database would hold them, and how booking keeps them."""

    rules: Rules = field(compare=False)
    checkpoints: dict[int, Checkpoint] = field(default_factory=dict)
    counts: list[MinuteCount] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    jobs: list[JobSpan] = field(default_factory=list)
    through: int = -1

    def book(self, tape: list[on.Event], first: int, last: int) -> None:
        """Book again what a stretch touched, as `mes.tracker.refold` does."""
        start = floor_minute(first)
        before = max((minute for minute in self.checkpoints if minute < start), default=None)
        stands = Standing() if before is None else standing(json.loads(json.dumps(self.checkpoints[before])))
        self.through = max(self.through, last)
        start = 0 if before is None else start
        from_span = stands.span.from_at if stands.span else start
        from_job = stands.job_since if stands.job else start
        folding = Fold(stands, self.rules, known=self.checkpoints, settle_from=floor_minute(last))
        out = folding.run([event for event in tape if event[0] >= start], self.through)
        end = NEVER if out.settled_at is None else out.settled_at
        to_span = NEVER if out.settled_at is None else stands.span.from_at if stands.span else end
        to_job = NEVER if out.settled_at is None else stands.job_since if stands.job else end
        kept = {minute: row for minute, row in self.checkpoints.items() if not start <= minute < end}
        self.checkpoints = dict(sorted((kept | out.checkpoints).items()))
        self.counts = sorted([row for row in self.counts if not start <= row.minute < end] + out.counts)
        self.spans = sorted([row for row in self.spans if not from_span <= row.from_at < to_span] + out.spans)
        self.jobs = sorted([row for row in self.jobs if not from_job <= row.from_at < to_job] + out.job_spans)


INSTANTS = st.integers(0, 19 * 60 * 4).map(lambda quarter: quarter * SECOND // 4)
EDGES = [
    (6 * MINUTE_US, on.EDGE, 0, Stretch(6 * MINUTE_US, 9 * MINUTE_US, "2026-01-05", "D", True)),
    (9 * MINUTE_US, on.EDGE, 0, Stretch(9 * MINUTE_US, 10 * MINUTE_US, "2026-01-05", "D", False)),
    (10 * MINUTE_US, on.EDGE, 0, Stretch(10 * MINUTE_US, END, "2026-01-05", "D", True)),
]


@st.composite
def machine_tapes(draw: st.DrawFn) -> list[on.Event]:
    """Things that happen at a machine: totals that rise, fall and roll over, states, stop codes, gaps, marks."""
    heard = draw(
        st.lists(
            st.one_of(
                st.tuples(
                    INSTANTS, st.just(on.TOTAL), st.integers(0, 60), st.sampled_from(["good_total", "reject_total"])
                ),
                st.tuples(INSTANTS, st.just(on.WORD), st.integers(0, 9), st.sampled_from(["r", "f", "i", "?"])),
                st.tuples(INSTANTS, st.just(on.CODE), st.integers(0, 9), st.sampled_from(["", "E1", "E2"])),
                st.tuples(INSTANTS, st.just(on.REBOOT), st.just(0), st.none()),
            ),
            max_size=40,
        )
    )
    gap = sorted(draw(st.lists(INSTANTS, min_size=2, max_size=2, unique=True)))
    silences = [(gap[0], on.SILENCE, 1, (False, True)), (gap[1], on.SILENCE, 1, (True, True))]
    return [*heard, *silences, *draw(marks()), *EDGES]


@st.composite
def marks(draw: st.DrawFn) -> list[on.Event]:
    """Job marks."""
    said = draw(
        st.lists(st.tuples(INSTANTS, st.sampled_from(["start", "pause", "finish", "switch"]), st.integers(1, 3)))
    )
    return [
        (when, on.MARK, number, Entry(number, "mark", when, "L", mark=mark, job=job))
        for number, (when, mark, job) in enumerate(said)
    ]


@st.composite
def people_tapes(draw: st.DrawFn) -> list[on.Event]:
    """Things that happen at a station where people scan, or enter an hour's pieces."""
    said = draw(
        st.lists(st.tuples(INSTANTS, st.sampled_from(["count", "reject", "scrap"]), st.booleans()), max_size=15)
    )
    entries = [
        Entry(100 + number, kind, when, "L", station="H", quantity=Decimal(1 + number % 3),
              from_at=max(0, when - 200 * SECOND) if hourly else None)
        for number, (when, kind, hourly) in enumerate(said)
    ]  # fmt: skip
    return [*on.entry_events(entries, people_rules()), *draw(marks()), *EDGES]


def in_order(event: on.Event) -> tuple[int, int, int, str]:
    """What a tape is sorted by; payloads of one rank may not compare."""
    return (*event[:3], str(event[3]))


def one_go(rules: Rules, tape: list[on.Event]) -> Books:
    """Everything booked at once, from nothing."""
    books = Books(rules)
    books.book(sorted(set(tape), key=in_order), 0, END)
    return books


def bit_by_bit(rules: Rules, tape: list[on.Event], cuts: list[int]) -> Books:
    """Events arrive in the order given, some of them twice, and are booked a handful at a time."""
    books, heard = Books(rules), []
    bounds = sorted({0, *(cut % (len(tape) + 1) for cut in cuts), len(tape)})
    for start, end in pairwise(bounds):
        some = tape[max(0, start - 2) : end]
        heard += [event for event in some if event not in heard]
        ordered = sorted(heard, key=in_order)
        books.book(ordered, min(event[0] for event in some), max(event[0] for event in some))
    books.book(sorted(heard, key=in_order), END, END)
    return books


@settings(max_examples=300, deadline=None)
@given(tape=machine_tapes(), order=st.randoms(use_true_random=False), cuts=st.lists(st.integers(0, 99), max_size=8))
def test_a_machine_is_booked_the_same_in_any_order_of_arrival(tape, order, cuts) -> None:
    """Shuffled, doubled and late events, booked as they come, give the rows of one replay."""
    whole = one_go(machine_rules(), tape)
    shuffled = list(tape)
    order.shuffle(shuffled)
    assert bit_by_bit(machine_rules(), shuffled, cuts) == whole


@settings(max_examples=300, deadline=None)
@given(tape=people_tapes(), order=st.randoms(use_true_random=False), cuts=st.lists(st.integers(0, 99), max_size=8))
def test_people_are_booked_the_same_in_any_order_of_arrival(tape, order, cuts) -> None:
    """Late scans and hourly entries, booked as they come, give the rows of one replay."""
    whole = one_go(people_rules(), tape)
    shuffled = list(tape)
    order.shuffle(shuffled)
    assert bit_by_bit(people_rules(), shuffled, cuts) == whole


@settings(max_examples=200, deadline=None)
@given(tape=machine_tapes())
def test_spans_follow_each_other_without_overlap(tape) -> None:
    """Once a state was said, every span ends where the next begins, none is empty, neighbours differ, one is open."""
    spans = one_go(machine_rules(), [(0, on.WORD, -1, "r"), *tape]).spans
    for before, after in pairwise(spans):
        assert before.to_at == after.from_at
        assert before.from_at < after.from_at
        assert before[2:4] + before[5:] != after[2:4] + after[5:]
    assert all(span.to_at is not None for span in spans[:-1])


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 9)), min_size=1, max_size=60), start=st.integers(0, 49)
)
def test_counts_are_conserved_over_rollovers(steps, start) -> None:
    """What a counter that rolls over counted is what was made, however the samples were taken."""
    tape, at, total = [(0, on.TOTAL, start, "good_total")], 0, start
    for seconds, pieces in steps:
        at += seconds * SECOND
        total += min(pieces, int(seconds * 1.5))
        tape.append((at, on.TOTAL, total % 50, "good_total"))
    out = Fold(Standing(), machine_rules()).run(tape, at)
    assert sum(row.good for row in out.counts) == total - start


@settings(max_examples=200, deadline=None)
@given(
    tape=st.one_of(machine_tapes(), people_tapes()),
    cuts=st.lists(st.tuples(INSTANTS, st.booleans()), max_size=5),
    by_people=st.booleans(),
)
def test_a_fold_kept_warm_goes_on_as_if_it_had_never_stopped(tape, cuts, by_people) -> None:
    """Run tape by tape, minutes cut in two and minutes left among them, a fold ends with the rows of one run."""
    rules = people_rules() if by_people else machine_rules()
    tape = sorted(set(tape), key=in_order)
    whole = Fold(Standing(), rules).run(tape, END)
    warm, spans, counts, checkpoints, since = Fold(Standing(), rules), {}, {}, {}, -1
    ends = [(floor_minute(at) + MINUTE_US - 1, False) if is_whole else (at, True) for at, is_whole in cuts]
    for cut, is_last in [*sorted(ends), (END, True)]:
        out = warm.run([event for event in tape if since < event[0] <= cut], cut, is_last=is_last)
        spans |= {span.from_at: span for span in out.spans}
        checkpoints |= out.checkpoints
        for minute in out.checkpoints:
            counts[minute] = [row for row in out.counts if row.minute == minute]
        since = cut
    assert list(spans.values()) == whole.spans
    assert checkpoints == whole.checkpoints
    assert [row for rows in counts.values() for row in rows] == whole.counts
