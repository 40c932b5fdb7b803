// What the server says of a tour, asked again and again while somebody looks, and where the visitor was.
import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue';
import { get, HttpProblem, post } from '../../http/client';

export interface Step {
  code: string;
  page: string;
  acts: boolean;
  after: string;
  again: boolean;
  asked_at: string | null;
  done: boolean;
  facts: Record<string, string | number>;
  trouble: string;
}
export interface Tour {
  tour: string;
  time_zone: string;
  tours: string[];
  steps: Step[];
}
/** Where this browser left the guide. */
export interface Place {
  folded: boolean;
  tour: string;
  step: number;
}

const KEPT = 'takt.guide';
const ASK_EVERY_MS = 2000;

export function keptPlace(): Place {
  const first = { folded: false, tour: 'manager', step: 0 };
  try {
    return { ...first, ...(JSON.parse(localStorage.getItem(KEPT) ?? '{}') as Partial<Place>) };
  } catch {
    return first;
  }
}

export const keepPlace = (place: Place): void => {
  localStorage.setItem(KEPT, JSON.stringify(place));
};

export interface Guided {
  tour: ShallowRef<Tour | undefined>;
  /** Why the last button did nothing; empty when it did. `unreached`: nobody answered. */
  refusal: Ref<string>;
  busy: Ref<boolean>;
  act: (step: string) => Promise<void>;
}

/** The tour of `place` as Takt sees it now; nothing is asked while the bar is folded or the page hidden. */
export function useTour(place: Ref<Place>): Guided {
  const tour = shallowRef<Tour>();
  const refusal = ref('');
  const busy = ref(false);

  async function ask(): Promise<void> {
    if (place.value.folded || document.hidden) return;
    const wanted = place.value.tour;
    try {
      const heard = await get<Tour>(`/demo?tour=${encodeURIComponent(wanted)}`);
      if (wanted === place.value.tour) tour.value = heard;
    } catch {
      // The bar keeps what it showed; the page around it says that the server is away.
    }
  }

  async function act(step: string): Promise<void> {
    busy.value = true;
    refusal.value = '';
    try {
      await post(`/demo/${step}`, {});
    } catch (error) {
      refusal.value = error instanceof HttpProblem ? error.message : 'unreached';
    } finally {
      busy.value = false;
    }
    await ask();
  }

  const timer = setInterval(() => void ask(), ASK_EVERY_MS);
  onScopeDispose(() => {
    clearInterval(timer);
  });
  watch(
    () => [place.value.tour, place.value.folded],
    () => void ask(),
    { immediate: true },
  );
  return { tour, refusal, busy, act };
}
