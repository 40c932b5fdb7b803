CREATE EXTENSION IF NOT EXISTS timescaledb WITH SCHEMA public;
COMMENT ON EXTENSION timescaledb IS 'Enables scalable inserts and complex queries for time-series data (Apache 2 Edition)';
CREATE SCHEMA report;
CREATE FUNCTION public.instant(us bigint) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ('1970-01-01 00:00:00+00'::timestamp with time zone + ((us)::double precision * '00:00:00.000001'::interval));
CREATE FUNCTION public.micros(at timestamp with time zone) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ((EXTRACT(epoch FROM at) * (1000000)::numeric))::bigint;
CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise integrity_constraint_violation using message = tg_table_name || ' is never changed';
end $$;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.andon_call (
    id bigint NOT NULL,
    client_id uuid NOT NULL,
    line text NOT NULL,
    station text,
    machine text,
    kind text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    raised_at timestamp with time zone NOT NULL,
    raised_by text NOT NULL,
    level integer DEFAULT 0 NOT NULL,
    escalated_at timestamp with time zone,
    taken_at timestamp with time zone,
    taken_by text,
    resolved_at timestamp with time zone,
    resolved_by text,
    CONSTRAINT andon_call_kind_check CHECK ((kind = ANY (ARRAY['material'::text, 'quality'::text, 'maintenance'::text, 'leader'::text])))
);
ALTER TABLE public.andon_call ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.andon_call_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.api_key (
    id integer NOT NULL,
    prefix text NOT NULL,
    sha256 text NOT NULL,
    system text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone
);
ALTER TABLE public.api_key ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.api_key_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.audit (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    wall_at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    detail jsonb NOT NULL,
    seq bigint,
    chain_sha256 text
);
ALTER TABLE public.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.consumption (
    station text NOT NULL,
    shift_day date NOT NULL,
    shift text NOT NULL,
    job_id bigint NOT NULL,
    item text NOT NULL,
    line text NOT NULL,
    location text NOT NULL,
    order_id bigint NOT NULL,
    operation_seq integer NOT NULL,
    revision text NOT NULL,
    pieces bigint NOT NULL,
    quantity numeric(18,6) NOT NULL
);
CREATE TABLE public.minute_count (
    station text NOT NULL,
    minute timestamp with time zone NOT NULL,
    job_id bigint NOT NULL,
    order_id bigint NOT NULL,
    operation_seq integer NOT NULL,
    phase text NOT NULL,
    good bigint NOT NULL,
    reject bigint NOT NULL,
    rework bigint NOT NULL,
    scrap bigint NOT NULL,
    entered bigint NOT NULL,
    flags integer DEFAULT 0 NOT NULL
);
CREATE TABLE public.outbox (
    id bigint NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    at timestamp with time zone NOT NULL,
    wall_at timestamp with time zone NOT NULL,
    body jsonb NOT NULL,
    seq bigint
);
CREATE TABLE public.reported_use (
    report_id bigint NOT NULL,
    event_id bigint NOT NULL,
    item text NOT NULL,
    location text NOT NULL,
    quantity numeric(18,6) NOT NULL
);
CREATE TABLE public.shift_count (
    station text NOT NULL,
    shift_day date NOT NULL,
    shift text NOT NULL,
    job_id bigint NOT NULL,
    phase text NOT NULL,
    line text NOT NULL,
    order_id bigint NOT NULL,
    operation_seq integer NOT NULL,
    good bigint NOT NULL,
    reject bigint NOT NULL,
    rework bigint NOT NULL,
    scrap bigint NOT NULL,
    entered bigint NOT NULL,
    enters boolean NOT NULL,
    leaves boolean NOT NULL,
    first_at timestamp with time zone,
    last_at timestamp with time zone
);
CREATE TABLE public.stock_movement (
    id bigint NOT NULL,
    client_id uuid NOT NULL,
    kind text NOT NULL,
    item text NOT NULL,
    lot text DEFAULT ''::text NOT NULL,
    from_location text,
    to_location text,
    quantity numeric(18,6) NOT NULL,
    at timestamp with time zone NOT NULL,
    job_id bigint,
    call_off_id bigint,
    note text DEFAULT ''::text NOT NULL,
    entered_at timestamp with time zone NOT NULL,
    entered_by text NOT NULL,
    CONSTRAINT stock_movement_check CHECK ((num_nonnulls(from_location, to_location) >= 1)),
    CONSTRAINT stock_movement_kind_check CHECK ((kind = ANY (ARRAY['receive'::text, 'issue'::text, 'return'::text, 'transfer'::text, 'adjust'::text, 'component_reject'::text]))),
    CONSTRAINT stock_movement_quantity_check CHECK ((quantity > (0)::numeric))
);
CREATE TABLE public.stock_statement (
    id bigint NOT NULL,
    location text NOT NULL,
    item text NOT NULL,
    lot text DEFAULT ''::text NOT NULL,
    kind text NOT NULL,
    as_of timestamp with time zone NOT NULL,
    applied_through bigint,
    on_hand numeric(18,6) NOT NULL,
    reserved numeric(18,6) DEFAULT 0 NOT NULL,
    stated_by text NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    CONSTRAINT stock_statement_kind_check CHECK ((kind = ANY (ARRAY['erp'::text, 'count'::text])))
);
CREATE VIEW public.balance AS
 WITH newest AS (
         SELECT DISTINCT ON (stock_statement.location, stock_statement.item) stock_statement.location,
            stock_statement.item,
            stock_statement.kind,
            stock_statement.as_of,
            stock_statement.applied_through
           FROM public.stock_statement
          ORDER BY stock_statement.location, stock_statement.item, stock_statement.as_of DESC, stock_statement.id DESC
        ), newest_of_item AS (
         SELECT DISTINCT ON (newest.item) newest.item,
            newest.kind,
            newest.as_of,
            newest.applied_through
           FROM newest
          ORDER BY newest.item, (newest.kind = 'erp'::text) DESC, newest.as_of DESC, newest.applied_through DESC NULLS LAST
        ), place AS (
         SELECT n.location,
            n.item,
            n.kind,
            n.as_of,
            n.applied_through,
            true AS stated,
            ( SELECT sum(s.on_hand) AS sum
                   FROM public.stock_statement s
                  WHERE ((s.location = n.location) AND (s.item = n.item) AND (s.kind = n.kind) AND (s.as_of = n.as_of))) AS on_hand
           FROM newest n
        UNION ALL
         SELECT u.location,
            u.item,
            i.kind,
            i.as_of,
            i.applied_through,
            false,
            0
           FROM (( SELECT consumption.location,
                    consumption.item
                   FROM public.consumption
                UNION
                 SELECT stock_movement.from_location,
                    stock_movement.item
                   FROM public.stock_movement
                  WHERE (stock_movement.from_location IS NOT NULL)
                UNION
                 SELECT stock_movement.to_location,
                    stock_movement.item
                   FROM public.stock_movement
                  WHERE (stock_movement.to_location IS NOT NULL)) u
             JOIN newest_of_item i USING (item))
          WHERE ((u.location <> ''::text) AND (NOT (EXISTS ( SELECT
                   FROM newest n
                  WHERE ((n.location = u.location) AND (n.item = u.item))))))
        )
 SELECT p.location,
    p.item,
    ((p.on_hand + moved.quantity) -
        CASE p.kind
            WHEN 'erp'::text THEN (used.quantity - told.quantity)
            ELSE since.quantity
        END) AS quantity,
    p.stated,
    p.kind,
    p.as_of
   FROM ((((place p
     CROSS JOIN LATERAL ( SELECT COALESCE(sum((
                CASE
                    WHEN (m.to_location = p.location) THEN m.quantity
                    ELSE (0)::numeric
                END -
                CASE
                    WHEN (m.from_location = p.location) THEN m.quantity
                    ELSE (0)::numeric
                END)), (0)::numeric) AS quantity
           FROM public.stock_movement m
          WHERE ((m.item = p.item) AND (m.at > p.as_of))) moved)
     CROSS JOIN LATERAL ( SELECT COALESCE(sum(c.quantity), (0)::numeric) AS quantity
           FROM public.consumption c
          WHERE ((p.kind = 'erp'::text) AND ((c.item = p.item) AND (c.location = p.location)))) used)
     CROSS JOIN LATERAL ( SELECT COALESCE(sum(r.quantity), (0)::numeric) AS quantity
           FROM (public.reported_use r
             JOIN public.outbox o ON ((o.id = r.event_id)))
          WHERE ((p.kind = 'erp'::text) AND ((r.item = p.item) AND (r.location = p.location)) AND (o.seq <= COALESCE(p.applied_through, (0)::bigint)))) told)
     CROSS JOIN LATERAL ( SELECT COALESCE(sum(
                CASE
                    WHEN (h.first_at >= date_trunc('minute'::text, p.as_of)) THEN c.quantity
                    ELSE round(((c.quantity / (c.pieces)::numeric) * COALESCE(( SELECT sum(m.entered) AS sum
                       FROM public.minute_count m
                      WHERE ((m.station = c.station) AND (m.job_id = c.job_id) AND (m.minute >= date_trunc('minute'::text, p.as_of)) AND (m.minute <= h.last_at))), (0)::numeric)), 6)
                END), (0)::numeric) AS quantity
           FROM (public.consumption c
             CROSS JOIN LATERAL ( SELECT min(s.first_at) AS first_at,
                    max(s.last_at) AS last_at
                   FROM public.shift_count s
                  WHERE ((s.station = c.station) AND (s.shift_day = c.shift_day) AND (s.shift = c.shift) AND (s.job_id = c.job_id))) h)
          WHERE ((p.kind = 'count'::text) AND ((c.item = p.item) AND (c.location = p.location)) AND (h.last_at >= date_trunc('minute'::text, p.as_of)))) since);
