import { beforeEach, describe, expect, it } from 'vitest';
import { attainment } from '../src/look/attainment';
import { clockTime, count, dateOf, duration, percent, signed, when, who } from '../src/look/format';
import { gridFor, screensOf } from '../src/look/layout';
import { paceAt } from '../src/look/pace';
import { ICON, lookOf } from '../src/look/status';
import { pieces } from '../src/look/strip';
import { ICONS } from '../src/look/icons';
import { firstLang, lang, t, tOr } from '../src/words';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MONDAY = Date.UTC(2026, 0, 5, 6, 12);

beforeEach(() => {
  lang.value = 'zh';
});

describe('figures', () => {
  it('say how long in the words of the language, never as a clock', () => {
    expect([30_000, 12 * MINUTE, 65 * MINUTE, 27 * HOUR].map(duration)).toEqual(['刚刚', '12分', '1时05分', '1天3时']);
    lang.value = 'en';
    expect([30_000, 12 * MINUTE, 65 * MINUTE, 27 * HOUR].map(duration)).toEqual(['now', '12 min', '1 h 05', '1 d 3 h']);
  });

  it('carry their sign and their groups', () => {
    expect([37, -12.4, 0.4, -1234].map(signed)).toEqual(['+37', '−12', '0', '−1,234']);
    expect(count('12345.60')).toBe('12,345.6');
  });

  it('never round an unfinished plan up to all of it', () => {
    expect([0.5, 0.998, 1].map((share) => percent(share))).toEqual(['50%', '99%', '100%']);
  });

  it('tell times in the zone of the site, whatever zone the screen is in', () => {
    expect(clockTime(MONDAY, 'Asia/Shanghai')).toBe('14:12');
    expect(clockTime(MONDAY, 'America/New_York')).toBe('01:12');
    expect(dateOf(Date.UTC(2026, 0, 5, 20), 'Asia/Shanghai')).toBe('2026-01-06');
    expect(when(MONDAY + 24 * HOUR, 'Asia/Shanghai', MONDAY)).toBe('01-06 14:12');
  });

  it('name people without their kind', () => {
    expect(['person:li', 'key:ab12', 'takt', undefined].map(who)).toEqual(['li', 'ab12', 'Takt', '']);
  });
});

describe('pace', () => {
  const knots = [
    [0, 0],
    [4 * HOUR, 400],
    [5 * HOUR, 400],
    [12 * HOUR, 1100],
  ] as const;

  it('is straight between knots and rests over a break', () => {
    expect([-HOUR, HOUR, 4.5 * HOUR, 6 * HOUR, 20 * HOUR].map((at) => paceAt(knots, at))).toEqual([0, 100, 400, 500, 1100]);
    expect(paceAt([], HOUR)).toBe(0);
  });

  it('counts what is made beyond a plan only as planned', () => {
    const line = { reject: 0, pace: knots };
    const made = attainment([{ ...line, good: 150, planned: 100 }, { ...line, good: 50, planned: 100 }], HOUR);
    expect(made.share).toBe(0.75);
    expect(made.wanted).toBe(200);
  });
});

describe('strip', () => {
  const at = (minute: number) => String((MONDAY + minute * MINUTE) / 1000);

  it('lasts from one change to the next, cut to its window, with holes where nothing is known', () => {
    const strip = { [at(20)]: 'fault', [at(-500)]: 'running', [at(30)]: '', [at(40)]: 'starved' };
    const found = pieces(strip, MONDAY, MONDAY + HOUR);
    expect(found.map((one) => [one.look, (one.from - MONDAY) / MINUTE, (one.to - MONDAY) / MINUTE])).toEqual([
      ['running', 0, 20],
      ['fault', 20, 30],
      [undefined, 30, 40],
      ['waiting', 40, 60],
    ]);
  });

  it('draws a status it does not know as no data, never as running', () => {
    expect(lookOf('dancing')).toBe('offline');
  });

  it('has an icon for every look', () => {
    for (const icon of Object.values(ICON)) expect(ICONS).toHaveProperty(icon);
  });
});

describe('layout', () => {
  it('chooses the grid whose tiles come out largest', () => {
    expect(gridFor(5, 1900, 900, 10)).toMatchObject({ columns: 3, rows: 2 });
    expect(gridFor(40, 1900, 900, 8)).toMatchObject({ columns: 8, rows: 5 });
    expect(gridFor(4, 400, 900, 10)).toMatchObject({ columns: 1, rows: 4 });
  });

  it('turns through areas and keeps lines in alarm on every screen', () => {
    const lines = Array.from({ length: 30 }, (_, i) => ({ code: i, area: i < 15 ? 'A' : 'B', alarm: i === 20 }));
    const screens = screensOf(lines, 12, (line) => line.area, (line) => line.alarm);
    expect(screens.every((screen) => screen.length <= 12 && screen[0]?.code === 20)).toBe(true);
    expect(new Set(screens.flat().map((line) => line.code)).size).toBe(30);
  });
});

describe('words', () => {
  it('take the language of the address, then the one kept, then the browser', () => {
    expect(firstLang('?lang=en', 'zh', ['zh-CN'])).toBe('en');
    expect(firstLang('', 'zh', ['en'])).toBe('zh');
    expect(firstLang('', null, ['zh-TW', 'en'])).toBe('zh');
    expect(firstLang('', null, ['de'])).toBe('en');
  });

  it('fill their holes, and fall back for words nobody has', () => {
    expect(t('wall.left', { left: '2时' })).toBe('还剩 2时');
    expect(tOr('cause.moonlight', 'moonlight')).toBe('moonlight');
  });
});
