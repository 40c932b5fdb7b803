import { describe, expect, it } from 'vitest';
import { barred, dragged, nudged, rowAt } from '../src/pages/schedule/hold';
import { byLine, changeOf, type Wish } from '../src/pages/schedule/scenarios';
import { HOUR_MS } from '../src/pages/schedule/scale';
import { verdictOf } from '../src/pages/schedule/verdict';

const FROM = Date.UTC(2026, 0, 5, 0);
const h = (hours: number) => FROM + hours * HOUR_MS;
const scale = { from: FROM, to: h(48), px_per_hour: 20 };

describe('a lot in the hand', () => {
  it('moves on a grid of five minutes', () => {
    expect(dragged(h(3), 20, scale)).toBe(h(4));
    expect(dragged(h(3), 1, scale)).toBe(h(3) + 5 * 60_000);
  });

  it('is held over the nearest row', () => {
    expect([rowAt(-5, 60, 3), rowAt(61, 60, 3), rowAt(999, 60, 3)]).toEqual([0, 1, 2]);
  });

  it('moves by keys: a quarter of an hour, an hour with shift, a line up or down', () => {
    const held = { no: '1', line: 'L02', start: h(3) };
    expect(nudged(held, 'ArrowRight', false, ['L01', 'L02'])?.start).toBe(h(3.25));
    expect(nudged(held, 'ArrowLeft', true, ['L01', 'L02'])?.start).toBe(h(2));
    expect(nudged(held, 'ArrowUp', false, ['L01', 'L02'])?.line).toBe('L01');
    expect(nudged(held, 'ArrowDown', false, ['L01', 'L02'])?.line).toBe('L02');
    expect(nudged(held, 'x', false, [])).toBeUndefined();
  });

  it('is not put down in the past or in the frozen window', () => {
    const held = { no: '1', line: 'L01', start: h(3) };
    expect([barred(held, h(4), h(2)), barred(held, h(2), h(4)), barred(held, h(2), h(3))]).toEqual(['board.in_past', 'board.in_frozen', undefined]);
  });
});

describe('the planner’s answer', () => {
  const run = { id: 1, state: 'done' as const, plan_id: 9, error: null, result: {} };
  it('fits, pushes, breaks or is refused', () => {
    const pushed = [{ order: 'a', minutes: 5 }, { order: 'b', minutes: 50 }];
    expect(verdictOf(run, 1).tone).toBe('fits');
    expect(verdictOf({ ...run, result: { pushed } }, 1)).toMatchObject({ tone: 'pushes', pushed: [{ order: 'b' }, { order: 'a' }], plan: '9' });
    expect(verdictOf({ ...run, result: { pushed, breaks: ['a'] } }, 1).tone).toBe('breaks');
    expect(verdictOf({ ...run, state: 'failed', plan_id: null, error: 'no' }, 1)).toMatchObject({ tone: 'refused', why: 'no', plan: undefined });
  });
});

describe('a scenario', () => {
  const wish: Wish = { kind: 'down', line: 'L01', order: 'e/1', ref: 'e/2/1', item: 'P', from: h(3), hours: 2, priority: 1, quantity: 5, due: h(9) };
  it('says what it changes', () => {
    expect(changeOf(wish)).toMatchObject({ op: 'calendar', is_open: false, to_at: new Date(h(5)).toISOString() });
    expect(changeOf({ ...wish, kind: 'overtime' })).toMatchObject({ op: 'calendar', is_open: true });
    expect(changeOf({ ...wish, kind: 'priority' })).toEqual({ op: 'order', order: 'e/1', priority: 1 });
    expect(changeOf({ ...wish, kind: 'receipt' })).toMatchObject({ op: 'receipt', ref: 'e/2/1' });
    expect(changeOf({ ...wish, kind: 'order' })).toMatchObject({ op: 'order', item: 'P', quantity: 5 });
  });

  it('adds the days of a line up', () => {
    const day = (line: string, quantity_after: number) => ({ line, shift_day: '2026-01-05', quantity_before: 10, quantity_after });
    expect(byLine([day('L02', 5), day('L01', 20), day('L02', 30)])).toEqual([
      { line: 'L01', before: 10, after: 20 },
      { line: 'L02', before: 20, after: 35 },
    ]);
  });
});