CREATE TABLE public.bom_line (
    item text NOT NULL,
    revision text NOT NULL,
    line_no integer NOT NULL,
    component text NOT NULL,
    quantity_per numeric(18,6) NOT NULL,
    unit text NOT NULL,
    scrap_fraction numeric(18,6) DEFAULT 0 NOT NULL,
    operation_seq integer NOT NULL,
    substitutes text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT bom_line_quantity_per_check CHECK ((quantity_per > (0)::numeric)),
    CONSTRAINT bom_line_scrap_fraction_check CHECK (((scrap_fraction >= (0)::numeric) AND (scrap_fraction < (1)::numeric)))
);
CREATE TABLE public.call_off (
    id bigint NOT NULL,
    client_id uuid NOT NULL,
    line text NOT NULL,
    location text NOT NULL,
    item text NOT NULL,
    quantity numeric(18,6) NOT NULL,
    needed_at timestamp with time zone NOT NULL,
    called_at timestamp with time zone NOT NULL,
    called_by text NOT NULL,
    delivered_at timestamp with time zone,
    delivered_by text,
    delivered_quantity numeric(18,6),
    cancelled_at timestamp with time zone,
    cancelled_why text,
    CONSTRAINT call_off_quantity_check CHECK ((quantity > (0)::numeric))
);
ALTER TABLE public.call_off ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.call_off_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.checkpoint (
    station text NOT NULL,
    minute timestamp with time zone NOT NULL,
    state jsonb NOT NULL
);
CREATE TABLE public.clock (
    only_one boolean DEFAULT true NOT NULL,
    plant_at timestamp with time zone NOT NULL,
    wall_at timestamp with time zone NOT NULL,
    speed double precision NOT NULL,
    CONSTRAINT clock_only_one_check CHECK (only_one),
    CONSTRAINT clock_speed_check CHECK ((speed > (0)::double precision))
);
CREATE TABLE public.entry (
    id bigint NOT NULL,
    client_id uuid NOT NULL,
    kind text NOT NULL,
    mark text,
    line text NOT NULL,
    station text,
    machine text,
    job_id bigint,
    phase text,
    effective_at timestamp with time zone NOT NULL,
    from_at timestamp with time zone,
    quantity numeric(18,6),
    reason text,
    serial text,
    reverses bigint,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    entered_at timestamp with time zone NOT NULL,
    entered_by text NOT NULL,
    CONSTRAINT entry_kind_check CHECK ((kind = ANY (ARRAY['mark'::text, 'count'::text, 'reject'::text, 'rework'::text, 'scrap'::text, 'reason'::text, 'assign'::text, 'who'::text, 'note'::text, 'confirm'::text]))),
    CONSTRAINT entry_mark_check CHECK ((mark = ANY (ARRAY['start'::text, 'pause'::text, 'finish'::text, 'switch'::text]))),
    CONSTRAINT entry_phase_check CHECK ((phase = ANY (ARRAY['setup'::text, 'first_article'::text, 'production'::text, 'rework'::text, 'trial'::text])))
);
ALTER TABLE public.entry ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.entry_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.expected_receipt (
    system text NOT NULL,
    number text NOT NULL,
    line_no integer NOT NULL,
    item text NOT NULL,
    quantity numeric(18,6) NOT NULL,
    unit text NOT NULL,
    expected_at timestamp with time zone NOT NULL,
    ext jsonb DEFAULT '{}'::jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT expected_receipt_quantity_check CHECK ((quantity >= (0)::numeric))
);
CREATE TABLE public.feed (
    only_one boolean DEFAULT true NOT NULL,
    last_seq bigint DEFAULT 0 NOT NULL,
    dropped_through bigint DEFAULT 0 NOT NULL,
    CONSTRAINT feed_only_one_check CHECK (only_one)
);
CREATE TABLE public.feed_read (
    reader text NOT NULL,
    through_seq bigint NOT NULL,
    read_at timestamp with time zone NOT NULL
);
CREATE TABLE public.frontier (
    station text NOT NULL,
    through_at timestamp with time zone NOT NULL
);
CREATE TABLE public.gap (
    id bigint NOT NULL,
    source text NOT NULL,
    tag_id integer,
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone,
    why text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL
);
ALTER TABLE public.gap ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.gap_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.handover (
    id bigint NOT NULL,
    client_id uuid NOT NULL,
    line text NOT NULL,
    shift_day date NOT NULL,
    shift text NOT NULL,
    at timestamp with time zone NOT NULL,
    by text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    from_at timestamp with time zone NOT NULL,
    through_at timestamp with time zone NOT NULL,
    figures jsonb NOT NULL
);
ALTER TABLE public.handover ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.handover_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.idempotency_key (
    principal text NOT NULL,
    key text NOT NULL,
    request_sha256 text NOT NULL,
    status integer NOT NULL,
    headers jsonb DEFAULT '{}'::jsonb NOT NULL,
    body bytea NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.item (
    code text NOT NULL,
    system text NOT NULL,
    name jsonb NOT NULL,
    unit text NOT NULL,
    kind text NOT NULL,
    family text DEFAULT ''::text NOT NULL,
    lot_tracked boolean DEFAULT false NOT NULL,
    ext jsonb DEFAULT '{}'::jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT item_kind_check CHECK ((kind = ANY (ARRAY['product'::text, 'component'::text, 'raw'::text])))
);
CREATE TABLE public.job (
    id bigint NOT NULL,
    order_id bigint NOT NULL,
    operation_seq integer NOT NULL,
    line text NOT NULL,
    shift_day date NOT NULL,
    shift text NOT NULL,
    sequence integer NOT NULL,
    quantity bigint NOT NULL,
    planned_start_at timestamp with time zone NOT NULL,
    planned_end_at timestamp with time zone NOT NULL,
    plan_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    withdrawn_at timestamp with time zone
);
ALTER TABLE public.job ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.job_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.job_span (
    station text NOT NULL,
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone,
    line text NOT NULL,
    job_id bigint NOT NULL,
    order_id bigint NOT NULL,
    operation_seq integer NOT NULL,
    phase text NOT NULL
);
CREATE VIEW public.presence AS
 SELECT id,
    person,
    line,
    station,
    share,
    leaves,
    from_at,
    to_at
   FROM ( SELECT e.id,
            (e.detail ->> 'person'::text) AS person,
            e.line,
            COALESCE(e.station, ''::text) AS station,
            ((e.detail ->> 'share'::text))::numeric AS share,
            COALESCE(((e.detail ->> 'leaves'::text))::boolean, false) AS leaves,
            e.effective_at AS from_at,
            LEAST(lead(e.effective_at) OVER (PARTITION BY (e.detail ->> 'person'::text) ORDER BY e.effective_at, e.id), (e.effective_at + '12:00:00'::interval)) AS to_at
           FROM public.entry e
          WHERE ((e.kind = 'who'::text) AND (NOT (EXISTS ( SELECT
                   FROM public.entry r
                  WHERE (r.reverses = e.id)))))) p
  WHERE ((NOT leaves) AND (to_at > from_at));
CREATE VIEW public.job_person AS
 WITH worked AS (
         SELECT p.person,
            p.line,
            s.station,
            s.job_id,
            s.order_id,
            s.operation_seq,
            s.phase,
            p.share,
            GREATEST(p.from_at, s.from_at) AS from_at,
            LEAST(p.to_at, COALESCE(s.to_at, 'infinity'::timestamp with time zone)) AS to_at
           FROM (public.presence p
             JOIN public.job_span s ON (((s.line = p.line) AND ((p.station = ''::text) OR (p.station = s.station)) AND (s.from_at < p.to_at) AND (COALESCE(s.to_at, 'infinity'::timestamp with time zone) > p.from_at))))
          WHERE (s.job_id <> 0)
        ), cut AS (
         SELECT edges.station,
            edges.job_id,
            edges.at AS from_at,
            lead(edges.at) OVER (PARTITION BY edges.station, edges.job_id ORDER BY edges.at) AS to_at
           FROM ( SELECT worked.station,
                    worked.job_id,
                    worked.from_at AS at
                   FROM worked
                UNION
                 SELECT worked.station,
                    worked.job_id,
                    worked.to_at
                   FROM worked) edges
        ), slice AS (
         SELECT w.person,
            w.line,
            w.station,
            w.job_id,
            w.order_id,
            w.operation_seq,
            w.phase,
            c.from_at,
            c.to_at,
            w.share,
            sum(w.share) OVER same AS stated,
            count(*) FILTER (WHERE (w.share IS NULL)) OVER same AS others
           FROM (cut c
             JOIN worked w ON ((((w.station = c.station) AND (w.job_id = c.job_id)) AND (w.from_at <= c.from_at) AND (w.to_at >= c.to_at))))
          WINDOW same AS (PARTITION BY c.station, c.job_id, c.from_at)
        )
 SELECT person,
    line,
    station,
    job_id,
    order_id,
    operation_seq,
    phase,
    from_at,
    to_at,
    round(COALESCE(share, (GREATEST((0)::numeric, ((1)::numeric - COALESCE(stated, (0)::numeric))) / (others)::numeric)), 6) AS share
   FROM slice;
CREATE TABLE public.production_order (
    id bigint NOT NULL,
    system text NOT NULL,
    number text NOT NULL,
    item text NOT NULL,
    revision text NOT NULL,
    quantity numeric(18,6) NOT NULL,
    unit text NOT NULL,
    earliest_start_at timestamp with time zone,
    due_at timestamp with time zone NOT NULL,
    priority integer NOT NULL,
    status text NOT NULL,
    customer_order jsonb,
    system_version text,
    split_from bigint,
    merged_into bigint,
    ext jsonb DEFAULT '{}'::jsonb NOT NULL,
    sha256 text NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT production_order_priority_check CHECK (((priority >= 1) AND (priority <= 9))),
    CONSTRAINT production_order_quantity_check CHECK ((quantity > (0)::numeric)),
    CONSTRAINT production_order_status_check CHECK ((status = ANY (ARRAY['forecast'::text, 'released'::text, 'held'::text, 'cancelled'::text, 'closed'::text])))
);
CREATE VIEW public.job_state AS
 SELECT j.id AS job_id,
    j.order_id,
    j.operation_seq,
    j.line,
    j.shift_day,
    j.shift,
    j.sequence,
    j.quantity,
        CASE
            WHEN (o.status = 'cancelled'::text) THEN 'aborted'::text
            WHEN (runs.since IS NOT NULL) THEN 'running'::text
            WHEN ((said.mark = 'finish'::text) OR ((said.mark IS NOT NULL) AND (made.good >= j.quantity))) THEN
            CASE
                WHEN ((o.status = 'closed'::text) OR (confirmed.at IS NOT NULL)) THEN 'closed'::text
                ELSE 'completed'::text
            END
            WHEN (o.status = 'closed'::text) THEN 'closed'::text
            WHEN (o.status = 'held'::text) THEN 'held'::text
            WHEN (said.mark IS NOT NULL) THEN 'paused'::text
            WHEN (o.status = 'released'::text) THEN 'ready'::text
            ELSE 'waiting'::text
        END AS state,
    runs.since AS running_since,
    begun.at AS started_at,
    said.at AS marked_at,
    said.mark,
    confirmed.at AS confirmed_at,
    made.good,
    made.reject,
    made.entered,
    j.withdrawn_at
   FROM ((((((public.job j
     JOIN public.production_order o ON ((o.id = j.order_id)))
     LEFT JOIN LATERAL ( SELECT min(job_span.from_at) AS since
           FROM public.job_span
          WHERE ((job_span.job_id = j.id) AND (job_span.to_at IS NULL))) runs ON (true))
     LEFT JOIN LATERAL ( SELECT min(job_span.from_at) AS at
           FROM public.job_span
          WHERE (job_span.job_id = j.id)) begun ON (true))
     LEFT JOIN LATERAL ( SELECT e.mark,
            e.effective_at AS at
           FROM public.entry e
          WHERE ((e.job_id = j.id) AND (e.kind = 'mark'::text) AND (NOT (EXISTS ( SELECT
                   FROM public.entry r
                  WHERE (r.reverses = e.id)))))
          ORDER BY e.effective_at DESC, e.id DESC
         LIMIT 1) said ON (true))
     LEFT JOIN LATERAL ( SELECT max(e.effective_at) AS at
           FROM public.entry e
          WHERE ((e.job_id = j.id) AND (e.kind = 'confirm'::text) AND (NOT (EXISTS ( SELECT
                   FROM public.entry r
                  WHERE (r.reverses = e.id)))))) confirmed ON (true))
     CROSS JOIN LATERAL ( SELECT (COALESCE(sum(c.good) FILTER (WHERE (c.leaves AND (c.phase = ANY (ARRAY['production'::text, 'first_article'::text])))), (0)::numeric))::bigint AS good,
            (COALESCE(sum(c.reject) FILTER (WHERE (c.phase = ANY (ARRAY['production'::text, 'first_article'::text]))), (0)::numeric))::bigint AS reject,
            (COALESCE(sum(c.entered) FILTER (WHERE c.enters), (0)::numeric))::bigint AS entered
           FROM public.shift_count c
          WHERE ((c.job_id = j.id) AND (c.job_id <> 0))) made);
CREATE TABLE public.kiosk (
    id integer NOT NULL,
    code text NOT NULL,
    lines text[],
    token_sha256 text,
    enrol_sha256 text,
    enrol_expires_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone
);
ALTER TABLE public.kiosk ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.kiosk_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.order_component (
    order_id bigint NOT NULL,
    line_no integer NOT NULL,
    component text NOT NULL,
    quantity_per numeric(18,6) NOT NULL,
    unit text NOT NULL,
    scrap_fraction numeric(18,6) DEFAULT 0 NOT NULL,
    operation_seq integer NOT NULL,
    substitutes text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT order_component_quantity_per_check CHECK ((quantity_per > (0)::numeric))
);
CREATE VIEW public.order_progress AS
 SELECT order_id,
    operation_seq,
    (made + LEAST(passed, rejected)) AS good,
    (rejected - LEAST(passed, rejected)) AS reject,
    LEAST(passed, rejected) AS reworked,
    scrap,
    entered,
    first_at,
    last_at
   FROM ( SELECT shift_count.order_id,
            shift_count.operation_seq,
            (COALESCE(sum(shift_count.good) FILTER (WHERE (shift_count.leaves AND (shift_count.phase = ANY (ARRAY['production'::text, 'first_article'::text])))), (0)::numeric))::bigint AS made,
            (COALESCE(sum(shift_count.reject) FILTER (WHERE (shift_count.phase = ANY (ARRAY['production'::text, 'first_article'::text]))), (0)::numeric))::bigint AS rejected,
            ((COALESCE(sum(shift_count.good) FILTER (WHERE (shift_count.leaves AND (shift_count.phase = 'rework'::text))), (0)::numeric) + sum(shift_count.rework)))::bigint AS passed,
            (sum(shift_count.scrap))::bigint AS scrap,
            (COALESCE(sum(shift_count.entered) FILTER (WHERE shift_count.enters), (0)::numeric))::bigint AS entered,
            min(shift_count.first_at) AS first_at,
            max(shift_count.last_at) AS last_at
           FROM public.shift_count
          WHERE (shift_count.order_id <> 0)
          GROUP BY shift_count.order_id, shift_count.operation_seq) s;
CREATE VIEW public.kit_rate AS
 WITH need AS (
         SELECT o.id AS order_id,
            c.component AS item,
            (sum((c.quantity_per / ((1)::numeric - c.scrap_fraction))) * GREATEST((o.quantity - (COALESCE(p.good, (0)::bigint))::numeric), (0)::numeric)) AS quantity
           FROM ((public.production_order o
             CROSS JOIN LATERAL ( SELECT order_component.component,
                    order_component.quantity_per,
                    order_component.scrap_fraction
                   FROM public.order_component
                  WHERE (order_component.order_id = o.id)
                UNION ALL
                 SELECT bom_line.component,
                    bom_line.quantity_per,
                    bom_line.scrap_fraction
                   FROM public.bom_line
                  WHERE (((bom_line.item = o.item) AND (bom_line.revision = o.revision)) AND (NOT (EXISTS ( SELECT
                           FROM public.order_component
                          WHERE (order_component.order_id = o.id)))))) c)
             LEFT JOIN LATERAL ( SELECT order_progress.good
                   FROM public.order_progress
                  WHERE (order_progress.order_id = o.id)
                  ORDER BY order_progress.operation_seq DESC
                 LIMIT 1) p ON (true))
          WHERE (o.status = 'released'::text)
          GROUP BY o.id, c.component, o.quantity, p.good
        ), stock AS (
         SELECT balance.item,
            sum(balance.quantity) AS quantity
           FROM public.balance
          GROUP BY balance.item
        )
 SELECT n.order_id,
    (count(*))::integer AS components,
    (count(*) FILTER (WHERE ((s.item IS NULL) OR (s.quantity >= n.quantity))))::integer AS covered,
    round(((count(*) FILTER (WHERE ((s.item IS NULL) OR (s.quantity >= n.quantity))))::numeric / (count(*))::numeric), 6) AS rate
   FROM (need n
     LEFT JOIN stock s USING (item))
  GROUP BY n.order_id;
CREATE TABLE public.lease (
    name text NOT NULL,
    owner text NOT NULL,
    epoch bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE public.operation (
    item text NOT NULL,
    revision text NOT NULL,
    seq integer NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    name jsonb,
    lines text[] NOT NULL,
    seconds_per_piece numeric(18,6),
    seconds_by_line jsonb DEFAULT '{}'::jsonb NOT NULL,
    yield_rate numeric(18,6) DEFAULT 1 NOT NULL,
    lot_min integer DEFAULT 1 NOT NULL,
    lot_max integer,
    transfer_minutes integer DEFAULT 0 NOT NULL,
    uninterrupted boolean DEFAULT false NOT NULL,
    resources text[] DEFAULT '{}'::text[] NOT NULL,
    external jsonb,
    CONSTRAINT operation_yield_rate_check CHECK (((yield_rate > (0)::numeric) AND (yield_rate <= (1)::numeric)))
);
CREATE TABLE public.order_delivery (
    order_id bigint NOT NULL,
    line_no integer NOT NULL,
    sales_order jsonb,
    quantity numeric(18,6) NOT NULL,
    due_at timestamp with time zone NOT NULL,
    CONSTRAINT order_delivery_quantity_check CHECK ((quantity > (0)::numeric))
);
CREATE TABLE public.order_eta (
    id bigint NOT NULL,
    order_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    eta_at timestamp with time zone,
    due_at timestamp with time zone NOT NULL,
    late_minutes integer NOT NULL,
    reasons jsonb NOT NULL
);
ALTER TABLE public.order_eta ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.order_eta_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.order_operation (
    order_id bigint NOT NULL,
    seq integer NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    name jsonb,
    lines text[] NOT NULL,
    seconds_per_piece numeric(18,6),
    seconds_by_line jsonb DEFAULT '{}'::jsonb NOT NULL,
    yield_rate numeric(18,6) DEFAULT 1 NOT NULL,
    lot_min integer DEFAULT 1 NOT NULL,
    lot_max integer,
    transfer_minutes integer DEFAULT 0 NOT NULL,
    uninterrupted boolean DEFAULT false NOT NULL,
    resources text[] DEFAULT '{}'::text[] NOT NULL,
    external jsonb
);
ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.person (
    id integer NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    password_hash text,
    pin_hash text,
    badge text,
    invite_sha256 text,
    invite_expires_at timestamp with time zone,
    disabled_at timestamp with time zone
);
ALTER TABLE public.person ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.person_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.plan (
    id bigint NOT NULL,
    run_id bigint,
    base_plan_id bigint,
    version integer,
    state text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    known_at timestamp with time zone NOT NULL,
    now_at timestamp with time zone NOT NULL,
    horizon_end_at timestamp with time zone NOT NULL,
    objective jsonb NOT NULL,
    shortages jsonb NOT NULL,
    unplanned jsonb NOT NULL,
    tentative jsonb DEFAULT '{}'::jsonb NOT NULL,
    log jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    published_by text,
    moved_lines text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT plan_state_check CHECK ((state = ANY (ARRAY['proposed'::text, 'published'::text, 'superseded'::text, 'discarded'::text])))
);
ALTER TABLE public.plan ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.plan_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.plan_line (
    id bigint NOT NULL,
    plan_id bigint NOT NULL,
    order_id bigint NOT NULL,
    operation_seq integer NOT NULL,
    line text NOT NULL,
    shift_day date NOT NULL,
    shift text NOT NULL,
    sequence integer NOT NULL,
    quantity bigint NOT NULL,
    start_at timestamp with time zone NOT NULL,
    end_at timestamp with time zone NOT NULL,
    made bigint DEFAULT 0 NOT NULL
);
ALTER TABLE public.plan_line ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.plan_line_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.plan_lot (
    plan_id bigint NOT NULL,
    lot_no integer NOT NULL,
    order_id bigint NOT NULL,
    operation_seq integer NOT NULL,
    line text NOT NULL,
    quantity bigint NOT NULL,
    setup_minutes integer NOT NULL,
    start_at timestamp with time zone NOT NULL,
    end_at timestamp with time zone NOT NULL,
    wanted_at timestamp with time zone NOT NULL,
    shift_day date NOT NULL,
    shift text NOT NULL,
    pinned boolean DEFAULT false NOT NULL
);
CREATE TABLE public.plan_order (
    plan_id bigint NOT NULL,
    order_id bigint NOT NULL,
    order_version integer NOT NULL,
    completed_at timestamp with time zone,
    late_minutes integer NOT NULL,
    unplanned_quantity bigint NOT NULL
);
CREATE TABLE public.plan_reason (
    plan_id bigint NOT NULL,
    order_id bigint NOT NULL,
    kind text NOT NULL,
    no integer NOT NULL,
    cause text NOT NULL,
    detail jsonb NOT NULL,
    minutes integer NOT NULL,
    CONSTRAINT plan_reason_kind_check CHECK ((kind = ANY (ARRAY['cause'::text, 'fix'::text])))
);
CREATE TABLE public.plan_run (
    id bigint NOT NULL,
    client_id uuid,
    kind text NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    automatic boolean DEFAULT false NOT NULL,
    reasons jsonb DEFAULT '[]'::jsonb NOT NULL,
    base_plan_id bigint,
    changes jsonb DEFAULT '[]'::jsonb NOT NULL,
    time_limit_s double precision,
    requested_by text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    not_before timestamp with time zone NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    claimed_by text,
    claimed_until timestamp with time zone,
    progress jsonb,
    result jsonb,
    plan_id bigint,
    error text,
    finished_at timestamp with time zone,
    CONSTRAINT plan_run_kind_check CHECK ((kind = ANY (ARRAY['replan'::text, 'edit'::text, 'scenario'::text, 'promise'::text]))),
    CONSTRAINT plan_run_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'running'::text, 'done'::text, 'failed'::text, 'superseded'::text])))
);
ALTER TABLE public.plan_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.plan_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.plant_version (
    id integer NOT NULL,
    in_force_from timestamp with time zone NOT NULL,
    applied_at timestamp with time zone NOT NULL,
    applied_by text NOT NULL,
    sha256 text NOT NULL,
    document jsonb NOT NULL
);
ALTER TABLE public.plant_version ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.plant_version_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE public.production_order ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.production_order_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.production_report (
    id bigint NOT NULL,
    order_id bigint NOT NULL,
    order_report_no integer NOT NULL,
    job_id bigint NOT NULL,
    operation_seq integer NOT NULL,
    is_final boolean NOT NULL,
    line text NOT NULL,
    shift_day date NOT NULL,
    shift text NOT NULL,
    good bigint NOT NULL,
    reject bigint NOT NULL,
    rework bigint NOT NULL,
    scrap bigint NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    through_at timestamp with time zone,
    posting_on date NOT NULL,
    consumption jsonb NOT NULL,
    cumulative jsonb NOT NULL,
    reverses bigint,
    reported_at timestamp with time zone NOT NULL,
    reported_by text NOT NULL,
    event_id bigint
);
ALTER TABLE public.production_report ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.production_report_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.pulse_sequence (
    tag_id integer NOT NULL,
    sequence bigint NOT NULL
);
CREATE TABLE public.quarantine (
    id bigint NOT NULL,
    source text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    why text NOT NULL,
    detail text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    payload bytea NOT NULL,
    sample jsonb,
    released_at timestamp with time zone,
    released_by text
);
ALTER TABLE public.quarantine ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.release (
    item text NOT NULL,
    revision text NOT NULL,
    system text NOT NULL,
    status text NOT NULL,
    effective_from timestamp with time zone,
    effective_until timestamp with time zone,
    documents jsonb DEFAULT '[]'::jsonb NOT NULL,
    ext jsonb DEFAULT '{}'::jsonb NOT NULL,
    sha256 text NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    CONSTRAINT release_status_check CHECK ((status = ANY (ARRAY['released'::text, 'obsolete'::text])))
);
CREATE TABLE public.role_grant (
    person_id integer NOT NULL,
    role text NOT NULL,
    lines text[]
);
CREATE TABLE public.sales_order (
    id bigint NOT NULL,
    system text NOT NULL,
    number text NOT NULL,
    line_no integer NOT NULL,
    item text NOT NULL,
    quantity numeric(18,6) NOT NULL,
    unit text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    promised_at timestamp with time zone,
    customer text NOT NULL,
    priority integer NOT NULL,
    ext jsonb DEFAULT '{}'::jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT sales_order_priority_check CHECK (((priority >= 1) AND (priority <= 9))),
    CONSTRAINT sales_order_quantity_check CHECK ((quantity >= (0)::numeric))
);
ALTER TABLE public.sales_order ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.sales_order_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.session (
    token_sha256 text NOT NULL,
    person_id integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone
);
CREATE TABLE public.shortage (
    id bigint NOT NULL,
    item text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    short_quantity numeric(18,6) NOT NULL,
    needed_by timestamp with time zone NOT NULL,
    on_hand numeric(18,6) NOT NULL,
    line text,
    orders jsonb NOT NULL,
    receipts jsonb NOT NULL,
    covered_by text,
    covered_at timestamp with time zone,
    cause text NOT NULL,
    confirmed_at timestamp with time zone,
    closed_at timestamp with time zone,
    closed_cause text
);
CREATE TABLE public.shortage_answer (
    id bigint NOT NULL,
    client_id uuid NOT NULL,
    shortage_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    by text NOT NULL,
    answer text NOT NULL,
    ref text,
    quantity numeric(18,6),
    expected_at timestamp with time zone
);
ALTER TABLE public.shortage_answer ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.shortage_answer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE public.shortage ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.shortage_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW public.shortage_state AS
 SELECT id,
    item,
        CASE
            WHEN (closed_at IS NOT NULL) THEN 'closed'::text
            WHEN (covered_by IS NOT NULL) THEN 'covered'::text
            WHEN (EXISTS ( SELECT
               FROM public.shortage_answer a
              WHERE (a.shortage_id = s.id))) THEN 'acknowledged'::text
            WHEN (confirmed_at IS NOT NULL) THEN 'confirmed'::text
            ELSE 'projected'::text
        END AS state
   FROM public.shortage s;
