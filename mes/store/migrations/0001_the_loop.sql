-- The tables the loop writes: heard, booked, decided, told. Who may write which: docs/architecture.md, "Tables".
create extension if not exists timescaledb;

-- ------------------------------------------------------------------ the house itself
-- Plant time read plant_at when the machine's clock read wall_at, and runs speed times as fast.
create table clock (
    only_one boolean primary key default true check (only_one),
    plant_at timestamptz not null,
    wall_at timestamptz not null,
    speed float8 not null check (speed > 0)
);

-- One holder of a duty (tracker, sequencer); the epoch rises with every new holder. Machine time of the database.
create table lease (
    name text primary key,
    owner text not null,
    epoch int8 not null,
    expires_at timestamptz not null
);

-- ------------------------------------------------------------------ plant: the model, whole, in versions
-- In force at T: the highest id among those with in_force_from <= T.
create table plant_version (
    id int generated always as identity primary key,
    in_force_from timestamptz not null,
    applied_at timestamptz not null,
    applied_by text not null,
    sha256 text not null,
    document jsonb not null
);
create index on plant_version (in_force_from, id);

-- Samples name tags by number; a tag keeps its number through all plant versions.
create table tag (
    id int generated always as identity primary key,
    address text not null unique
);

-- ------------------------------------------------------------------ access
create table system (
    code text primary key,
    kind text not null check (kind in ('erp', 'plm', 'crm', 'oa', 'gateway', 'other')),
    name text not null default ''
);

create table person (
    id int generated always as identity primary key,
    code text not null unique,
    name text not null,
    password_hash text,
    pin_hash text,
    badge text unique,
    invite_sha256 text unique,
    invite_expires_at timestamptz,
    disabled_at timestamptz
);

-- lines null: every line.
create table role_grant (
    person_id int not null references person,
    role text not null,
    lines text[],
    primary key (person_id, role)
);

create table api_key (
    id int generated always as identity primary key,
    prefix text not null unique,
    sha256 text not null,
    system text not null references system,
    scopes text[] not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);

create table kiosk (
    id int generated always as identity primary key,
    code text not null unique,
    lines text[],
    token_sha256 text unique,
    enrol_sha256 text unique,
    enrol_expires_at timestamptz,
    created_at timestamptz not null,
    revoked_at timestamptz
);

create table session (
    token_sha256 text primary key,
    person_id int not null references person,
    created_at timestamptz not null,
    seen_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz
);
create index on session (person_id);

-- Who failed to sign in and how often, by the hash of name or address. Counted before the secret is looked at, so that
-- many tries at one moment, in many processes, are many tries.
create table sign_in_failure (
    who_sha256 text primary key,
    count int not null,
    failed_at timestamptz not null,
    wait_until timestamptz not null
);

create table idempotency_key (
    principal text not null,
    key text not null,
    request_sha256 text not null,
    status int not null,
    headers jsonb not null default '{}',
    body bytea not null,
    created_at timestamptz not null,
    primary key (principal, key)
);

-- Who did what; seq and chain are given after commit by the sequencer.
create table audit (
    id int8 generated always as identity primary key,
    at timestamptz not null,
    wall_at timestamptz not null,
    actor text not null,
    action text not null,
    subject text not null,
    detail jsonb not null,
    seq int8 unique,
    chain_sha256 text
);
create index on audit (id) where seq is null;

-- ------------------------------------------------------------------ product
create table item (
    code text primary key,
    system text not null,
    name jsonb not null,
    unit text not null,
    kind text not null check (kind in ('product', 'component', 'raw')),
    family text not null default '',
    lot_tracked boolean not null default false,
    ext jsonb not null default '{}',
    version int not null default 1,
    changed_at timestamptz not null
);

create table unit_conversion (
    item text not null references item,
    unit text not null,
    per_base numeric(18, 6) not null check (per_base > 0),
    primary key (item, unit)
);

