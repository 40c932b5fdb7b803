// What a page asks for again and again because nothing tells it: the answer, of when it is, and whether it failed.
import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue';
import { get } from '../http/client';
import { plantClock } from './clock';

export interface Asked<T> {
  data: Readonly<ShallowRef<T | undefined>>;
  /** Plant time of the answer that is shown, epoch milliseconds; 0 before the first. */
  at: Readonly<Ref<number>>;
  failed: Readonly<Ref<string | undefined>>;
  again: () => Promise<void>;
}
const PERIOD_MS = 5000;

/** Ask for `path()` now, whenever it becomes another, and every few seconds; undefined asks nothing. */
export function useAsked<T>(path: () => string | undefined, period_ms = PERIOD_MS): Asked<T> {
  const data = shallowRef<T>();
  const at = ref(0);
  const failed = ref<string>();
  let turn = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const again = async (): Promise<void> => {
    clearTimeout(timer);
    const mine = ++turn;
    const asked = path();
    if (asked !== undefined) {
      try {
        const answer = await get<T>(asked);
        if (mine !== turn) return;
        data.value = answer;
        at.value = plantClock.now() ?? 0;
        failed.value = undefined;
      } catch (error) {
        if (mine !== turn) return;
        failed.value = error instanceof Error ? error.message : String(error);
      }
    }
    if (mine === turn) timer = setTimeout(() => void again(), period_ms);
  };
  watch(path, () => void again(), { immediate: true });
  onScopeDispose(() => {
    turn++;
    clearTimeout(timer);
  });
  return { data, at, failed, again };
}

/** An instant as the API takes it, cut to the minute so that a question does not change every second. */
export const minuteOf = (at_ms: number): string => new Date(Math.floor(at_ms / 60_000) * 60_000).toISOString();
