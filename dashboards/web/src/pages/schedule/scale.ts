// The board's time axis: instants to pixels and back, its ticks on the site's clock, and how loaded a line is.
import { clockTime, dateOf } from '../../look/format';
import type { LotImage } from '../../live/types';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
export type Open = readonly (readonly [number, number])[];

export interface Scale {
  from: number;
  to: number;
  px_per_hour: number;
}

export const x = (scale: Scale, at_ms: number): number => ((at_ms - scale.from) / HOUR_MS) * scale.px_per_hour;
export const at = (scale: Scale, px: number): number => scale.from + (px / scale.px_per_hour) * HOUR_MS;
export const width = (scale: Scale): number => x(scale, scale.to);

export interface Tick {
  at: number;
  label: string;
  day: boolean;
}

const STEPS_H = [1, 2, 4, 6, 12, 24];
const LABEL_PX = 56;

/** Ticks at whole hours of the site's clock, at least a label's width apart; midnights are days. */
export function ticks(scale: Scale, zone: string): Tick[] {
  const step = STEPS_H.find((hours) => hours * scale.px_per_hour >= LABEL_PX) ?? 24;
  const found: Tick[] = [];
  for (let hour = Math.ceil(scale.from / HOUR_MS) * HOUR_MS; hour <= scale.to; hour += HOUR_MS) {
    const label = clockTime(hour, zone);
    const local = Number(label.slice(0, 2));
    if (local % step === 0) found.push({ at: hour, label, day: local === 0 });
  }
  return found;
}

/** The local days that show on the axis: (first instant shown, last instant shown, date). */
export function days(scale: Scale, zone: string): { from: number; to: number; date: string }[] {
  const found: { from: number; to: number; date: string }[] = [];
  for (let hour = scale.from; hour < scale.to; hour += HOUR_MS) {
    const date = dateOf(hour, zone);
    const last = found[found.length - 1];
    if (last?.date === date) last.to = Math.min(scale.to, hour + HOUR_MS);
    else found.push({ from: hour, to: Math.min(scale.to, hour + HOUR_MS), date });
  }
  return found;
}

/** When `minutes` of open time before `end` begin: where a changeover takes the line. */
export function openBefore(open: Open, end: number, minutes: number): number {
  let left = minutes * 60_000;
  for (let i = open.length - 1; i >= 0; i--) {
    const [from, to] = open[i]!;
    if (from >= end) continue;
    const span = Math.min(to, end) - from;
    if (span >= left) return Math.min(to, end) - left;
    left -= span;
  }
  return end - left;
}

/** What lies between the open intervals of [from, to]. */
export function closed(open: Open, from: number, to: number): [number, number][] {
  const found: [number, number][] = [];
  let reached = from;
  for (const [start, end] of open) {
    if (end <= from || start >= to) continue;
    if (start > reached) found.push([reached, start]);
    reached = Math.max(reached, end);
  }
  if (reached < to) found.push([reached, to]);
  return found;
}

const overlap = (a: number, b: number, from: number, to: number): number => Math.max(0, Math.min(b, to) - Math.max(a, from));

/** The share of a line's open time in [from, to] that lots and their changeovers take; 0 where it is never open. */
export function load(lots: readonly LotImage[], open: Open, from: number, to: number): number {
  const within = (a: number, b: number) => open.reduce((sum, [s, e]) => sum + overlap(Math.max(a, s), Math.min(b, e), from, to), 0);
  const there = open.reduce((sum, [s, e]) => sum + overlap(s, e, from, to), 0);
  if (there <= 0) return 0;
  const taken = lots.reduce((sum, lot) => sum + within(openBefore(open, lot.start, lot.setup_minutes), lot.end), 0);
  return taken / there;
}
