// What would mend a late order, in words: where and when it is done, and what it was found to do when it was tried.
import type { WhyImage } from '../../live/types';
import { count, duration } from '../../look/format';
import { t } from '../../words';

/** "L01 20:00 – 22:00": the line, receipt or order, and from when to when; of a receipt, when it comes and would have to. */
export function place(fix: WhyImage, time: (at: number) => string): string {
  const { target, from_at, to_at } = fix.detail;
  const instants = [from_at, to_at].filter((at) => at !== undefined).map((at) => time(Date.parse(at)));
  const between = fix.cause === 'receipt_earlier' ? ' → ' : ' – ';
  return [target, instants.join(between)].filter(Boolean).join(' ');
}

/** "on time, orders on time: +3", or how late or short the order would still be. */
export function effect(fix: WhyImage): string {
  const { tardy_minutes: late = '0', short_qty: short = '0', on_time_orders: more = '0' } = fix.detail;
  const told: string[] = [];
  if (Number(short)) told.push(t('board.fix_short', { n: count(short) }));
  if (Number(late)) told.push(t('board.fix_late', { late: duration(Number(late) * 60_000) }));
  if (!told.length) told.push(t('board.fix_on_time'));
  if (Number(more) > 1) told.push(t('board.fix_more', { n: more }));
  return told.join(' · ');
}