create table release (
    item text not null references item,
    revision text not null,
    system text not null,
    status text not null check (status in ('released', 'obsolete')),
    effective_from timestamptz,
    effective_until timestamptz,
    documents jsonb not null default '[]',
    ext jsonb not null default '{}',
    sha256 text not null,
    accepted_at timestamptz not null,
    primary key (item, revision)
);

create table bom_line (
    item text not null,
    revision text not null,
    line_no int not null,
    component text not null references item,
    quantity_per numeric(18, 6) not null check (quantity_per > 0),
    unit text not null,
    scrap_fraction numeric(18, 6) not null default 0 check (scrap_fraction >= 0 and scrap_fraction < 1),
    operation_seq int not null,
    substitutes text[] not null default '{}',
    primary key (item, revision, line_no),
    foreign key (item, revision) references release
);

create table operation (
    item text not null,
    revision text not null,
    seq int not null,
    code text not null default '',
    name jsonb,
    lines text[] not null,
    seconds_per_piece numeric(18, 6),
    seconds_by_line jsonb not null default '{}',
    yield_rate numeric(18, 6) not null default 1 check (yield_rate > 0 and yield_rate <= 1),
    lot_min int not null default 1,
    lot_max int,
    transfer_minutes int not null default 0,
    uninterrupted boolean not null default false,
    resources text[] not null default '{}',
    external jsonb,
    primary key (item, revision, seq),
    foreign key (item, revision) references release
);

-- ------------------------------------------------------------------ order
create table production_order (
    id int8 generated always as identity primary key,
    system text not null,
    number text not null,
    item text not null references item,
    revision text not null,
    quantity numeric(18, 6) not null check (quantity > 0),
    unit text not null,
    earliest_start_at timestamptz,
    due_at timestamptz not null,
    priority int not null check (priority between 1 and 9),
    status text not null check (status in ('forecast', 'released', 'held', 'cancelled', 'closed')),
    customer_order jsonb,
    system_version text,
    split_from int8 references production_order,
    merged_into int8 references production_order,
    ext jsonb not null default '{}',
    sha256 text not null,
    version int not null default 1,
    accepted_at timestamptz not null,
    changed_at timestamptz not null,
    unique (system, number)
);

-- The order's own component list wins over its revision's BOM; empty: the revision's.
create table order_component (
    order_id int8 not null references production_order,
    line_no int not null,
    component text not null references item,
    quantity_per numeric(18, 6) not null check (quantity_per > 0),
    unit text not null,
    scrap_fraction numeric(18, 6) not null default 0,
    operation_seq int not null,
    substitutes text[] not null default '{}',
    primary key (order_id, line_no)
);

-- The order's own operations win over its revision's routing; empty: the revision's.
create table order_operation (
    order_id int8 not null references production_order,
    seq int not null,
    code text not null default '',
    name jsonb,
    lines text[] not null,
    seconds_per_piece numeric(18, 6),
    seconds_by_line jsonb not null default '{}',
    yield_rate numeric(18, 6) not null default 1,
    lot_min int not null default 1,
    lot_max int,
    transfer_minutes int not null default 0,
    uninterrupted boolean not null default false,
    resources text[] not null default '{}',
    external jsonb,
    primary key (order_id, seq)
);

create table order_delivery (
    order_id int8 not null references production_order,
    line_no int not null,
    sales_order jsonb,
    quantity numeric(18, 6) not null check (quantity > 0),
    due_at timestamptz not null,
    primary key (order_id, line_no)
);

-- A line of a customer's order; production orders name it in customer_order. Quantity 0: no longer wanted.
create table sales_order (
    id int8 generated always as identity primary key,
    system text not null,
    number text not null,
    line_no int not null,
    item text not null references item,
    quantity numeric(18, 6) not null check (quantity >= 0),
    unit text not null,
    due_at timestamptz not null,
    promised_at timestamptz,
    customer text not null,
    priority int not null check (priority between 1 and 9),
    ext jsonb not null default '{}',
    version int not null default 1,
    changed_at timestamptz not null,
    unique (system, number, line_no)
);
create index on production_order ((customer_order ->> 'number')) where customer_order is not null;

