import { describe, expect, it } from 'vitest';
import type { StopLine } from '../src/http/types';
import { causes, sum, waterfall } from '../src/look/losses';
import { doneAt } from '../src/look/pace';
import type { SourceLine } from '../src/http/types';
import { healthOf } from '../src/pages/devices/health';
import { playlistOf } from '../src/pages/kiosk/playlist';

const MINUTE_US = 60_000_000;

describe('where the time went', () => {
  const shift = { calendar_us: 480 * MINUTE_US, planned_stop_us: 60 * MINUTE_US, adot_us: 47 * MINUTE_US, apt_us: 373 * MINUTE_US, ideal_us: 321 * MINUTE_US, good: 18_848, reject: 423 };

  it('falls from calendar time to good pieces and leaves nothing out', () => {
    const at = Object.fromEntries(waterfall(shift).map((step) => [step.key, step.minutes]));
    expect([at['calendar'], at['pbt'], at['apt']]).toEqual([480, 420, 373]);
    expect(at['good']! / at['pbt']!).toBeCloseTo(0.7475, 3);
    const losses = waterfall(shift).filter((step) => step.loss);
    expect(losses.reduce((all, step) => all + step.minutes, 0)).toBeCloseTo(480 - at['good']!, 6);
  });

  it('adds up shifts before it takes ratios', () => {
    expect(sum([shift, shift])).toMatchObject({ good: 37_696, calendar_us: 960 * MINUTE_US });
  });

  it('names stops by reason, by state where there is none, longest first', () => {
    const stop = (reason: string, state: string, loss_s: number | null, from_at = '2026-01-05T00:00:00Z') => ({ reason, state, loss_s, from_at }) as StopLine;
    const now = Date.parse('2026-01-05T01:00:00Z');
    const found = causes([stop('S1', 'fault', 60), stop('', 'idle', 600), stop('S1', 'fault', 120), stop('', 'idle', null, '2026-01-05T00:50:00Z'), stop('S2', 'fault', 0)], now);
    expect(found.map((one) => [one.key, one.lost_ms / 1000, one.times])).toEqual([['state idle', 1200, 2], ['S1', 180, 2]]);
  });
});

describe('at this rate', () => {
  const knots = [[0, 0], [100, 50], [150, 50], [250, 100]] as const;

  it('the plan is done when its own time says so, breaks left out', () => {
    expect(doneAt(knots, 25, 100, 50)).toBe(250);
    expect(doneAt(knots, 20, 100, 50)).toBe(300);
    expect(doneAt(knots, 50, 100, 50)).toBe(100);
  });

  it('says nothing before anything is made or once all is', () => {
    expect(doneAt(knots, 0, 100, 50)).toBeUndefined();
    expect(doneAt(knots, 100, 100, 200)).toBeUndefined();
  });
});

it('what a collector leaves unsaid of a source is unknown, not nought', () => {
  const health = healthOf({ health: { counts: { heard: 3 }, bad_tags: { 'M1/state': 'gone' } } } as unknown as SourceLine);
  expect([health.per_s, health.lag_s, health.bad, health.counts['heard']]).toEqual([undefined, undefined, 1, 3]);
});

it('a playlist holds only pages for a wall, and never turns faster than one can read', () => {
  const fits = (path: string) => path === '/wall' || path.startsWith('/lines/');
  expect(playlistOf('?pages=/lines/L01,/orders,/wall&each=1', fits)).toEqual({ pages: ['/lines/L01', '/wall'], each_s: 5 });
  expect(playlistOf('', fits)).toEqual({ pages: ['/wall'], each_s: 30 });
});
