-- What is read but not kept: balances, progress, states of jobs and shortages, and the views of schema report.

-- Booking reads instants as microseconds since 1970.
create function micros(at timestamptz) returns int8 language sql stable parallel safe
    return (extract(epoch from at) * 1000000)::int8;

create index on entry (station, serial) where serial is not null;
