"""`mes plan`: planning on the database, and the solver on files."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mes.errors import ConflictError, InputError, MesError, NotFoundError

if TYPE_CHECKING:
    from mes.domain.plan import PlanBody
    from mes.store.plan import PlanRun
    from scheduler.plan import Plan
    from scheduler.problem import Problem
    from scheduler.solve import Progress

group = typer.Typer(no_args_is_help=True, help="Plans of the plant, and the solver on files.")
FILE_MB_MAX = 200
SHOWN_MAX = 40


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(group, name="plan")


# ------------------------------------------------------------------ on the database
@group.command()
def serve() -> None:
    """Answer plan runs: one process of `mes up`."""
    from mes.host.here import settings_to_run
    from mes.log import configure
    from scheduler.planner import main

    configure()
    main(settings_to_run())


@group.command()
def run(
    now: Annotated[str | None, typer.Option(help="Plan as of this instant (ISO 8601, with its offset).")] = None,
    time_limit: Annotated[float | None, typer.Option("--time-limit", help="Seconds to search.", min=0.1)] = None,
) -> None:
    """Plan what the database holds, here and now. Says what became of it."""
    from mes.host.here import settings_here
    from mes.log import configure
    from mes.store.plan import load_run
    from mes.store.pool import open_pool, transaction
    from scheduler.planner import BACKGROUND, Desk

    configure(level=logging.WARNING)
    url = settings_here().database_url
    with open_pool(url, name="takt plan run", size_max=3) as pool:
        desk = Desk(url, pool, BACKGROUND)
        try:
            run_id = desk.ask_and_answer("cli", now=None if now is None else _instant(now), time_limit_s=time_limit)
        finally:
            desk.child.close()
        with transaction(pool) as conn:
            done = load_run(conn, run_id)
    assert done is not None
    _say_run(done)


def _say_run(run: PlanRun) -> None:
    if run.state == "failed":
        raise MesError(f"No plan was made: {run.error}")
    result = run.result or {}
    if result.get("published"):
        print(f"Plan {run.plan_id} is published as version {result['published']}")
        return
    print(f"Plan {run.plan_id} is proposed; publish it with `mes plan publish {run.plan_id}`")
    for obstacle in result.get("waits_for", ())[:SHOWN_MAX]:
        print(f"  {obstacle['line']}: {obstacle['code']} {obstacle['detail'] or ''}".rstrip())


@group.command()
def show(plan: Annotated[int | None, typer.Argument(help="A plan's id; else the published one.")] = None) -> None:
    """Print a plan. What each line makes in each shift, and which orders are late and why."""
    from mes.store.plan import published_id
    from mes.store.planned import load_body, load_head

    with _connection() as conn:
        plan_id = plan or published_id(conn)
        head = None if plan_id is None else load_head(conn, plan_id)
        body = None if head is None else load_body(conn, head.id)
    if head is None or body is None:
        raise NotFoundError(
            f"There is no plan {plan}" if plan else "No plan is published", remedy="See `mes plan run`."
        )
    version = f", version {head.version}" if head.version else ""
    print(f"Plan {head.id}, {head.state}{version}, of {_shown(head.now_at)}, cost {body.objective.get('total')}")
    _print_body(body)


def _print_body(body: PlanBody) -> None:
    for row in body.lines:
        where = f"{row.line:<8} {row.shift_day} {row.shift:<3} {row.sequence:>3}"
        print(f"{where}  {row.order:<20} {row.operation_seq:>4} {row.quantity:>7}  {_shown(row.start_at)}")
    causes: dict[str, list[str]] = {}
    for reason in body.reasons:
        if reason.kind == "cause":
            causes.setdefault(reason.order, []).append(
                f"{reason.cause} {reason.detail.get('detail', '')} {reason.minutes}"
            )
    for order in body.orders:
        if order.late_minutes or order.unplanned_quantity:
            told = "; ".join(causes.get(order.order, ()))
            print(
                f"{order.order}: late {order.late_minutes} min, unplanned {order.unplanned_quantity}  {told}".rstrip()
            )


@group.command()
def publish(plan: Annotated[int, typer.Argument(help="The proposed plan's id.")]) -> None:
    """Publish a proposed plan in place of the present one."""
    from mes.actions import plan as actions
    from mes.actions.record import Deed
    from mes.store.house import load_clock
    from mes.store.plan import published_id

    with _connection() as conn, conn.transaction():
        version = actions.publish(conn, Deed("cli", load_clock(conn).now()), plan, published_id(conn))
    print(f"Plan {plan} is published as version {version}")


def _connection() -> Any:
    from mes.host.here import settings_here
    from mes.store.pool import connect

    return connect(settings_here().database_url, name="takt plan")


# ------------------------------------------------------------------ on files or the database
@group.command()
def diff(
    a: Annotated[str, typer.Argument(help="A plan's id or its file.")],
    b: Annotated[str, typer.Argument(help="The other plan's id or its file.")],
) -> None:
    """Say what changes from plan A to plan B."""
    if a.isdigit() and b.isdigit():
        _diff_kept(int(a), int(b))
    else:
        _diff_files(_read_plan(Path(a)), _read_plan(Path(b)))


def _diff_kept(a: int, b: int) -> None:
    from mes.domain.plan_diff import diff as difference
    from mes.store.planned import load_body

    with _connection() as conn:
        bodies = [load_body(conn, plan_id) for plan_id in (a, b)]
    for plan_id, body in zip((a, b), bodies, strict=True):
        if body is None:
            raise NotFoundError(f"There is no plan {plan_id}")
    before, after = bodies
    assert before is not None
    assert after is not None
    change = difference(before, after)
    for key, value in change.summary().items():
        print(f"{key:<22} {value}")
    for move in change.moves[:SHOWN_MAX]:
        print(f"  {move.order} {move.operation_seq}: {move.from_line} {move.from_day} -> {move.to_line} {move.to_day}")


def _diff_files(a: Plan, b: Plan) -> None:
    from scheduler.diff import diff as difference
    from scheduler.diff import shown

    print(shown(difference(a, b)) or "The plans are the same")


# ------------------------------------------------------------------ the solver on files
@group.command()
def solve(
    problem: Annotated[Path, typer.Argument(help="The problem's JSON file.")],
    *,
    time_limit: Annotated[float | None, typer.Option("--time-limit", help="Seconds to search.", min=0.0)] = None,
    work: Annotated[int | None, typer.Option(help="Tries instead of seconds: the same plan every time.", min=0)] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another search.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes side by side.", min=1, max=64)] = 1,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where the plan goes; else stdout.")] = None,
) -> None:
    """Solve a problem file. Says on stderr how the cost falls."""
    from scheduler.check import check as violations_of
    from scheduler.plan import write_plan
    from scheduler.solve import Params
    from scheduler.solve import solve as solve_problem

    if time_limit is not None and work is not None:
        raise typer.BadParameter("give --time-limit or --work, not both")
    asked = _read_problem(problem)
    limit = 20.0 if time_limit is None else time_limit
    found = solve_problem(asked, Params(time_limit_s=limit, work=work, seed=seed, workers=workers), _progress())
    _write(output, write_plan(found))
    late = sum(order.tardy_minutes > 0 for order in found.orders)
    _note(f"cost {found.objective.total}: {len(found.lots)} lots, {late} orders late, {len(found.unplanned)} not whole")
    if broken := violations_of(asked, found):
        raise MesError(f"The plan breaks {len(broken)} rules, which is a fault of the solver: {broken[0]}")


def _progress() -> Callable[[Progress], bool]:
    """Says each phase once at each cost, so that the lines are few and the cost falls."""
    seen: set[tuple[str, object]] = set()

    def told(progress: Progress) -> bool:
        if (now := (progress.phase, progress.objective.total)) in seen:
            return False
        seen.add(now)
        _note(f"{progress.elapsed_s:8.2f} s  {progress.phase:<10} cost {progress.objective.total}")
        return False

    return told


@group.command()
def check(
    problem: Annotated[Path, typer.Argument(help="The problem's JSON file.")],
    plan: Annotated[Path, typer.Argument(help="The plan's JSON file.")],
) -> None:
    """Check a plan file against its problem. Exit 1 when it breaks a rule."""
    from scheduler.check import check as violations_of

    broken = violations_of(_read_problem(problem), _read_plan(plan))
    for violation in broken:
        print(violation)
    if broken:
        raise ConflictError(f"The plan breaks {len(broken)} rules")
    print("The plan obeys every rule")


def _read_problem(path: Path) -> Problem:
    from scheduler.problem import read_problem

    return read_problem(_bytes(path))


def _read_plan(path: Path) -> Plan:
    from scheduler.plan import read_plan

    return read_plan(_bytes(path))


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_MB_MAX * 1_000_000:
            raise InputError(f"{path} is larger than {FILE_MB_MAX} MB")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _write(path: Path | None, data: bytes) -> None:
    if path is None:
        print(data.decode(), end="")
        return
    try:
        path.write_bytes(data)
    except OSError as error:
        raise MesError(f"{path} cannot be written: {error.strerror}") from error


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("is an instant like 2026-01-05T08:00:00+08:00", param_hint="--now") from error
    if at.tzinfo is None:
        raise typer.BadParameter("needs its offset from UTC, like 2026-01-05T08:00:00+08:00", param_hint="--now")
    return at.astimezone(UTC)


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z"
