// Figures as people read them: grouped numbers, "12分" and "12 min", times in the site's zone.
import { lang, t } from '../words';

const LOCALE = { zh: 'zh-CN', en: 'en-GB' } as const;
const GROUPED = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 });
const formats = new Map<string, Intl.DateTimeFormat>();

/** 12345.6 -> "12,345.6"; decimal text is taken as well. */
export const count = (value: number | string): string => GROUPED.format(Number(value));

/** With its sign always: "+37", "−12", "0". */
export function signed(value: number): string {
  const rounded = Math.round(value);
  if (rounded === 0) return '0';
  return (rounded > 0 ? '+' : '−') + count(Math.abs(rounded));
}

/** A share 0..1 as "54%" or, with digits, "54.3%"; never "100%" unless it is. */
export function percent(share: number, digits = 0): string {
  const scale = 10 ** digits;
  const rounded = Math.round(share * 100 * scale) / scale;
  return `${(rounded === 100 && share < 1 ? 100 - 1 / scale : rounded).toFixed(digits)}%`;
}

/** Minutes with at most one decimal: "231.5 min", "231.5分". */
export const minutesText = (minutes: number): string => t('time.minutes', { m: count(Math.round(minutes * 10) / 10) });

/** How long, coarsely: "刚刚", "12分", "1时05分", "2天3时". */
export function duration(span_ms: number): string {
  const minutes = Math.floor(Math.max(0, span_ms) / 60_000);
  if (minutes < 1) return t('time.moment');
  if (minutes < 60) return t('time.minutes', { m: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return t('time.hours', { h: hours, m: String(minutes % 60).padStart(2, '0') });
  return t('time.days', { d: Math.floor(hours / 24), h: hours % 24 });
}

function formatted(at_ms: number, zone: string, options: Intl.DateTimeFormatOptions): string {
  const key = lang.value + zone + Object.entries(options).join();
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(LOCALE[lang.value], { timeZone: zone, hourCycle: 'h23', ...options });
    formats.set(key, format);
  }
  return format.format(at_ms);
}

/** "14:20" in the site's zone. */
export const clockTime = (at_ms: number, zone: string): string =>
  formatted(at_ms, zone, { hour: '2-digit', minute: '2-digit' });

/** "14:20:05" in the site's zone. */
export const clockSeconds = (at_ms: number, zone: string): string =>
  formatted(at_ms, zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** "周一" / "Mon". */
export const weekday = (at_ms: number, zone: string): string => formatted(at_ms, zone, { weekday: 'short' });

/** "01-05" in the site's zone. */
export function monthDay(at_ms: number, zone: string): string {
  return dateOf(at_ms, zone).slice(5);
}

/** "2026-01-05" in the site's zone. */
export function dateOf(at_ms: number, zone: string): string {
  const key = 'date' + zone;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' });
    formats.set(key, format);
  }
  return format.format(at_ms);
}

/** "14:20" today, "01-06 14:20" another day. */
export function when(at_ms: number, zone: string, now_ms: number): string {
  const time = clockTime(at_ms, zone);
  return dateOf(at_ms, zone) === dateOf(now_ms, zone) ? time : `${monthDay(at_ms, zone)} ${time}`;
}

/** "UTC+8" for a zone at an instant. */
export function zoneName(at_ms: number, zone: string): string {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, timeZoneName: 'short' });
  return format.formatToParts(at_ms).find((part) => part.type === 'timeZoneName')?.value ?? zone;
}

/** Who did something, as people say it: "person:li" is li, Takt itself is Takt. */
export function who(by: string | undefined): string {
  if (!by) return '';
  const name = by.slice(by.indexOf(':') + 1);
  return by === 'takt' || by === 'tracker' || by === 'planner' ? 'Takt' : name;
}