-- What others were told an order's completion to be; the newest row of an order stands.
create table order_eta (
    id int8 generated always as identity primary key,
    order_id int8 not null references production_order,
    at timestamptz not null,
    eta_at timestamptz,
    due_at timestamptz not null,
    late_minutes int not null,
    reasons jsonb not null
);
create index on order_eta (order_id, id desc);

-- ------------------------------------------------------------------ plan
create table plan_run (
    id int8 generated always as identity primary key,
    client_id uuid unique,
    kind text not null check (kind in ('replan', 'edit', 'scenario', 'promise')),
    state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed', 'superseded')),
    automatic boolean not null default false,
    reasons jsonb not null default '[]',
    base_plan_id int8,
    changes jsonb not null default '[]',
    time_limit_s float8,
    requested_by text not null,
    requested_at timestamptz not null,
    not_before timestamptz not null,
    tries int not null default 0,
    claimed_by text,
    claimed_until timestamptz,
    progress jsonb,
    result jsonb,
    plan_id int8,
    error text,
    finished_at timestamptz
);
create index on plan_run (id) where state in ('waiting', 'running');
-- Wishes for a re-plan that come while one waits become that one's reasons.
create unique index on plan_run ((true)) where state = 'waiting' and automatic;

-- `tentative`: orders of a scenario that nobody has placed yet, with their lots, lines, ends and reasons.
create table plan (
    id int8 generated always as identity primary key,
    run_id int8 references plan_run,
    base_plan_id int8 references plan,
    version int unique,
    state text not null check (state in ('proposed', 'published', 'superseded', 'discarded')),
    name text not null default '',
    known_at timestamptz not null,
    now_at timestamptz not null,
    horizon_end_at timestamptz not null,
    objective jsonb not null,
    shortages jsonb not null,
    unplanned jsonb not null,
    tentative jsonb not null default '{}',
    log jsonb not null,
    created_at timestamptz not null,
    published_at timestamptz,
    published_by text,
    moved_lines text[] not null default '{}'
);
create unique index on plan ((true)) where state = 'published';

create table plan_lot (
    plan_id int8 not null references plan,
    lot_no int not null,
    order_id int8 not null references production_order,
    operation_seq int not null,
    line text not null,
    quantity int8 not null,
    setup_minutes int not null,
    start_at timestamptz not null,
    end_at timestamptz not null,
    wanted_at timestamptz not null,
    shift_day date not null,
    shift text not null,
    pinned boolean not null default false,
    primary key (plan_id, lot_no)
);

create table plan_line (
    id int8 generated always as identity primary key,
    plan_id int8 not null references plan,
    order_id int8 not null references production_order,
    operation_seq int not null,
    line text not null,
    shift_day date not null,
    shift text not null,
    sequence int not null,
    quantity int8 not null,
    start_at timestamptz not null,
    end_at timestamptz not null,
    made int8 not null default 0,
    unique (plan_id, line, shift_day, shift, sequence)
);

-- What a plan took each order to be, and when it finishes it (null: it does not).
create table plan_order (
    plan_id int8 not null references plan,
    order_id int8 not null references production_order,
    order_version int not null,
    completed_at timestamptz,
    late_minutes int not null,
    unplanned_quantity int8 not null,
    primary key (plan_id, order_id)
);

-- kind cause: why an order is late or short, in minutes; kind fix: what would mend it, with its measured effect.
create table plan_reason (
    plan_id int8 not null references plan,
    order_id int8 not null references production_order,
    kind text not null check (kind in ('cause', 'fix')),
    no int not null,
    cause text not null,
    detail jsonb not null,
    minutes int not null,
    primary key (plan_id, order_id, kind, no)
);

