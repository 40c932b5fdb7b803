-- What is read but not kept: balances, progress, states of jobs and shortages, and the views of schema report.

-- Booking reads instants as microseconds since 1970.
create function micros(at timestamptz) returns int8 language sql stable parallel safe
    return (extract(epoch from at) * 1000000)::int8;

create function instant(us int8) returns timestamptz language sql immutable parallel safe
    return timestamptz 'epoch' + us * interval '1 microsecond';

create index on entry (station, serial) where serial is not null;
create index on entry (job_id, kind) where kind in ('mark', 'confirm');
create index on entry (effective_at) where kind = 'who';
create index on job_span (job_id) where to_at is null;

-- What lies where, of items that somebody ever stated or counted; others are not monitored and not in here.
-- The newest statement or count of a place holds, plus movements after it, less what was used up since: for a count, in
-- the minutes from it on; for an ERP's statement, whatever was not in the reports it had applied. A place of a
-- monitored item that was never stated itself (stated false) began empty at the newest statement of the item elsewhere.
create view balance as
with newest as (
    select distinct on (location, item) location, item, kind, as_of, applied_through
    from stock_statement order by location, item, as_of desc, id desc
), newest_of_item as (
    select distinct on (item) item, kind, as_of, applied_through
    from newest order by item, (kind = 'erp') desc, as_of desc, applied_through desc nulls last
), place as (
    select n.location, n.item, n.kind, n.as_of, n.applied_through, true as stated,
           (select sum(s.on_hand) from stock_statement s
            where (s.location, s.item, s.kind, s.as_of) = (n.location, n.item, n.kind, n.as_of)) as on_hand
    from newest n
    union all
    select u.location, u.item, i.kind, i.as_of, i.applied_through, false, 0
    from (
        select location, item from consumption
        union select from_location, item from stock_movement where from_location is not null
        union select to_location, item from stock_movement where to_location is not null
    ) u
    join newest_of_item i using (item)
    where u.location <> '' and not exists (select from newest n where (n.location, n.item) = (u.location, u.item))
)
select p.location, p.item,
       p.on_hand + moved.quantity - case p.kind when 'erp' then used.quantity - told.quantity else since.quantity end
           as quantity,
       p.stated, p.kind, p.as_of
from place p
cross join lateral (
    select coalesce(sum(case when m.to_location = p.location then m.quantity else 0 end
                      - case when m.from_location = p.location then m.quantity else 0 end), 0) as quantity
    from stock_movement m where m.item = p.item and m.at > p.as_of
) moved
cross join lateral (
    select coalesce(sum(c.quantity), 0) as quantity from consumption c
    where p.kind = 'erp' and (c.item, c.location) = (p.item, p.location)
) used
cross join lateral (
    select coalesce(sum(r.quantity), 0) as quantity
    from reported_use r join outbox o on o.id = r.event_id
    where p.kind = 'erp' and (r.item, r.location) = (p.item, p.location) and o.seq <= coalesce(p.applied_through, 0)
) told
cross join lateral (
    select coalesce(sum(
        case when h.first_at >= date_trunc('minute', p.as_of) then c.quantity
             else round(c.quantity / c.pieces * coalesce((
                 select sum(m.entered) from minute_count m
                 where m.station = c.station and m.job_id = c.job_id
                   and m.minute >= date_trunc('minute', p.as_of) and m.minute <= h.last_at), 0), 6) end), 0) as quantity
    from consumption c
    cross join lateral (
        select min(s.first_at) as first_at, max(s.last_at) as last_at from shift_count s
        where (s.station, s.shift_day, s.shift, s.job_id) = (c.station, c.shift_day, c.shift, c.job_id)
    ) h
    where p.kind = 'count' and (c.item, c.location) = (p.item, p.location)
      and h.last_at >= date_trunc('minute', p.as_of)
) since;

-- How far each operation (stage) of an order is. A reject that passes rework is good: rework entered, or counted in
-- phase rework where pieces leave the line, at most as many as were rejected. entered: pieces that began.
create view order_progress as
select order_id, operation_seq, made + least(passed, rejected) as good, rejected - least(passed, rejected) as reject,
       least(passed, rejected) as reworked, scrap, entered, first_at, last_at
from (
    select order_id, operation_seq,
           coalesce(sum(good) filter (where leaves and phase in ('production', 'first_article')), 0)::int8 as made,
           coalesce(sum(reject) filter (where phase in ('production', 'first_article')), 0)::int8 as rejected,
           (coalesce(sum(good) filter (where leaves and phase = 'rework'), 0) + sum(rework))::int8 as passed,
           sum(scrap)::int8 as scrap,
           coalesce(sum(entered) filter (where enters), 0)::int8 as entered,
           min(first_at) as first_at, max(last_at) as last_at
    from shift_count where order_id <> 0 group by order_id, operation_seq
) s;

