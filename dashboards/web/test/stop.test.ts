// What is said of a stop: whom it names, what was said before, and times typed on the site's clock.
import { describe, expect, it } from 'vitest';
import type { EntryLine, StopLine } from '../src/http/types';
import { clockSeconds } from '../src/look/format';
import { atClock, neighbours, saidOf } from '../src/pages/shift/stop';

const at = (minute: number): string => new Date(Date.UTC(2026, 0, 5, 0, minute)).toISOString();
const stop = (from: number, to: number | null): StopLine =>
  ({ scope: 'M1', from_at: at(from), to_at: to === null ? null : at(to) }) as StopLine;
const entry = (id: number, from: number | null, to: number, machine: string | null): EntryLine =>
  ({ id, machine, station: null, from_at: from === null ? null : at(from), effective_at: at(to) }) as EntryLine;

describe('a stop', () => {
  it('has heard what overlaps it, of its machine or its whole line, the newest first', () => {
    const said = [entry(1, 0, 5, 'M1'), entry(2, 8, 20, 'M1'), entry(3, null, 12, null), entry(4, 8, 20, 'M2'), entry(5, 30, 40, 'M1')];
    expect(saidOf(stop(10, 30), said, 0).map((one) => one.id)).toEqual([3, 2]);
  });

  it('touches the stop before and the stop after', () => {
    const all = [stop(0, 10), stop(10, 30), stop(30, null)];
    expect(neighbours(all[1]!, all)).toEqual({ before: all[0], after: all[2] });
    expect(neighbours(all[2]!, all).after).toBeUndefined();
  });
});

describe('a time typed on the site’s clock', () => {
  const clock = (ms: number): string => clockSeconds(ms, 'Asia/Shanghai');
  const near = Date.UTC(2026, 0, 5, 15, 59, 30, 250);

  it('is the nearest instant that shows it, over midnight too', () => {
    expect(clock(atClock('23:58:05', near, clock))).toBe('23:58:05');
    expect(atClock('00:05', near, clock) - near).toBe(5 * 60_000 + 30_000 - 250);
  });
});