-- ------------------------------------------------------------------ floor
create table job (
    id int8 generated always as identity primary key,
    order_id int8 not null references production_order,
    operation_seq int not null,
    line text not null,
    shift_day date not null,
    shift text not null,
    sequence int not null,
    quantity int8 not null,
    planned_start_at timestamptz not null,
    planned_end_at timestamptz not null,
    plan_id int8 not null references plan,
    created_at timestamptz not null,
    withdrawn_at timestamptz,
    unique (order_id, operation_seq, line, shift_day, shift)
);
create index on job (line, shift_day, sequence);

-- What a person (or a device on their behalf) said. Append-only; a correction reverses an earlier entry.
create table entry (
    id int8 generated always as identity primary key,
    client_id uuid not null unique,
    kind text not null check (kind in
        ('mark', 'count', 'reject', 'rework', 'scrap', 'reason', 'assign', 'who', 'note', 'confirm')),
    mark text check (mark in ('start', 'pause', 'finish', 'switch')),
    line text not null,
    station text,
    machine text,
    job_id int8 references job,
    phase text check (phase in ('setup', 'first_article', 'production', 'rework', 'trial')),
    effective_at timestamptz not null,
    from_at timestamptz,
    quantity numeric(18, 6),
    reason text,
    serial text,
    reverses int8 unique references entry,
    detail jsonb not null default '{}',
    entered_at timestamptz not null,
    entered_by text not null
);
create index on entry (line, effective_at);
create index on entry (job_id, effective_at);

create table andon_call (
    id int8 generated always as identity primary key,
    client_id uuid not null unique,
    line text not null,
    station text,
    machine text,
    kind text not null check (kind in ('material', 'quality', 'maintenance', 'leader')),
    note text not null default '',
    raised_at timestamptz not null,
    raised_by text not null,
    level int not null default 0,
    escalated_at timestamptz,
    taken_at timestamptz,
    taken_by text,
    resolved_at timestamptz,
    resolved_by text
);
create index on andon_call (raised_at) where resolved_at is null;

-- A line's shift as it was handed over: figures of from_at .. through_at, kept as they were said.
create table handover (
    id int8 generated always as identity primary key,
    client_id uuid not null unique,
    line text not null,
    shift_day date not null,
    shift text not null,
    at timestamptz not null,
    by text not null,
    note text not null default '',
    from_at timestamptz not null,
    through_at timestamptz not null,
    figures jsonb not null
);
create index on handover (line, id);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise integrity_constraint_violation using message = tg_table_name || ' is never changed';
end $$;
create trigger handover_stays before update or delete on handover
for each statement execute function refuse_change();

-- ------------------------------------------------------------------ material
-- What an ERP states to lie somewhere (kind erp), or what somebody counted there (kind count).
create table stock_statement (
    id int8 generated always as identity primary key,
    location text not null,
    item text not null references item,
    lot text not null default '',
    kind text not null check (kind in ('erp', 'count')),
    as_of timestamptz not null,
    applied_through int8,
    on_hand numeric(18, 6) not null,
    reserved numeric(18, 6) not null default 0,
    stated_by text not null,
    accepted_at timestamptz not null,
    unique (location, item, lot, kind, as_of)
);
create index on stock_statement (item, location, as_of desc, id desc);

create table expected_receipt (
    system text not null,
    number text not null,
    line_no int not null,
    item text not null references item,
    quantity numeric(18, 6) not null check (quantity >= 0),
    unit text not null,
    expected_at timestamptz not null,
    ext jsonb not null default '{}',
    version int not null default 1,
    changed_at timestamptz not null,
    primary key (system, number, line_no)
);
create index on expected_receipt (item, expected_at);

create table stock_movement (
    id int8 generated always as identity primary key,
    client_id uuid not null unique,
    kind text not null check (kind in ('receive', 'issue', 'return', 'transfer', 'adjust', 'component_reject')),
    item text not null references item,
    lot text not null default '',
    from_location text,
    to_location text,
    quantity numeric(18, 6) not null check (quantity > 0),
    at timestamptz not null,
    job_id int8 references job,
    call_off_id int8,
    note text not null default '',
    entered_at timestamptz not null,
    entered_by text not null,
    check (num_nonnulls(from_location, to_location) >= 1)
);
create index on stock_movement (item, at);