CREATE TABLE public.sign_in_failure (
    who_sha256 text NOT NULL,
    count integer NOT NULL,
    failed_at timestamp with time zone NOT NULL,
    wait_until timestamp with time zone NOT NULL
);
CREATE TABLE public.signal_sample (
    tag_id integer NOT NULL,
    at timestamp with time zone NOT NULL,
    h integer NOT NULL,
    num double precision,
    "int" bigint,
    txt text,
    quality smallint NOT NULL,
    source_at timestamp with time zone,
    server_at timestamp with time zone,
    received_at timestamp with time zone NOT NULL
);
CREATE TABLE public.source_lease (
    source text NOT NULL,
    owner text NOT NULL,
    epoch bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    heard_at timestamp with time zone,
    state text DEFAULT 'starting'::text NOT NULL,
    since_at timestamp with time zone,
    health jsonb DEFAULT '{}'::jsonb NOT NULL
)
WITH (fillfactor='40');
CREATE TABLE public.state_span (
    machine text NOT NULL,
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone,
    state text NOT NULL,
    cause text NOT NULL,
    stop_code text NOT NULL,
    job_id bigint NOT NULL,
    order_id bigint NOT NULL,
    phase text NOT NULL,
    shift_day date,
    shift text NOT NULL
);
ALTER TABLE public.stock_movement ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.stock_movement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE public.stock_statement ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.stock_statement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.stop (
    scope text NOT NULL,
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone,
    line text NOT NULL,
    machine text NOT NULL,
    root_machine text NOT NULL,
    root_state text DEFAULT ''::text NOT NULL,
    state text NOT NULL,
    cause text NOT NULL,
    stop_code text NOT NULL,
    reason text NOT NULL,
    reason_by text NOT NULL,
    micro boolean NOT NULL,
    loss_us bigint,
    job_id bigint NOT NULL,
    shift_day date,
    shift text NOT NULL,
    again boolean DEFAULT false NOT NULL
);
CREATE TABLE public.system (
    code text NOT NULL,
    kind text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    CONSTRAINT system_kind_check CHECK ((kind = ANY (ARRAY['erp'::text, 'plm'::text, 'crm'::text, 'oa'::text, 'gateway'::text, 'other'::text])))
);
CREATE TABLE public.tag (
    id integer NOT NULL,
    address text NOT NULL
);
ALTER TABLE public.tag ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.tag_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.time_ledger (
    machine text NOT NULL,
    shift_day date NOT NULL,
    shift text NOT NULL,
    line text NOT NULL,
    calendar_us bigint NOT NULL,
    planned_stop_us bigint NOT NULL,
    apt_us bigint NOT NULL,
    aust_us bigint NOT NULL,
    adet_us bigint NOT NULL,
    adot_us bigint NOT NULL,
    no_data_us bigint NOT NULL,
    ideal_us bigint NOT NULL,
    good bigint NOT NULL,
    reject bigint NOT NULL,
    rework bigint DEFAULT 0 NOT NULL,
    scrap bigint DEFAULT 0 NOT NULL,
    order_us bigint DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    failure_us bigint DEFAULT 0 NOT NULL,
    unpaced bigint DEFAULT 0 NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT time_ledger_check CHECK ((calendar_us = (((((planned_stop_us + apt_us) + aust_us) + adet_us) + adot_us) + no_data_us)))
);
CREATE TABLE public.touched (
    id bigint NOT NULL,
    kind text NOT NULL,
    keys text[] NOT NULL,
    from_at timestamp with time zone,
    to_at timestamp with time zone,
    why text NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    retry_at timestamp with time zone,
    CONSTRAINT touched_kind_check CHECK ((kind = ANY (ARRAY['station'::text, 'line'::text, 'order'::text, 'item'::text, 'plan'::text, 'plant'::text])))
);
ALTER TABLE public.touched ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.touched_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.unit_conversion (
    item text NOT NULL,
    unit text NOT NULL,
    per_base numeric(18,6) NOT NULL,
    CONSTRAINT unit_conversion_per_base_check CHECK ((per_base > (0)::numeric))
);
CREATE TABLE public.value_sample (
    tag_id integer NOT NULL,
    at timestamp with time zone NOT NULL,
    h integer NOT NULL,
    num double precision,
    "int" bigint,
    txt text,
    quality smallint NOT NULL,
    source_at timestamp with time zone,
    server_at timestamp with time zone,
    received_at timestamp with time zone NOT NULL
);
CREATE VIEW report.labor AS
 SELECT w.person,
    w.line,
    w.station,
    o.system,
    o.number,
    w.job_id,
    w.operation_seq,
    w.phase,
    w.from_at,
    LEAST(w.to_at, n.at) AS to_at,
    w.share,
    (EXTRACT(epoch FROM (LEAST(w.to_at, n.at) - w.from_at)))::double precision AS seconds
   FROM ((public.job_person w
     JOIN public.production_order o ON ((o.id = w.order_id)))
     LEFT JOIN LATERAL ( SELECT (clock.plant_at + ((clock_timestamp() - clock.wall_at) * clock.speed)) AS at
           FROM public.clock) n ON (true))
  WHERE ((n.at IS NULL) OR (w.from_at < n.at));
