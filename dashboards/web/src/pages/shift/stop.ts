// A stop is changed by what is said of it: a reason from..to. The last word on an instant holds, so that a part of a stop
// splits it, more than it joins it with its neighbours, and taking a word back shows what was said before.
import { newId } from '../../http/client';
import { plant } from '../../http/plant';
import type { EntryLine, StopLine } from '../../http/types';

type Place = { machine: string } | { station: string };

/** Whom an entry about a stop names: its machine, or the station where people count. */
export function placeOf(scope: string): Place {
  return (plant.value?.machine ?? []).some((one) => one.code === scope) ? { machine: scope } : { station: scope };
}

/** What is said: this reason for this stretch, and why. */
export const reasonFor = (scope: string, reason: string, from_ms: number, to_ms: number, note: string): Record<string, unknown> => ({
  kind: 'reason',
  reason,
  ...placeOf(scope),
  from_at: new Date(from_ms).toISOString(),
  effective_at: new Date(to_ms).toISOString(),
  ...(note ? { note } : {}),
  client_id: newId(),
});

/** What takes an entry back. */
export const takingBack = (entry: EntryLine): Record<string, unknown> => ({ kind: 'note', line: entry.line, reverses: entry.id, client_id: newId() });

const start = (entry: EntryLine): number => Date.parse(entry.from_at ?? entry.effective_at);

/** What was said of a stop or any part of it, the newest first; what was taken back among it. */
export function saidOf(stop: StopLine, entries: readonly EntryLine[], now: number): EntryLine[] {
  const from = Date.parse(stop.from_at);
  const to = stop.to_at ? Date.parse(stop.to_at) : now;
  const named = (entry: EntryLine) => [entry.machine, entry.station].includes(stop.scope) || !(entry.machine ?? entry.station);
  return entries.filter((entry) => named(entry) && start(entry) < to && Date.parse(entry.effective_at) >= from).reverse();
}

/** The stops that touch a stop on the same machine: before it and after it. */
export function neighbours(stop: StopLine, beside: readonly StopLine[]): { before: StopLine | undefined; after: StopLine | undefined } {
  return {
    before: beside.find((one) => one.to_at !== null && one.to_at === stop.from_at),
    after: beside.find((one) => stop.to_at !== null && one.from_at === stop.to_at),
  };
}

/** "08:12:30" on the clock of the site nearest to an instant, as an instant. Seconds may be left out. */
export function atClock(text: string, near_ms: number, clock: (at_ms: number) => string): number {
  const seconds = (said: string): number => said.split(':').reduce((sum, part, i) => sum + Number(part) * [3600, 60, 1][i]!, 0);
  const shift_s = seconds(text) - seconds(clock(near_ms));
  const day_s = 86_400;
  const turned_s = ((((shift_s + day_s / 2) % day_s) + day_s) % day_s) - day_s / 2;
  return Math.floor(near_ms / 1000) * 1000 + turned_s * 1000;
}
