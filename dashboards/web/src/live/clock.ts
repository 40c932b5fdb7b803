// Plant time on a screen: the server's, extended at the plant's speed. A television's own clock is never asked.
import { onScopeDispose, ref, type Ref } from 'vue';

export interface Heard {
  epoch: string;
  now: number;
  speed: number;
}

/** Milliseconds on a clock that never steps. */
export const mono = (): number => performance.now();

/** Plant time from what the server said last. The message that travelled fastest wins; a stepped clock is followed. */
export class PlantClock {
  private anchor: Heard | undefined;
  private offset = 0;

  hear(heard: Heard, at: number = mono()): void {
    const offset = heard.now - heard.speed * at;
    const known = this.anchor;
    const same = known !== undefined && known.epoch === heard.epoch && known.speed === heard.speed;
    const late = this.offset - offset;
    if (!same || late < 0 || late > 2000 * heard.speed) {
      this.anchor = heard;
      this.offset = offset;
    }
  }

  /** Epoch milliseconds in plant time; undefined until the server has spoken. */
  now(at: number = mono()): number | undefined {
    return this.anchor && Math.floor(this.offset + this.anchor.speed * at);
  }

  get speed(): number {
    return this.anchor?.speed ?? 1;
  }
}

export const plantClock = new PlantClock();

/** Plant time as a page shows it: repainted once a second. 0 until the server has spoken. */
export function usePlantNow(): Ref<number> {
  const now = ref(plantClock.now() ?? 0);
  const timer = setInterval(() => (now.value = plantClock.now() ?? 0), 1000);
  const first = setInterval(() => {
    const heard = plantClock.now();
    if (heard === undefined) return;
    clearInterval(first);
    now.value = heard;
  }, 50);
  onScopeDispose(() => {
    clearInterval(timer);
    clearInterval(first);
  });
  return now;
}