CREATE VIEW report.minute_count AS
 SELECT c.station,
    c.minute,
    o.system,
    o.number,
    c.operation_seq,
    c.phase,
    c.good,
    c.reject,
    c.rework,
    c.scrap,
    c.flags
   FROM (public.minute_count c
     LEFT JOIN public.production_order o ON ((o.id = c.order_id)));
CREATE VIEW report.order_progress AS
 SELECT o.system,
    o.number,
    o.item,
    o.revision,
    o.quantity,
    o.unit,
    o.due_at,
    o.priority,
    o.status,
    p.operation_seq,
    p.good,
    p.reject,
    p.reworked,
    p.scrap,
    p.entered,
    p.first_at,
    p.last_at
   FROM (public.production_order o
     LEFT JOIN public.order_progress p ON ((p.order_id = o.id)));
CREATE VIEW report.plan_line AS
 SELECT p.version,
    o.system,
    o.number,
    o.item,
    l.operation_seq,
    l.line,
    l.shift_day,
    l.shift,
    l.sequence,
    l.quantity,
    l.made,
    l.start_at,
    l.end_at
   FROM ((public.plan p
     JOIN public.plan_line l ON ((l.plan_id = p.id)))
     JOIN public.production_order o ON ((o.id = l.order_id)))
  WHERE (p.state = 'published'::text);