-- The line runs out, the plant has it: for the material handler, never for the ERP.
create table call_off (
    id int8 generated always as identity primary key,
    client_id uuid not null unique,
    line text not null,
    location text not null,
    item text not null references item,
    quantity numeric(18, 6) not null check (quantity > 0),
    needed_at timestamptz not null,
    called_at timestamptz not null,
    called_by text not null,
    delivered_at timestamptz,
    delivered_by text,
    delivered_quantity numeric(18, 6),
    cancelled_at timestamptz,
    cancelled_why text
);
create unique index on call_off (location, item) where delivered_at is null and cancelled_at is null;

-- Plant stock and receipts do not cover the need. One open row per item; state is derived (view shortage_state).
create table shortage (
    id int8 generated always as identity primary key,
    item text not null references item,
    opened_at timestamptz not null,
    changed_at timestamptz not null,
    version int not null default 1,
    short_quantity numeric(18, 6) not null,
    needed_by timestamptz not null,
    on_hand numeric(18, 6) not null,
    line text,
    orders jsonb not null,
    receipts jsonb not null,
    covered_by text,
    covered_at timestamptz,
    cause text not null,
    confirmed_at timestamptz,
    closed_at timestamptz,
    closed_cause text
);
create unique index on shortage (item) where closed_at is null;

create table shortage_answer (
    id int8 generated always as identity primary key,
    client_id uuid not null unique,
    shortage_id int8 not null references shortage,
    at timestamptz not null,
    by text not null,
    answer text not null,
    ref text,
    quantity numeric(18, 6),
    expected_at timestamptz
);
create index on shortage_answer (shortage_id, id);

-- ------------------------------------------------------------------ sample
-- No foreign keys and no triggers on hypertables. at is the time that orders (device, server or received).
create table signal_sample (
    tag_id int4 not null,
    at timestamptz not null,
    h int4 not null,
    num float8,
    int int8,
    txt text,
    quality int2 not null,
    source_at timestamptz,
    server_at timestamptz,
    received_at timestamptz not null,
    unique (tag_id, at, h)
);
select create_hypertable('signal_sample', by_range('at', interval '1 day'), create_default_indexes => false);

create table value_sample (
    tag_id int4 not null,
    at timestamptz not null,
    h int4 not null,
    num float8,
    int int8,
    txt text,
    quality int2 not null,
    source_at timestamptz,
    server_at timestamptz,
    received_at timestamptz not null,
    unique (tag_id, at, h)
);
select create_hypertable('value_sample', by_range('at', interval '2 hours'), create_default_indexes => false);

-- Where a pulse has a sequence but no time: the last one stored.
create table pulse_sequence (
    tag_id int4 primary key references tag,
    sequence int8 not null
);

create table gap (
    id int8 generated always as identity primary key,
    source text not null,
    tag_id int4,
    from_at timestamptz not null,
    to_at timestamptz,
    why text not null,
    detail text not null default '',
    epoch int8 not null default 0
);
create index on gap (source, from_at);
create index on gap (source) where to_at is null;

create table quarantine (
    id int8 generated always as identity primary key,
    source text not null,
    received_at timestamptz not null,
    why text not null,
    detail text not null,
    address text not null default '',
    payload bytea not null,
    sample jsonb,
    released_at timestamptz,
    released_by text
);
create index on quarantine (source, id);

-- One owner per source; health is what the owner last said of it. Leases run on the database's machine time.
create table source_lease (
    source text primary key,
    owner text not null,
    epoch int8 not null,
    expires_at timestamptz not null,
    heard_at timestamptz,
    state text not null default 'starting',
    since_at timestamptz,
    health jsonb not null default '{}'
) with (fillfactor = 40);

