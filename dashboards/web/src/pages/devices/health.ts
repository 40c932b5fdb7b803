// What a collector says of a source each second (mes collect, `beat`), with what it left out filled in.
import type { SampleLine, SourceLine } from '../../http/types';

export interface Health {
  detail: string;
  last_at: string | undefined;
  skew_s: number;
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
    counts: said.counts ?? {},
    bad_tags,
    bad: Object.keys(bad_tags).length,
    queue_rows: said.queue_rows ?? 0,
    spool_rows: said.spool_rows ?? 0,
  };
}

/** How long the newest value took from the device to us; a device whose clock is ahead shows none. */
export const lagMs = (newest: SampleLine | undefined): number | undefined =>
  newest && Math.max(0, Date.parse(newest.received_at) - Date.parse(newest.at));

export interface Seen {
  heard: number;
  at: number;
}

/** Values a second of plant time over some looks; undefined where the counter began anew or no time passed. */
export function rateOf(sights: readonly Seen[]): number | undefined {
  const [first, last] = [sights[0], sights[sights.length - 1]];
  if (!first || !last || last.at <= first.at || last.heard < first.heard) return undefined;
  return Math.round(((last.heard - first.heard) * 10_000) / (last.at - first.at)) / 10;
}