CREATE VIEW report.sample AS
 SELECT s.at,
    split_part(t.address, '/'::text, 1) AS machine,
    substr(t.address, (strpos(t.address, '/'::text) + 1)) AS signal,
    COALESCE(s.num, (s."int")::double precision) AS value,
    s.txt AS text,
    s.quality,
    s.received_at
   FROM (public.signal_sample s
     JOIN public.tag t ON ((t.id = s.tag_id)))
UNION ALL
 SELECT s.at,
    split_part(t.address, '/'::text, 1) AS machine,
    substr(t.address, (strpos(t.address, '/'::text) + 1)) AS signal,
    COALESCE(s.num, (s."int")::double precision) AS value,
    s.txt AS text,
    s.quality,
    s.received_at
   FROM (public.value_sample s
     JOIN public.tag t ON ((t.id = s.tag_id)));
CREATE VIEW report.shift_kpi AS
 SELECT machine AS scope,
    line,
    shift_day,
    shift,
    ((calendar_us)::numeric / '1000000'::numeric) AS calendar_s,
    ((planned_stop_us)::numeric / '1000000'::numeric) AS planned_stop_s,
    (((calendar_us - planned_stop_us))::numeric / '1000000'::numeric) AS pbt_s,
    ((apt_us)::numeric / '1000000'::numeric) AS apt_s,
    ((aust_us)::numeric / '1000000'::numeric) AS aust_s,
    ((adet_us)::numeric / '1000000'::numeric) AS adet_s,
    ((adot_us)::numeric / '1000000'::numeric) AS adot_s,
    ((no_data_us)::numeric / '1000000'::numeric) AS no_data_s,
    ((ideal_us)::numeric / '1000000'::numeric) AS ideal_s,
    ((order_us)::numeric / '1000000'::numeric) AS order_s,
    good,
    reject,
    rework,
    scrap,
    failures,
    ((apt_us)::double precision / (NULLIF((calendar_us - planned_stop_us), 0))::double precision) AS availability,
        CASE
            WHEN (unpaced = 0) THEN ((ideal_us)::double precision / (NULLIF(apt_us, 0))::double precision)
            ELSE NULL::double precision
        END AS effectiveness,
    ((good)::double precision / (NULLIF((good + reject), 0))::double precision) AS quality_ratio,
    ((((apt_us)::double precision / (NULLIF((calendar_us - planned_stop_us), 0))::double precision) *
        CASE
            WHEN (unpaced = 0) THEN ((ideal_us)::double precision / (NULLIF(apt_us, 0))::double precision)
            ELSE NULL::double precision
        END) * ((good)::double precision / (NULLIF((good + reject), 0))::double precision)) AS oee
   FROM public.time_ledger;