-- How a job stands: what was said of it, where it runs now, what it made. waiting: its order is not released yet.
create view job_state as
select j.id as job_id, j.order_id, j.operation_seq, j.line, j.shift_day, j.shift, j.sequence, j.quantity,
       case when o.status = 'cancelled' then 'aborted'
            when runs.since is not null then 'running'
            when said.mark = 'finish' or said.mark is not null and made.good >= j.quantity
                then case when o.status = 'closed' or confirmed.at is not null then 'closed' else 'completed' end
            when o.status = 'closed' then 'closed'
            when o.status = 'held' then 'held'
            when said.mark is not null then 'paused'
            when o.status = 'released' then 'ready'
            else 'waiting' end as state,
       runs.since as running_since, begun.at as started_at, said.at as marked_at, said.mark, confirmed.at as confirmed_at,
       made.good, made.reject, made.entered, j.withdrawn_at
from job j
join production_order o on o.id = j.order_id
left join lateral (
    select min(from_at) as since from job_span where job_id = j.id and to_at is null
) runs on true
left join lateral (select min(from_at) as at from job_span where job_id = j.id) begun on true
left join lateral (
    select e.mark, e.effective_at as at from entry e
    where e.job_id = j.id and e.kind = 'mark' and not exists (select from entry r where r.reverses = e.id)
    order by e.effective_at desc, e.id desc limit 1
) said on true
left join lateral (
    select max(e.effective_at) as at from entry e
    where e.job_id = j.id and e.kind = 'confirm' and not exists (select from entry r where r.reverses = e.id)
) confirmed on true
cross join lateral (
    select coalesce(sum(c.good) filter (where c.leaves and c.phase in ('production', 'first_article')), 0)::int8 as good,
           coalesce(sum(c.reject) filter (where c.phase in ('production', 'first_article')), 0)::int8 as reject,
           coalesce(sum(c.entered) filter (where c.enters), 0)::int8 as entered
    from shift_count c where c.job_id = j.id and c.job_id <> 0
) made;

-- A shortage's state is derived, nobody sets it.
create view shortage_state as
select s.id, s.item,
       case when s.closed_at is not null then 'closed'
            when s.covered_by is not null then 'covered'
            when exists (select from shortage_answer a where a.shortage_id = s.id) then 'acknowledged'
            when s.confirmed_at is not null then 'confirmed'
            else 'projected' end as state
from shortage s;

-- Of the components an order still needs, how many lie in the plant as many as it needs (it alone, whoever else does).
create view kit_rate as
with need as (
    select o.id as order_id, c.component as item,
           sum(c.quantity_per / (1 - c.scrap_fraction)) * greatest(o.quantity - coalesce(p.good, 0), 0) as quantity
    from production_order o
    cross join lateral (
        select component, quantity_per, scrap_fraction from order_component where order_id = o.id
        union all
        select component, quantity_per, scrap_fraction from bom_line
        where (item, revision) = (o.item, o.revision) and not exists (select from order_component where order_id = o.id)
    ) c
    left join lateral (
        select good from order_progress where order_id = o.id order by operation_seq desc limit 1
    ) p on true
    where o.status = 'released'
    group by o.id, c.component, o.quantity, p.good
), stock as (
    select item, sum(quantity) as quantity from balance group by item
)
select n.order_id, count(*)::int as components,
       (count(*) filter (where s.item is null or s.quantity >= n.quantity))::int as covered,
       round((count(*) filter (where s.item is null or s.quantity >= n.quantity))::numeric / count(*), 6) as rate
from need n left join stock s using (item) group by n.order_id;

-- ------------------------------------------------------------------ for other readers (Grafana, SQL); columns stay
create schema report;

create view report.sample as
select s.at, split_part(t.address, '/', 1) as machine, substr(t.address, strpos(t.address, '/') + 1) as signal,
       coalesce(s.num, s.int) as value, s.txt as text, s.quality, s.received_at
from signal_sample s join tag t on t.id = s.tag_id
union all
select s.at, split_part(t.address, '/', 1), substr(t.address, strpos(t.address, '/') + 1), coalesce(s.num, s.int),
       s.txt, s.quality, s.received_at
from value_sample s join tag t on t.id = s.tag_id;

create view report.state_span as
select s.machine, s.from_at, s.to_at, s.state, s.cause, s.stop_code, o.system, o.number, s.phase, s.shift_day, s.shift,
       extract(epoch from s.to_at - s.from_at)::float8 as seconds
from state_span s left join production_order o on o.id = s.order_id;

create view report.stop as
select s.line, s.scope, s.machine, s.root_machine, s.root_state, s.from_at, s.to_at, s.state, s.cause, s.stop_code,
       s.reason, s.reason_by, s.micro, s.loss_us / 1e6 as loss_seconds, s.shift_day, s.shift
from stop s;

create view report.minute_count as
select c.station, c.minute, o.system, o.number, c.operation_seq, c.phase, c.good, c.reject, c.rework, c.scrap, c.flags
from minute_count c left join production_order o on o.id = c.order_id;

