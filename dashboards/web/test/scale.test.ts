import { describe, expect, it } from 'vitest';
import { at, closed, days, HOUR_MS, load, openBefore, ticks, x, type Open } from '../src/pages/schedule/scale';

const FROM = Date.UTC(2026, 0, 5, 0);
const h = (hours: number) => FROM + hours * HOUR_MS;
const SHIFTS: Open = [
  [h(0), h(4)],
  [h(5), h(12)],
  [h(24), h(36)],
];
const scale = { from: FROM, to: h(48), px_per_hour: 20 };

describe('the board’s axis', () => {
  it('turns instants into pixels and back', () => {
    expect(x(scale, h(3))).toBe(60);
    expect(at(scale, 60)).toBe(h(3));
  });

  it('ticks on whole hours of the site’s clock, midnights as days', () => {
    const found = ticks(scale, 'Asia/Shanghai');
    expect(found[0]?.label).toBe('08:00');
    expect(found.filter((tick) => tick.day).map((tick) => (tick.at - FROM) / HOUR_MS)).toEqual([16, 40]);
  });

  it('ticks rightly in a zone that is off by half an hour', () => {
    expect(ticks(scale, 'Asia/Kolkata').every((tick) => tick.label.endsWith(':30'))).toBe(true);
  });

  it('names the local days it shows', () => {
    expect(days(scale, 'Asia/Shanghai').map((day) => day.date)).toEqual(['2026-01-05', '2026-01-06', '2026-01-07']);
  });
});

describe('open time', () => {
  it('puts a changeover before its lot, over a break and a night', () => {
    expect(openBefore(SHIFTS, h(5.5), 60)).toBe(h(3.5));
    expect(openBefore(SHIFTS, h(24.5), 60)).toBe(h(11.5));
    expect(openBefore(SHIFTS, h(3), 30)).toBe(h(2.5));
  });

  it('knows when the line is closed', () => {
    expect(closed(SHIFTS, h(2), h(26))).toEqual([
      [h(4), h(5)],
      [h(12), h(24)],
    ]);
  });

  it('loads a line by what its lots take of the open time', () => {
    const lot = { order: 'a', operation_seq: 10, line: 'L', quantity: 1, setup_minutes: 60, pinned: false };
    const lots = [{ ...lot, start: h(1), end: h(6) }];
    expect(load(lots, SHIFTS, h(0), h(12))).toBeCloseTo(5 / 11);
    expect(load(lots, SHIFTS, h(13), h(20))).toBe(0);
  });
});
