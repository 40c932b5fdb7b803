// How far an open call is, in words: since when, escalated when, and who came when.
import type { CallImage } from '../live/types';
import { t } from '../words';
import { clockTime, duration, who } from './format';

/** "9 min · escalated 14:08 · not taken", "3 min · zhao is on it 14:11". */
export function callSteps(call: CallImage, now: number, zone: string): string[] {
  const taken = call.taken_at ? `${call.taken_by ? t('andon.taken_by', { who: who(call.taken_by) }) : t('call.taken')} ${clockTime(call.taken_at, zone)}` : t('call.untaken');
  const climbed = call.level > 0 ? [`${t('andon.level', { n: call.level })} ${call.escalated_at ? clockTime(call.escalated_at, zone) : ''}`.trim()] : [];
  return [`${clockTime(call.raised_at, zone)} · ${duration(now - call.raised_at)}`, ...climbed, taken];
}
