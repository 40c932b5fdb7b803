"""Posts booked again: from the last checkpoint before the first touched minute, until a checkpoint comes out unchanged.

`refold(conn, plants, works)` loads what was heard in the touched stretches, folds it (`mes.domain.tracking.fold`),
compares with what stands and writes the difference: spans, job spans, minute counts, checkpoints. All posts go
together, stretch by stretch, so that a tick costs a handful of queries however many machines it concerns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from mes.domain.calendar import MINUTE_US, floor_minute
from mes.domain.tracking import tape as on
from mes.domain.tracking.fold import NEVER, Checkpoint, Fold, MinuteCount, Standing, standing
from mes.domain.tracking.jobs import COUNT_KINDS, Entry, assignments
from mes.domain.tracking.posts import Rules
from mes.store.pool import Connection
from mes.store.tracking import raw
from mes.store.tracking.counts import save_frontiers
from mes.tracker.difference import Deviation
from mes.tracker.plants import DAY_US, Plants
from mes.tracker.replace import Outcome, Replaced, replace

HOUR_US = 60 * MINUTE_US
ENTRY_KINDS = ("mark", "assign", *COUNT_KINDS)


@dataclass(frozen=True, slots=True)
class Work:
    """A stretch of one post to be booked again; both ends included, µs."""

    from_us: int
    to_us: int

    def joined(self, other: Work) -> Work:
        """Both stretches and what lies between them."""
        return Work(min(self.from_us, other.from_us), max(self.to_us, other.to_us))


@dataclass(slots=True)
class Refolded:
    """What booking changed: minutes by station, from..to of spans by post, jobs; how far each post's rows reached
    `before` and have `reached` now."""

    minutes: dict[str, set[int]] = field(default_factory=dict)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    jobs: set[int] = field(default_factory=set)
    before: dict[str, int] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    idle_at: dict[str, int] = field(default_factory=dict)
    """When posts that run while they count fall idle if nothing more is heard; 0: not by themselves."""
    orders: list[tuple[str, int, str]] = field(default_factory=list)
    """Where devices began to say another order: (post, at, their word)."""
    deviations: list[Deviation] = field(default_factory=list)

    def note(self, replaced: Replaced) -> None:
        """Add what one round replaced."""
        for row in replaced.minutes.rows:
            self.minutes.setdefault(row.station, set()).add(row.minute)
        for code, span in replaced.spans.rows:
            first, last = self.spans.get(code, (span.from_at, span.from_at))
            self.spans[code] = (min(first, span.from_at), max(last, span.to_at or span.from_at))
        self.jobs |= replaced.jobs
        self.deviations += replaced.deviations()


@dataclass(frozen=True, slots=True)
class WarmPost:
    """A post whose fold stands at the end of what is booked, to run on from there."""

    fold: Fold
    through: int


Warm = dict[str, WarmPost]
"""Posts by code. Whoever keeps it empties it when a transaction was rolled back or the plant changed."""


@dataclass(slots=True)
class _Post:
    """A post on its way through its stretches: from `at` to `end`, where `booked_from` is the minute `at` lies in."""

    code: str
    rules: Rules
    work: Work
    fold: Fold
    at: int
    booked_from: int
    last: int
    before: int
    through: int
    step: int = HOUR_US
    end: int = 0
    is_last: bool = False

    def take_stretch(self) -> None:
        """Decide up to where to go next: the touched stretch by days, then on until nothing is booked beyond."""
        target = floor_minute(self.work.to_us) + MINUTE_US
        if self.at < target:
            self.end = min(target, self.at + DAY_US)
        else:
            self.end = self.at + self.step
            self.step = min(2 * self.step, DAY_US)
        self.is_last = self.end >= target and self.last < self.end
        if self.is_last:
            self.end = max(self.end, floor_minute(self.through) + MINUTE_US)


def refold(
    conn: Connection, plants: Plants, works: Mapping[str, Work], *, whole: bool = False, warm: Warm | None = None
) -> Refolded:
    """Book posts again. `whole`: go through each stretch to its end and not beyond, and write nothing (verify).

    `warm`: folds kept from before; a post touched only after where its fold stands goes on from there.
    """
    done = Refolded()
    warm = {} if warm is None or whole else warm
    posts = _begin(conn, plants, works, whole, warm)
    while posts:
        for post in posts:
            post.take_stretch()
        heard = _hear(conn, plants, posts)
        outcomes = {post.code: _fold(plants, post, heard) for post in posts}
        for code, outcome in outcomes.items():
            done.orders += [(code, at, word) for at, word in outcome.folded.orders]
        done.note(replace(conn, list(outcomes.values()), heard.known, write=not whole))
        for post in posts:
            done.before.setdefault(post.code, post.work.from_us if whole else post.before)
            done.reached[post.code] = max(post.through, post.before)
            if post.is_last:
                done.idle_at[post.code] = post.fold.stands.busy_until
                if outcomes[post.code].folded.settled_at is None:
                    warm[post.code] = WarmPost(post.fold, post.through)
        posts = [post for post in posts if _goes_on(post, outcomes[post.code], whole)]
    if not whole:
        save_frontiers(conn, done.reached)
    return done


def _goes_on(post: _Post, outcome: Outcome, whole: bool) -> bool:
    """Whether another stretch of the post follows."""
    if post.is_last or outcome.folded.settled_at is not None:
        return False
    post.at = post.booked_from = post.end
    return not (whole and post.at > post.work.to_us)


def _begin(conn: Connection, plants: Plants, works: Mapping[str, Work], whole: bool, warm: Warm) -> list[_Post]:
    posts: list[_Post] = []
    cold: dict[str, Work] = {}
    for code, work in works.items():
        kept = warm.pop(code, None)
        rules = plants.latest_rules(code)
        if kept and rules and 0 <= kept.fold.now < work.from_us:
            through = max(work.to_us, kept.through)
            at = kept.fold.now + 1
            minute = kept.fold.minute if kept.fold.minute >= 0 else at
            kept.fold.settle_from = NEVER
            posts.append(_Post(code, rules, work, kept.fold, at, minute, -1, kept.through, through))
        else:
            cold[code] = work
    return posts + _begin_cold(conn, plants, cold, whole)


def _begin_cold(conn: Connection, plants: Plants, works: Mapping[str, Work], whole: bool) -> list[_Post]:
    begins = floor_minute(plants.begins)
    starts = {code: max(floor_minute(work.from_us), begins) for code, work in works.items() if work.to_us >= begins}
    posts = []
    for code, stand in (raw.load_stands(conn, starts) if starts else {}).items():
        rules = plants.latest_rules(code)
        if rules is None or (whole and (stand.through is None or stand.through < starts[code])):
            continue
        work, through = works[code], stand.through or 0
        reach = max(work.to_us, through)
        if whole:
            reach = min(work.to_us, through)
            work = Work(work.from_us, reach)
        stands = standing(stand.state) if stand.state else _from_nothing(plants, rules, begins)
        at = starts[code] if stand.state else begins
        fold = Fold(stands, plants.rules(code, at - 1), settle_from=NEVER if whole else floor_minute(work.to_us))
        last = -1 if stand.last is None else stand.last
        posts.append(_Post(code, rules, work, fold, at, at, last, through or begins, reach))
    return posts


def _from_nothing(plants: Plants, rules: Rules, begins: int) -> Standing:
    """Before anything was heard only the calendar is known."""
    first = plants.calendar(rules.line, begins, begins + MINUTE_US)[0]
    return Standing(shift_day=first.shift_day, shift=first.shift, open=first.open)


@dataclass(slots=True)
class _Heard:
    """What was loaded for a round, by post."""

    samples: dict[str, list[on.Heard]]
    gaps: list[raw.Gap]
    entries: dict[str, list[Entry]]
    known: dict[str, dict[int, Checkpoint]]


def _hear(conn: Connection, plants: Plants, posts: list[_Post]) -> _Heard:
    start, end = min(post.at for post in posts), max(post.end for post in posts)
    entries: dict[str, list[Entry]] = {}
    for entry in raw.load_entries(conn, sorted({post.rules.line for post in posts}), ENTRY_KINDS, start, end):
        entries.setdefault(entry.line, []).append(entry)
    return _Heard(
        samples=_samples(conn, plants, posts),
        gaps=raw.load_gaps(conn, start, end),
        entries=entries,
        known=raw.load_checkpoints(conn, {post.code: (post.booked_from, post.end) for post in posts}),
    )


def _samples(conn: Connection, plants: Plants, posts: list[_Post]) -> dict[str, list[on.Heard]]:
    """The samples of posts; those of the same day come with one query, so that it reads only that day's chunks."""
    signals: dict[int, tuple[str, str]] = {}
    days: dict[int, list[tuple[int, int, int]]] = {}
    for post in posts:
        for tag in post.rules.tags:
            number = plants.tags.get(tag.address)
            if number is not None:
                signals[number] = (post.code, tag.signal)
                days.setdefault(post.at // DAY_US, []).append((number, post.at, post.end))
    found: dict[str, list[on.Heard]] = {post.code: [] for post in posts}
    for ranges in days.values():
        for tag_id, at, h, value, quality in raw.load_samples(conn, ranges):
            code, signal = signals[tag_id]
            found[code].append(on.Heard(signal, at, h, value, quality))
    return found


def _fold(plants: Plants, post: _Post, heard: _Heard) -> Outcome:
    """Fold one stretch; `post.fold` moves along."""
    rules, fold, stands = post.rules, post.fold, post.fold.stands
    until = post.through if post.is_last else post.end - 1
    entries = heard.entries.get(rules.line, ())
    first_span = stands.span.from_at if stands.span else post.at
    first_job = stands.job_since if stands.job else post.at
    fold.known = heard.known[post.code]
    folded = fold.run(
        _tape(plants, post, heard, entries, until),
        until,
        assigned=assignments(entry for entry in entries if entry.concerns(rules.station, rules.machine)),
        is_last=post.is_last,
    )
    is_end = post.is_last and folded.settled_at is None
    reached = folded.settled_at or post.end
    return Outcome(
        code=post.code,
        station=rules.station,
        folded=folded,
        at=post.booked_from,
        end=reached,
        first_span=first_span,
        next_span=NEVER if is_end else stands.span.from_at if stands.span else reached,
        first_job=first_job,
        next_job=NEVER if is_end else stands.job_since if stands.job else reached,
    )


def instants_of(conn: Connection, plants: Plants, code: str, minute: int) -> Iterator[tuple[int, list[MinuteCount]]]:
    """The instants within a booked minute of a post, each with what the minute holds by then."""
    work = Work(minute, minute + MINUTE_US - 1)
    for post in _begin_cold(conn, plants, {code: work}, whole=True):
        post.take_stretch()
        heard = _hear(conn, plants, [post])
        tape = _tape(plants, post, heard, heard.entries.get(post.rules.line, ()), work.to_us)
        for at, events in groupby((e for e in tape if minute <= e[0] <= work.to_us), key=itemgetter(0)):
            yield at, post.fold.run(list(events), at).counts


def _tape(plants: Plants, post: _Post, heard: _Heard, entries: Sequence[Entry], until: int) -> list[on.Event]:
    """Everything that happened at a post within its stretch, in order."""
    rules = post.rules
    silences = [
        gap.silence for gap in heard.gaps if gap.silence.source in rules.sources and gap.machine in {"", rules.machine}
    ]
    calendar = plants.calendar(rules.line, post.at - 1, until + 1)
    events = on.heard_events(heard.samples[post.code])
    events += on.silence_events(silences, rules.state_source)
    events += on.entry_events(entries, rules)
    events += on.edge_events(calendar, every_edge=rules.states is None)
    events += plants.rule_events(post.code, post.at, until + 1)
    return sorted(event for event in events if post.at <= event[0] < post.end)