-- Ratios of one row; to roll up, add the elements and take the ratio afterwards.
create view report.shift_kpi as
select machine as scope, line, shift_day, shift, calendar_us / 1e6 as calendar_s, planned_stop_us / 1e6 as planned_stop_s,
       (calendar_us - planned_stop_us) / 1e6 as pbt_s, apt_us / 1e6 as apt_s, aust_us / 1e6 as aust_s,
       adet_us / 1e6 as adet_s, adot_us / 1e6 as adot_s, no_data_us / 1e6 as no_data_s, ideal_us / 1e6 as ideal_s,
       order_us / 1e6 as order_s, good, reject, rework, scrap, failures,
       apt_us::float8 / nullif(calendar_us - planned_stop_us, 0) as availability,
       case when unpaced = 0 then ideal_us::float8 / nullif(apt_us, 0) end as effectiveness,
       good::float8 / nullif(good + reject, 0) as quality_ratio,
       apt_us::float8 / nullif(calendar_us - planned_stop_us, 0)
       * case when unpaced = 0 then ideal_us::float8 / nullif(apt_us, 0) end
       * (good::float8 / nullif(good + reject, 0)) as oee
from time_ledger;

create view report.order_progress as
select o.system, o.number, o.item, o.revision, o.quantity, o.unit, o.due_at, o.priority, o.status, p.operation_seq,
       p.good, p.reject, p.reworked, p.scrap, p.entered, p.first_at, p.last_at
from production_order o left join order_progress p on p.order_id = o.id;

create view report.shortage as
select s.id, s.item, v.state, s.short_quantity, s.needed_by, s.on_hand, s.line, s.cause, s.opened_at, s.changed_at,
       s.covered_by, s.covered_at, s.confirmed_at, s.closed_at, s.closed_cause
from shortage s join shortage_state v on v.id = s.id;

create view report.plan_line as
select p.version, o.system, o.number, o.item, l.operation_seq, l.line, l.shift_day, l.shift, l.sequence, l.quantity,
       l.made, l.start_at, l.end_at
from plan p join plan_line l on l.plan_id = p.id join production_order o on o.id = l.order_id
where p.state = 'published';

-- Who was on, from a `who` entry of a person to that person's next one (or twelve hours); station '': the whole line.
create view presence as
select p.* from (
    select e.id, e.detail ->> 'person' as person, e.line, coalesce(e.station, '') as station,
           (e.detail ->> 'share')::numeric as share, coalesce((e.detail ->> 'leaves')::boolean, false) as leaves,
           e.effective_at as from_at,
           least(lead(e.effective_at) over (partition by e.detail ->> 'person' order by e.effective_at, e.id),
                 e.effective_at + interval '12 hours') as to_at
    from entry e
    where e.kind = 'who' and not exists (select from entry r where r.reverses = e.id)
) p where not p.leaves and p.to_at > p.from_at;

-- Who worked on which job, cut where people or jobs change. share: of what is made meanwhile, as somebody said it;
-- who said nothing shares what is left equally. Several jobs at once are legal: each is a row. to_at may lie ahead.
create view job_person as
with worked as (
    select p.person, p.line, s.station, s.job_id, s.order_id, s.operation_seq, s.phase, p.share,
           greatest(p.from_at, s.from_at) as from_at, least(p.to_at, coalesce(s.to_at, 'infinity')) as to_at
    from presence p
    join job_span s on s.line = p.line and p.station in ('', s.station) and s.from_at < p.to_at
                   and coalesce(s.to_at, 'infinity') > p.from_at
    where s.job_id <> 0
), cut as (
    select station, job_id, at as from_at, lead(at) over (partition by station, job_id order by at) as to_at
    from (select station, job_id, from_at as at from worked union select station, job_id, to_at from worked) edges
), slice as (
    select w.person, w.line, w.station, w.job_id, w.order_id, w.operation_seq, w.phase, c.from_at, c.to_at, w.share,
           sum(w.share) over same as stated, count(*) filter (where w.share is null) over same as others
    from cut c
    join worked w on (w.station, w.job_id) = (c.station, c.job_id) and w.from_at <= c.from_at and w.to_at >= c.to_at
    window same as (partition by c.station, c.job_id, c.from_at)
)
select person, line, station, job_id, order_id, operation_seq, phase, from_at, to_at,
       round(coalesce(share, greatest(0, 1 - coalesce(stated, 0)) / others), 6) as share
from slice;

-- The same for those who reckon wages: with the order, up to now (plant time).
create view report.labor as
select w.person, w.line, w.station, o.system, o.number, w.job_id, w.operation_seq, w.phase, w.from_at,
       least(w.to_at, n.at) as to_at, w.share,
       extract(epoch from least(w.to_at, n.at) - w.from_at)::float8 as seconds
from job_person w
join production_order o on o.id = w.order_id
left join lateral (select plant_at + (clock_timestamp() - wall_at) * speed as at from clock) n on true
where n.at is null or w.from_at < n.at;

-- Who may read them and nothing else. A server where roles are made by others keeps working without this one.
do $$
begin
    create role takt_reader nologin;
exception when duplicate_object or unique_violation or insufficient_privilege then null;
end $$;
do $$
begin
    grant usage on schema report to takt_reader;
    grant select on all tables in schema report to takt_reader;
exception when undefined_object or insufficient_privilege then null;
end $$;
