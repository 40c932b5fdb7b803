// What a collector says of a source each second (mes collect, `beat`), with what it left out filled in.
import type { SourceLine } from '../../http/types';

export interface Health {
  detail: string;
  last_at: string | undefined;
  skew_s: number;
  is_skewed: boolean;
  lag_s: number | undefined;
  per_s: number | undefined;
  counts: Record<string, number>;
  bad_tags: Record<string, string>;
  bad: number;
  queue_rows: number;
  spool_rows: number;
}

export function healthOf(source: SourceLine): Health {
  const said = source.health as Partial<Health>;
  const bad_tags = said.bad_tags ?? {};
  return {
    detail: said.detail ?? '',
    last_at: said.last_at,
    skew_s: said.skew_s ?? 0,
    is_skewed: said.is_skewed ?? false,
    lag_s: said.lag_s,
    per_s: said.per_s,
    counts: said.counts ?? {},
    bad_tags,
    bad: Object.keys(bad_tags).length,
    queue_rows: said.queue_rows ?? 0,
    spool_rows: said.spool_rows ?? 0,
  };
}
