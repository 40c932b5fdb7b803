// Why a job cannot run now, in words, and what it means for whoever wants to start it.
import type { HindranceImage, StationJobImage } from '../../live/types';
import { named, t, tOr } from '../../words';

/** A start is refused: nobody here can change that. */
export const refused = (job: StationJobImage): HindranceImage[] => job.hindrances.filter((one) => one.weight === 'refused');

/** Gates that are closed: a first article opens its own, a line lead lets the job through any. */
export const gates = (job: StationJobImage): HindranceImage[] => job.hindrances.filter((one) => one.weight === 'override');

export function hindranceText(one: HindranceImage): string {
  const word = tOr(`hindrance.${one.kind}`, one.kind);
  if (one.kind !== 'material') return word;
  const what = `${word} ${one.name ? named(one.name) : one.item}`;
  return one.can_be_called ? `${what} (${t('hindrance.callable')})` : what;
}