CREATE VIEW report.shortage AS
 SELECT s.id,
    s.item,
    v.state,
    s.short_quantity,
    s.needed_by,
    s.on_hand,
    s.line,
    s.cause,
    s.opened_at,
    s.changed_at,
    s.covered_by,
    s.covered_at,
    s.confirmed_at,
    s.closed_at,
    s.closed_cause
   FROM (public.shortage s
     JOIN public.shortage_state v ON ((v.id = s.id)));
CREATE VIEW report.state_span AS
 SELECT s.machine,
    s.from_at,
    s.to_at,
    s.state,
    s.cause,
    s.stop_code,
    o.system,
    o.number,
    s.phase,
    s.shift_day,
    s.shift,
    (EXTRACT(epoch FROM (s.to_at - s.from_at)))::double precision AS seconds
   FROM (public.state_span s
     LEFT JOIN public.production_order o ON ((o.id = s.order_id)));
CREATE VIEW report.stop AS
 SELECT line,
    scope,
    machine,
    root_machine,
    root_state,
    from_at,
    to_at,
    state,
    cause,
    stop_code,
    reason,
    reason_by,
    micro,
    ((loss_us)::numeric / '1000000'::numeric) AS loss_seconds,
    shift_day,
    shift
   FROM public.stop s;
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.andon_call
    ADD CONSTRAINT andon_call_client_id_key UNIQUE (client_id);
ALTER TABLE ONLY public.andon_call
    ADD CONSTRAINT andon_call_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_prefix_key UNIQUE (prefix);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_seq_key UNIQUE (seq);
ALTER TABLE ONLY public.bom_line
    ADD CONSTRAINT bom_line_pkey PRIMARY KEY (item, revision, line_no);
ALTER TABLE ONLY public.call_off
    ADD CONSTRAINT call_off_client_id_key UNIQUE (client_id);
ALTER TABLE ONLY public.call_off
    ADD CONSTRAINT call_off_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.checkpoint
    ADD CONSTRAINT checkpoint_pkey PRIMARY KEY (station, minute);
ALTER TABLE ONLY public.clock
    ADD CONSTRAINT clock_pkey PRIMARY KEY (only_one);
ALTER TABLE ONLY public.consumption
    ADD CONSTRAINT consumption_pkey PRIMARY KEY (station, shift_day, shift, job_id, item);
ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_client_id_key UNIQUE (client_id);
ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_reverses_key UNIQUE (reverses);
ALTER TABLE ONLY public.expected_receipt
    ADD CONSTRAINT expected_receipt_pkey PRIMARY KEY (system, number, line_no);
ALTER TABLE ONLY public.feed
    ADD CONSTRAINT feed_pkey PRIMARY KEY (only_one);
ALTER TABLE ONLY public.feed_read
    ADD CONSTRAINT feed_read_pkey PRIMARY KEY (reader, through_seq);
ALTER TABLE ONLY public.frontier
    ADD CONSTRAINT frontier_pkey PRIMARY KEY (station);
ALTER TABLE ONLY public.gap
    ADD CONSTRAINT gap_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.handover
    ADD CONSTRAINT handover_client_id_key UNIQUE (client_id);
ALTER TABLE ONLY public.handover
    ADD CONSTRAINT handover_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.idempotency_key
    ADD CONSTRAINT idempotency_key_pkey PRIMARY KEY (principal, key);
ALTER TABLE ONLY public.item
    ADD CONSTRAINT item_pkey PRIMARY KEY (code);
ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_order_id_operation_seq_line_shift_day_shift_key UNIQUE (order_id, operation_seq, line, shift_day, shift);
ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.job_span
    ADD CONSTRAINT job_span_pkey PRIMARY KEY (station, from_at);
