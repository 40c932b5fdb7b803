"""What stands replaced by what the fold answered: minute counts, spans, job spans and checkpoints of many posts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mes.domain.tracking.fold import Checkpoint, Folded, JobSpan, MinuteCount, Span
from mes.store.pool import Connection
from mes.store.tracking import counts, spans
from mes.store.tracking.raw import Ranges
from mes.tracker.difference import Deviation, Difference, deviations, difference

PostSpan = tuple[str, Span]
PostCheckpoint = tuple[str, int, Checkpoint]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the fold over a stretch answered, and the stored rows in whose place it stands.

    Those are the minutes in [at, end), the spans that begin in [first_span, next_span) and the job spans that begin in
    [first_job, next_job).
    """

    code: str
    station: str
    folded: Folded
    at: int
    end: int
    first_span: int
    next_span: int
    first_job: int
    next_job: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """The differences that were written, and the jobs they concern."""

    minutes: Difference[MinuteCount]
    spans: Difference[PostSpan]
    job_spans: Difference[JobSpan]
    checkpoints: Difference[PostCheckpoint]
    jobs: frozenset[int]

    def deviations(self) -> list[Deviation]:
        """The differences as `mes replay --verify` prints them."""
        return [
            *deviations("minute_count", self.minutes),
            *deviations("state_span", self.spans),
            *deviations("job_span", self.job_spans),
            *deviations("checkpoint", self.checkpoints),
        ]


def replace(
    conn: Connection, outcomes: Sequence[Outcome], known: Mapping[str, Mapping[int, Checkpoint]], *, write: bool
) -> Replaced:
    """Compare with what stands and `write` the difference. `known`: the checkpoints of each stretch as they stand."""
    minutes = _minutes(conn, outcomes)
    span_rows = _spans(conn, outcomes)
    job_spans = _job_spans(conn, outcomes)
    checkpoints = _checkpoints(outcomes, known)
    found = {row.job for row in minutes.rows} | {row.job for row in job_spans.rows}
    jobs = frozenset(found | {span.job for _, span in span_rows.rows}) - {0}
    replaced = Replaced(minutes, span_rows, job_spans, checkpoints, jobs)
    if write:
        _write(conn, replaced)
    return replaced


def _write(conn: Connection, replaced: Replaced) -> None:
    minutes, span_rows, job_spans = replaced.minutes, replaced.spans, replaced.job_spans
    if minutes or span_rows or job_spans:
        facts = counts.load_jobs(conn, replaced.jobs)
        counts.save_minutes(conn, [row[:4] for row in minutes.gone], minutes.put, facts)
        gone = [(code, span.from_at) for code, span in span_rows.gone]
        spans.save_spans(conn, gone, span_rows.put, {job: fact.order_id for job, fact in facts.items()})
        counts.save_job_spans(conn, [row[:2] for row in job_spans.gone], job_spans.put, facts)
    checkpoints = replaced.checkpoints
    counts.save_checkpoints(conn, [row[:2] for row in checkpoints.gone], checkpoints.put)


def _minutes(conn: Connection, outcomes: Sequence[Outcome]) -> Difference[MinuteCount]:
    ranges: Ranges = {outcome.station: (outcome.at, outcome.end) for outcome in outcomes if outcome.station}
    stored = counts.load_minutes(conn, ranges)
    return difference(
        (row for rows in stored.values() for row in rows),
        (row for outcome in outcomes for row in outcome.folded.counts),
        key=lambda row: row[:4],
    )


def _spans(conn: Connection, outcomes: Sequence[Outcome]) -> Difference[PostSpan]:
    stored = spans.load_spans(conn, {outcome.code: (outcome.first_span, outcome.next_span) for outcome in outcomes})
    return difference(
        ((code, span) for code, rows in stored.items() for span in rows),
        ((outcome.code, span) for outcome in outcomes for span in outcome.folded.spans),
        key=lambda row: (row[0], row[1].from_at),
    )


def _job_spans(conn: Connection, outcomes: Sequence[Outcome]) -> Difference[JobSpan]:
    ranges: Ranges = {o.station: (o.first_job, o.next_job) for o in outcomes if o.station}
    stored = counts.load_job_spans(conn, ranges)
    return difference(
        (row for rows in stored.values() for row in rows),
        (row for outcome in outcomes for row in outcome.folded.job_spans),
        key=lambda row: row[:2],
    )


def _checkpoints(
    outcomes: Sequence[Outcome], known: Mapping[str, Mapping[int, Checkpoint]]
) -> Difference[PostCheckpoint]:
    return difference(
        ((o.code, minute, state) for o in outcomes for minute, state in known[o.code].items() if minute < o.end),
        ((o.code, minute, state) for o in outcomes for minute, state in o.folded.checkpoints.items()),
        key=lambda row: row[:2],
    )
