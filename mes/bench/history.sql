-- A stretch of history of the posts in `post`, between the instants of `stretch`, in the shape booking gives it.

-- A good count each half minute, a reject each ten, a state each seven and back.
insert into signal_sample (tag_id, at, h, int, txt, quality, received_at)
select t.id, g.at, 0, g.count, g.word, 0, g.at
from post p
cross join stretch x
cross join lateral (
    select 'good_total' as signal, at, extract(epoch from at)::int8 / 30 % 1000000 as count, null::text as word
    from generate_series(x.from_at, x.to_at, '30 s') at
    union all
    select 'reject_total', at, extract(epoch from at)::int8 / 600 % 1000000, null
    from generate_series(x.from_at, x.to_at, '10 min') at
    union all
    select 'state', at, null, case when extract(minute from at)::int % 2 = 0 then 'run' else 'flt' end
    from generate_series(x.from_at, x.to_at, '7 min') at
) g
join tag t on t.address = p.machine || '/' || g.signal
on conflict do nothing;

insert into minute_count (station, minute, job_id, order_id, operation_seq, phase, good, reject, rework, scrap, entered)
select p.station, m, 0, 0, 0, 'production', 2, (extract(minute from m)::int % 10 = 0)::int, 0, 0, 2
from post p, stretch x, generate_series(x.from_at, x.to_at, '1 min') m
on conflict do nothing;

insert into state_span (machine, from_at, to_at, state, cause, stop_code, job_id, order_id, phase, shift_day, shift)
select p.machine, s + o.begins, s + o.ends, o.state, '', '', 0, 0, '', (s - interval '6 hours')::date,
       case when extract(hour from s) between 6 and 17 then 'D' else 'N' end
from post p, stretch x, generate_series(x.from_at, x.to_at, '7 min') s,
     (values (interval '0', interval '5 min', 'running'), ('5 min', '7 min', 'fault')) o (begins, ends, state)
where s + o.begins < x.to_at
on conflict do nothing;

-- Half of the lines' standstills come from something else than what their last machine says.
insert into stop (scope, from_at, to_at, line, machine, root_machine, root_state, state, cause, stop_code, reason,
                  reason_by, micro, loss_us, job_id, shift_day, shift)
select w.scope, s.from_at, s.to_at, p.line, w.machine, p.machine,
       case when w.machine = '' and extract(minute from s.from_at)::int % 2 = 0 then 'setup' else s.state end,
       s.state, '', '',
       case when extract(hour from s.from_at)::int % 4 = 0 then '' else 'R' || extract(minute from s.from_at)::int % 20 end,
       'device', true, extract(epoch from s.to_at - s.from_at)::int8 * 1000000, 0, s.shift_day, s.shift
from stretch x
join state_span s on s.from_at >= x.from_at and s.from_at < x.to_at and s.state <> 'running'
join post p using (machine)
cross join lateral (
    select p.machine as scope, p.machine union all select p.line, '' where p.place = 5
) w (scope, machine)
on conflict do nothing;

insert into time_ledger (machine, shift_day, shift, line, calendar_us, planned_stop_us, apt_us, aust_us, adet_us, adot_us,
                         no_data_us, ideal_us, good, reject, failures, failure_us)
select w.scope, d::date, h.shift, p.line, 43200000000, 1800000000, 29571000000, 0, 0, 11829000000, 0, 28000000000, 1440,
       72, 100, 11829000000
from post p, stretch x, generate_series(x.from_at::date, x.to_at::date, '1 day') d, (values ('D'), ('N')) h (shift)
cross join lateral (select p.machine as scope union all select p.line where p.place = 5) w
on conflict do nothing;

insert into shift_count (station, shift_day, shift, job_id, phase, line, order_id, operation_seq, good, reject, rework,
                         scrap, entered, enters, leaves, first_at, last_at)
select p.station, d::date, h.shift, 0, 'production', p.line, 0, 0, 1440, 72, 0, 0, 1512, p.place = 1, p.place = 5, d, d
from post p, stretch x, generate_series(x.from_at::date, x.to_at::date, '1 day') d, (values ('D'), ('N')) h (shift)
on conflict do nothing;