ALTER TABLE ONLY public.kiosk
    ADD CONSTRAINT kiosk_code_key UNIQUE (code);
ALTER TABLE ONLY public.kiosk
    ADD CONSTRAINT kiosk_enrol_sha256_key UNIQUE (enrol_sha256);
ALTER TABLE ONLY public.kiosk
    ADD CONSTRAINT kiosk_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.kiosk
    ADD CONSTRAINT kiosk_token_sha256_key UNIQUE (token_sha256);
ALTER TABLE ONLY public.lease
    ADD CONSTRAINT lease_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.minute_count
    ADD CONSTRAINT minute_count_pkey PRIMARY KEY (station, minute, job_id, phase);
ALTER TABLE ONLY public.operation
    ADD CONSTRAINT operation_pkey PRIMARY KEY (item, revision, seq);
ALTER TABLE ONLY public.order_component
    ADD CONSTRAINT order_component_pkey PRIMARY KEY (order_id, line_no);
ALTER TABLE ONLY public.order_delivery
    ADD CONSTRAINT order_delivery_pkey PRIMARY KEY (order_id, line_no);
ALTER TABLE ONLY public.order_eta
    ADD CONSTRAINT order_eta_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.order_operation
    ADD CONSTRAINT order_operation_pkey PRIMARY KEY (order_id, seq);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_seq_key UNIQUE (seq);
ALTER TABLE ONLY public.person
    ADD CONSTRAINT person_badge_key UNIQUE (badge);
ALTER TABLE ONLY public.person
    ADD CONSTRAINT person_code_key UNIQUE (code);
ALTER TABLE ONLY public.person
    ADD CONSTRAINT person_invite_sha256_key UNIQUE (invite_sha256);
ALTER TABLE ONLY public.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.plan_line
    ADD CONSTRAINT plan_line_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.plan_line
    ADD CONSTRAINT plan_line_plan_id_line_shift_day_shift_sequence_key UNIQUE (plan_id, line, shift_day, shift, sequence);
ALTER TABLE ONLY public.plan_lot
    ADD CONSTRAINT plan_lot_pkey PRIMARY KEY (plan_id, lot_no);
ALTER TABLE ONLY public.plan_order
    ADD CONSTRAINT plan_order_pkey PRIMARY KEY (plan_id, order_id);
ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.plan_reason
    ADD CONSTRAINT plan_reason_pkey PRIMARY KEY (plan_id, order_id, kind, no);
ALTER TABLE ONLY public.plan_run
    ADD CONSTRAINT plan_run_client_id_key UNIQUE (client_id);
ALTER TABLE ONLY public.plan_run
    ADD CONSTRAINT plan_run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_version_key UNIQUE (version);
ALTER TABLE ONLY public.plant_version
    ADD CONSTRAINT plant_version_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.production_order
    ADD CONSTRAINT production_order_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.production_order
    ADD CONSTRAINT production_order_system_number_key UNIQUE (system, number);
ALTER TABLE ONLY public.production_report
    ADD CONSTRAINT production_report_order_id_order_report_no_key UNIQUE (order_id, order_report_no);
ALTER TABLE ONLY public.production_report
    ADD CONSTRAINT production_report_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.pulse_sequence
    ADD CONSTRAINT pulse_sequence_pkey PRIMARY KEY (tag_id);
ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.release
    ADD CONSTRAINT release_pkey PRIMARY KEY (item, revision);
ALTER TABLE ONLY public.reported_use
    ADD CONSTRAINT reported_use_pkey PRIMARY KEY (report_id, item, location);
ALTER TABLE ONLY public.role_grant
    ADD CONSTRAINT role_grant_pkey PRIMARY KEY (person_id, role);
ALTER TABLE ONLY public.sales_order
    ADD CONSTRAINT sales_order_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.sales_order
    ADD CONSTRAINT sales_order_system_number_line_no_key UNIQUE (system, number, line_no);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (token_sha256);
ALTER TABLE ONLY public.shift_count
    ADD CONSTRAINT shift_count_pkey PRIMARY KEY (station, shift_day, shift, job_id, phase);
ALTER TABLE ONLY public.shortage_answer
    ADD CONSTRAINT shortage_answer_client_id_key UNIQUE (client_id);
ALTER TABLE ONLY public.shortage_answer
    ADD CONSTRAINT shortage_answer_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.shortage
    ADD CONSTRAINT shortage_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.sign_in_failure
    ADD CONSTRAINT sign_in_failure_pkey PRIMARY KEY (who_sha256);
ALTER TABLE ONLY public.signal_sample
    ADD CONSTRAINT signal_sample_tag_id_at_h_key UNIQUE (tag_id, at, h);
ALTER TABLE ONLY public.source_lease
    ADD CONSTRAINT source_lease_pkey PRIMARY KEY (source);
ALTER TABLE ONLY public.state_span
    ADD CONSTRAINT state_span_pkey PRIMARY KEY (machine, from_at);
ALTER TABLE ONLY public.stock_movement
    ADD CONSTRAINT stock_movement_client_id_key UNIQUE (client_id);
ALTER TABLE ONLY public.stock_movement
    ADD CONSTRAINT stock_movement_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.stock_statement
    ADD CONSTRAINT stock_statement_location_item_lot_kind_as_of_key UNIQUE (location, item, lot, kind, as_of);
ALTER TABLE ONLY public.stock_statement
    ADD CONSTRAINT stock_statement_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.stop
    ADD CONSTRAINT stop_pkey PRIMARY KEY (scope, from_at);
ALTER TABLE ONLY public.system
    ADD CONSTRAINT system_pkey PRIMARY KEY (code);
ALTER TABLE ONLY public.tag
    ADD CONSTRAINT tag_address_key UNIQUE (address);
ALTER TABLE ONLY public.tag
    ADD CONSTRAINT tag_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.time_ledger
    ADD CONSTRAINT time_ledger_pkey PRIMARY KEY (machine, shift_day, shift);
ALTER TABLE ONLY public.touched
    ADD CONSTRAINT touched_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.unit_conversion
    ADD CONSTRAINT unit_conversion_pkey PRIMARY KEY (item, unit);
ALTER TABLE ONLY public.value_sample
    ADD CONSTRAINT value_sample_tag_id_at_h_key UNIQUE (tag_id, at, h);
