// What is said of a fix: where and when, and what it did when it was tried.
import { beforeAll, describe, expect, it } from 'vitest';
import { effect, place } from '../src/pages/schedule/fix';
import { setLang } from '../src/words';
import '../src/words/desk';

const time = (at: number): string => new Date(at).toISOString().slice(11, 16);
const span = { from_at: '2026-01-05T12:00:00Z', to_at: '2026-01-05T14:00:00Z' };

describe('a fix', () => {
  beforeAll(() => {
    globalThis.document ??= { documentElement: {} } as Document;
    setLang('en');
  });

  it('names its line and when it would work', () => {
    expect(place({ cause: 'overtime', minutes: 60, detail: { target: 'L01', ...span } }, time)).toBe('L01 12:00 – 14:00');
  });

  it('names a receipt, when it comes and when it would have to', () => {
    const moved = { target: 'PO7', from_at: span.to_at, to_at: span.from_at };
    expect(place({ cause: 'receipt_earlier', minutes: 60, detail: moved }, time)).toBe('PO7 14:00 → 12:00');
  });

  it('says what is left of the lateness, and how many orders it saves', () => {
    const saved = { tardy_minutes: '0', short_qty: '0', on_time_orders: '3' };
    expect(effect({ cause: 'first', minutes: 60, detail: saved })).toBe('on time · orders on time: +3');
    expect(effect({ cause: 'first', minutes: 60, detail: { ...saved, tardy_minutes: '90', on_time_orders: '0' } })).toContain('late');
    expect(effect({ cause: 'first', minutes: 0, detail: { ...saved, short_qty: '12', on_time_orders: '0' } })).toBe('still 12 short');
  });
});