-- ------------------------------------------------------------------ to do
-- What has to be booked again: kind station (keys = stations and machines), line, order, item, plan, plant.
-- tries, retry_at (machine time): a line whose rule failed stays touched and is tried again later; why says what failed.
create table touched (
    id int8 generated always as identity primary key,
    kind text not null check (kind in ('station', 'line', 'order', 'item', 'plan', 'plant')),
    keys text[] not null,
    from_at timestamptz,
    to_at timestamptz,
    why text not null,
    tries int not null default 0,
    retry_at timestamptz
);

-- ------------------------------------------------------------------ booked (replay rebuilds all of these)
-- machine: a machine's code, or the code of a station where people count. Cut where state, job, phase or shift changes.
-- cause: gap, unmapped. shift_day null: outside every shift. to_at null: it lasts.
create table state_span (
    machine text not null,
    from_at timestamptz not null,
    to_at timestamptz,
    state text not null,
    cause text not null,
    stop_code text not null,
    job_id int8 not null,
    order_id int8 not null,
    phase text not null,
    shift_day date,
    shift text not null,
    primary key (machine, from_at)
);

-- scope: as state_span.machine, or a line's code (its output stands still). Cut where its reason changes.
-- state: the gravest within; cause: upstream, downstream, component, gap; root_machine: where it began; loss_us: what of
-- it was working time, null while it lasts; micro: no longer than the line's micro_stop_s. root_state: what the stop at
-- the root is called that gave a line's standstill its reason, and its time its element; again: that stop had stood the
-- line still before, so that it is no further failure.
create table stop (
    scope text not null,
    from_at timestamptz not null,
    to_at timestamptz,
    line text not null,
    machine text not null,
    root_machine text not null,
    root_state text not null default '',
    state text not null,
    cause text not null,
    stop_code text not null,
    reason text not null,
    reason_by text not null,
    micro boolean not null,
    loss_us int8,
    job_id int8 not null,
    shift_day date,
    shift text not null,
    again boolean not null default false,
    primary key (scope, from_at)
);
create index on stop (line, from_at);

-- job_id 0: nobody's yet (unassigned). entered = good + reject: pieces that used up components here.
create table minute_count (
    station text not null,
    minute timestamptz not null,
    job_id int8 not null,
    order_id int8 not null,
    operation_seq int not null,
    phase text not null,
    good int8 not null,
    reject int8 not null,
    rework int8 not null,
    scrap int8 not null,
    entered int8 not null,
    flags int not null default 0,
    primary key (station, minute, job_id, phase)
);
create index on minute_count (order_id, minute) where order_id <> 0;

-- Where the fold over a post's history (machine, or station where people count) stood at the end of a minute.
create table checkpoint (
    station text not null,
    minute timestamptz not null,
    state jsonb not null,
    primary key (station, minute)
);

-- How far a post's rows reach.
create table frontier (
    station text primary key,
    through_at timestamptz not null
);

create table job_span (
    station text not null,
    from_at timestamptz not null,
    to_at timestamptz,
    line text not null,
    job_id int8 not null,
    order_id int8 not null,
    operation_seq int not null,
    phase text not null,
    primary key (station, from_at)
);
create index on job_span (job_id);

-- Sums of minute_count over a shift: what orders, reports and KPIs add up. shift '' with the local date: outside shifts.
-- enters: the line's first station; leaves: its counts_at. first_at, last_at: minutes of the first and last piece.
create table shift_count (
    station text not null,
    shift_day date not null,
    shift text not null,
    job_id int8 not null,
    phase text not null,
    line text not null,
    order_id int8 not null,
    operation_seq int not null,
    good int8 not null,
    reject int8 not null,
    rework int8 not null,
    scrap int8 not null,
    entered int8 not null,
    enters boolean not null,
    leaves boolean not null,
    first_at timestamptz,
    last_at timestamptz,
    primary key (station, shift_day, shift, job_id, phase)
);
create index on shift_count (order_id) where order_id <> 0;
create index on shift_count (job_id) where job_id <> 0;
create index on shift_count (shift_day, line);