CREATE INDEX andon_call_raised_at_idx ON public.andon_call USING btree (raised_at) WHERE (resolved_at IS NULL);
CREATE INDEX audit_id_idx ON public.audit USING btree (id) WHERE (seq IS NULL);
CREATE UNIQUE INDEX call_off_location_item_idx ON public.call_off USING btree (location, item) WHERE ((delivered_at IS NULL) AND (cancelled_at IS NULL));
CREATE INDEX consumption_item_location_idx ON public.consumption USING btree (item, location);
CREATE INDEX consumption_job_id_idx ON public.consumption USING btree (job_id);
CREATE INDEX consumption_order_id_idx ON public.consumption USING btree (order_id);
CREATE INDEX entry_effective_at_idx ON public.entry USING btree (effective_at) WHERE (kind = 'who'::text);
CREATE INDEX entry_job_id_effective_at_idx ON public.entry USING btree (job_id, effective_at);
CREATE INDEX entry_job_id_kind_idx ON public.entry USING btree (job_id, kind) WHERE (kind = ANY (ARRAY['mark'::text, 'confirm'::text]));
CREATE INDEX entry_line_effective_at_idx ON public.entry USING btree (line, effective_at);
CREATE INDEX entry_station_serial_idx ON public.entry USING btree (station, serial) WHERE (serial IS NOT NULL);
CREATE INDEX expected_receipt_item_expected_at_idx ON public.expected_receipt USING btree (item, expected_at);
CREATE INDEX gap_source_from_at_idx ON public.gap USING btree (source, from_at);
CREATE INDEX gap_source_idx ON public.gap USING btree (source) WHERE (to_at IS NULL);
CREATE INDEX handover_line_id_idx ON public.handover USING btree (line, id);
CREATE INDEX job_line_shift_day_sequence_idx ON public.job USING btree (line, shift_day, sequence);
CREATE INDEX job_span_job_id_idx ON public.job_span USING btree (job_id);
CREATE INDEX job_span_job_id_idx1 ON public.job_span USING btree (job_id) WHERE (to_at IS NULL);
CREATE INDEX minute_count_order_id_minute_idx ON public.minute_count USING btree (order_id, minute) WHERE (order_id <> 0);
CREATE INDEX order_eta_order_id_id_idx ON public.order_eta USING btree (order_id, id DESC);
CREATE INDEX outbox_id_idx ON public.outbox USING btree (id) WHERE (seq IS NULL);
CREATE INDEX outbox_subject_type_id_idx ON public.outbox USING btree (subject, type, id);
CREATE UNIQUE INDEX plan_expr_idx ON public.plan USING btree ((true)) WHERE (state = 'published'::text);
CREATE UNIQUE INDEX plan_run_expr_idx ON public.plan_run USING btree ((true)) WHERE ((state = 'waiting'::text) AND automatic);
CREATE INDEX plan_run_id_idx ON public.plan_run USING btree (id) WHERE (state = ANY (ARRAY['waiting'::text, 'running'::text]));
CREATE INDEX plant_version_in_force_from_id_idx ON public.plant_version USING btree (in_force_from, id);
CREATE INDEX production_order_expr_idx ON public.production_order USING btree (((customer_order ->> 'number'::text))) WHERE (customer_order IS NOT NULL);
CREATE INDEX production_report_job_id_idx ON public.production_report USING btree (job_id);
CREATE INDEX quarantine_source_id_idx ON public.quarantine USING btree (source, id);
CREATE INDEX reported_use_item_location_idx ON public.reported_use USING btree (item, location);
CREATE INDEX session_person_id_idx ON public.session USING btree (person_id);
CREATE INDEX shift_count_job_id_idx ON public.shift_count USING btree (job_id) WHERE (job_id <> 0);
CREATE INDEX shift_count_order_id_idx ON public.shift_count USING btree (order_id) WHERE (order_id <> 0);
CREATE INDEX shift_count_shift_day_line_idx ON public.shift_count USING btree (shift_day, line);
CREATE INDEX shortage_answer_shortage_id_id_idx ON public.shortage_answer USING btree (shortage_id, id);
CREATE UNIQUE INDEX shortage_item_idx ON public.shortage USING btree (item) WHERE (closed_at IS NULL);
CREATE INDEX stock_movement_item_at_idx ON public.stock_movement USING btree (item, at);
CREATE INDEX stock_statement_item_location_as_of_id_idx ON public.stock_statement USING btree (item, location, as_of DESC, id DESC);
CREATE INDEX stop_line_from_at_idx ON public.stop USING btree (line, from_at);
CREATE INDEX time_ledger_shift_day_line_idx ON public.time_ledger USING btree (shift_day, line);
CREATE TRIGGER handover_stays BEFORE DELETE OR UPDATE ON public.handover FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER ts_insert_blocker BEFORE INSERT ON public.signal_sample FOR EACH ROW EXECUTE FUNCTION _timescaledb_functions.insert_blocker();
CREATE TRIGGER ts_insert_blocker BEFORE INSERT ON public.value_sample FOR EACH ROW EXECUTE FUNCTION _timescaledb_functions.insert_blocker();
ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_system_fkey FOREIGN KEY (system) REFERENCES public.system(code);
ALTER TABLE ONLY public.bom_line
    ADD CONSTRAINT bom_line_component_fkey FOREIGN KEY (component) REFERENCES public.item(code);
ALTER TABLE ONLY public.bom_line
    ADD CONSTRAINT bom_line_item_revision_fkey FOREIGN KEY (item, revision) REFERENCES public.release(item, revision);
ALTER TABLE ONLY public.call_off
    ADD CONSTRAINT call_off_item_fkey FOREIGN KEY (item) REFERENCES public.item(code);
ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.job(id);
ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_reverses_fkey FOREIGN KEY (reverses) REFERENCES public.entry(id);
ALTER TABLE ONLY public.expected_receipt
    ADD CONSTRAINT expected_receipt_item_fkey FOREIGN KEY (item) REFERENCES public.item(code);
ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.production_order(id);
ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES public.plan(id);
ALTER TABLE ONLY public.operation
    ADD CONSTRAINT operation_item_revision_fkey FOREIGN KEY (item, revision) REFERENCES public.release(item, revision);
ALTER TABLE ONLY public.order_component
    ADD CONSTRAINT order_component_component_fkey FOREIGN KEY (component) REFERENCES public.item(code);
ALTER TABLE ONLY public.order_component
    ADD CONSTRAINT order_component_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.production_order(id);
ALTER TABLE ONLY public.order_delivery
    ADD CONSTRAINT order_delivery_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.production_order(id);
ALTER TABLE ONLY public.order_eta
    ADD CONSTRAINT order_eta_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.production_order(id);
ALTER TABLE ONLY public.order_operation
    ADD CONSTRAINT order_operation_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.production_order(id);
ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_base_plan_id_fkey FOREIGN KEY (base_plan_id) REFERENCES public.plan(id);
ALTER TABLE ONLY public.plan_line
    ADD CONSTRAINT plan_line_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.production_order(id);
ALTER TABLE ONLY public.plan_line
    ADD CONSTRAINT plan_line_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES public.plan(id);
ALTER TABLE ONLY public.plan_lot
    ADD CONSTRAINT plan_lot_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.production_order(id);
ALTER TABLE ONLY public.plan_lot
    ADD CONSTRAINT plan_lot_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES public.plan(id);
ALTER TABLE ONLY public.plan_order
    ADD CONSTRAINT plan_order_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.production_order(id);
ALTER TABLE ONLY public.plan_order
    ADD CONSTRAINT plan_order_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES public.plan(id);
ALTER TABLE ONLY public.plan_reason
    ADD CONSTRAINT plan_reason_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.production_order(id);
ALTER TABLE ONLY public.plan_reason
    ADD CONSTRAINT plan_reason_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES public.plan(id);
ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.plan_run(id);
ALTER TABLE ONLY public.production_order
    ADD CONSTRAINT production_order_item_fkey FOREIGN KEY (item) REFERENCES public.item(code);
ALTER TABLE ONLY public.production_order
    ADD CONSTRAINT production_order_merged_into_fkey FOREIGN KEY (merged_into) REFERENCES public.production_order(id);
ALTER TABLE ONLY public.production_order
    ADD CONSTRAINT production_order_split_from_fkey FOREIGN KEY (split_from) REFERENCES public.production_order(id);
ALTER TABLE ONLY public.production_report
    ADD CONSTRAINT production_report_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.job(id);
ALTER TABLE ONLY public.production_report
    ADD CONSTRAINT production_report_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.production_order(id);
ALTER TABLE ONLY public.production_report
    ADD CONSTRAINT production_report_reverses_fkey FOREIGN KEY (reverses) REFERENCES public.production_report(id);
ALTER TABLE ONLY public.pulse_sequence
    ADD CONSTRAINT pulse_sequence_tag_id_fkey FOREIGN KEY (tag_id) REFERENCES public.tag(id);
ALTER TABLE ONLY public.release
    ADD CONSTRAINT release_item_fkey FOREIGN KEY (item) REFERENCES public.item(code);
ALTER TABLE ONLY public.reported_use
    ADD CONSTRAINT reported_use_report_id_fkey FOREIGN KEY (report_id) REFERENCES public.production_report(id);
ALTER TABLE ONLY public.role_grant
    ADD CONSTRAINT role_grant_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person(id);
ALTER TABLE ONLY public.sales_order
    ADD CONSTRAINT sales_order_item_fkey FOREIGN KEY (item) REFERENCES public.item(code);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person(id);
ALTER TABLE ONLY public.shortage_answer
    ADD CONSTRAINT shortage_answer_shortage_id_fkey FOREIGN KEY (shortage_id) REFERENCES public.shortage(id);
ALTER TABLE ONLY public.shortage
    ADD CONSTRAINT shortage_item_fkey FOREIGN KEY (item) REFERENCES public.item(code);
ALTER TABLE ONLY public.stock_movement
    ADD CONSTRAINT stock_movement_item_fkey FOREIGN KEY (item) REFERENCES public.item(code);
ALTER TABLE ONLY public.stock_movement
    ADD CONSTRAINT stock_movement_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.job(id);
ALTER TABLE ONLY public.stock_statement
    ADD CONSTRAINT stock_statement_item_fkey FOREIGN KEY (item) REFERENCES public.item(code);
ALTER TABLE ONLY public.unit_conversion
    ADD CONSTRAINT unit_conversion_item_fkey FOREIGN KEY (item) REFERENCES public.item(code);
