import { describe, expect, it } from 'vitest';
import { PlantClock } from '../src/live/clock';
import { merge } from '../src/live/merge';

describe('merge', () => {
  it('sets, replaces and removes as RFC 7386 says', () => {
    expect(merge({ a: { b: 1, c: 2 }, d: [1] }, { a: { b: 3, c: null }, d: [2, 3], e: { f: 1 } })).toEqual({
      a: { b: 3 },
      d: [2, 3],
      e: { f: 1 },
    });
  });

  it('leaves what the patch does not reach the same object, so that it is not drawn again', () => {
    const before = { tiles: { L01: { good: 1 }, L02: { good: 5 } } };
    const after = merge(before, { tiles: { L01: { good: 2 } } }) as typeof before;
    expect(after.tiles.L02).toBe(before.tiles.L02);
    expect(before.tiles.L01.good).toBe(1);
  });

  it('does no harm when it comes twice', () => {
    const patch = { a: { good: 7, gone: null } };
    const once = merge({ a: { good: 1, gone: 1 } }, patch);
    expect(merge(once, patch)).toEqual(once);
  });
});

describe('PlantClock', () => {
  it('runs at the speed of the plant', () => {
    const clock = new PlantClock();
    expect(clock.now(0)).toBeUndefined();
    clock.hear({ epoch: 'a', now: 1_000_000, speed: 60 }, 0);
    expect(clock.now(1000)).toBe(1_060_000);
  });

  it('does not jump back for a message that travelled slowly', () => {
    const clock = new PlantClock();
    clock.hear({ epoch: 'a', now: 1_000_000, speed: 1 }, 0);
    clock.hear({ epoch: 'a', now: 1_001_000, speed: 1 }, 1400);
    expect(clock.now(1400)).toBe(1_001_400);
  });

  it('follows a server that started anew', () => {
    const clock = new PlantClock();
    clock.hear({ epoch: 'a', now: 9_000_000, speed: 1 }, 0);
    clock.hear({ epoch: 'b', now: 1_000_000, speed: 1 }, 10);
    expect(clock.now(10)).toBe(1_000_000);
  });
});