-- Microseconds of every machine, station where people count, and line (machine = line's code), by shift and element;
-- they sum to calendar_us. Reaches to the last whole minute booked. A line's row: the times of the post its counts_at
-- stands at, stops within micro_stop_s counted as running, waiting for another machine as what that one stands in; its
-- good, the rejects of all its stations, its jobs' pace.
create table time_ledger (
    machine text not null,
    shift_day date not null,
    shift text not null,
    line text not null,
    calendar_us int8 not null,
    planned_stop_us int8 not null,
    apt_us int8 not null,
    aust_us int8 not null,
    adet_us int8 not null,
    adot_us int8 not null,
    no_data_us int8 not null,
    ideal_us int8 not null,
    good int8 not null,
    reject int8 not null,
    rework int8 not null default 0,
    scrap int8 not null default 0,
    order_us int8 not null default 0,
    failures int not null default 0,
    failure_us int8 not null default 0,
    unpaced int8 not null default 0,
    detail jsonb not null default '{}',
    primary key (machine, shift_day, shift),
    check (calendar_us = planned_stop_us + apt_us + aust_us + adet_us + adot_us + no_data_us)
);
create index on time_ledger (shift_day, line);

create table consumption (
    station text not null,
    shift_day date not null,
    shift text not null,
    job_id int8 not null,
    item text not null,
    line text not null,
    location text not null,
    order_id int8 not null,
    operation_seq int not null,
    revision text not null,
    pieces int8 not null,
    quantity numeric(18, 6) not null,
    primary key (station, shift_day, shift, job_id, item)
);
create index on consumption (item, location);
create index on consumption (job_id);
create index on consumption (order_id);

-- ------------------------------------------------------------------ told
-- Per job and shift, after confirmation; append-only, corrections are further reports that reverse.
-- through_at: counts of minutes before it are in; null: all of the job and shift.
create table production_report (
    id int8 generated always as identity primary key,
    order_id int8 not null references production_order,
    order_report_no int not null,
    job_id int8 not null references job,
    operation_seq int not null,
    is_final boolean not null,
    line text not null,
    shift_day date not null,
    shift text not null,
    good int8 not null,
    reject int8 not null,
    rework int8 not null,
    scrap int8 not null,
    started_at timestamptz,
    ended_at timestamptz,
    through_at timestamptz,
    posting_on date not null,
    consumption jsonb not null,
    cumulative jsonb not null,
    reverses int8 references production_report,
    reported_at timestamptz not null,
    reported_by text not null,
    event_id int8,
    unique (order_id, order_report_no)
);
create index on production_report (job_id);

-- The consumption of production reports, to be found by item and place; a reversing report's is negative.
create table reported_use (
    report_id int8 not null references production_report,
    event_id int8 not null,
    item text not null,
    location text not null,
    quantity numeric(18, 6) not null,
    primary key (report_id, item, location)
);
create index on reported_use (item, location);

-- A fact for others, in the transaction of the fact; seq is given after commit by the sequencer, in id order.
create table outbox (
    id int8 generated always as identity primary key,
    type text not null,
    subject text not null,
    at timestamptz not null,
    wall_at timestamptz not null,
    body jsonb not null,
    seq int8 unique
);
create index on outbox (id) where seq is null;
create index on outbox (subject, type, id);

-- The feed's two ends: the last number given, and the one up to which it is no longer handed out. Numbers are never
-- given twice, whatever was forgotten.
create table feed (
    only_one boolean primary key default true check (only_one),
    last_seq int8 not null default 0,
    dropped_through int8 not null default 0
);
insert into feed default values;

-- How far each reader of the feed had read, and when (plant time): decides which reports a statement includes.
create table feed_read (
    reader text not null,
    through_seq int8 not null,
    read_at timestamptz not null,
    primary key (reader, through_seq)
);
