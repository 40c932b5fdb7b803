// What a terminal can say, each kept in the queue with the plant's time, and what the figures are with what still waits.
import { computed, onScopeDispose, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue';
import { newId } from '../../http/client';
import { mono, plantClock } from '../../live/clock';
import type { StationImage } from '../../live/types';
import { BrowserStore } from '../../offline/database';
import { Queue, type Kept, type Said } from '../../offline/queue';

/** How long the figures of something sent are held up while the server books it. */
const SETTLE_MS = 8000;

export interface Undoable {
  said: Said;
  until: number;
  entry: number | undefined;
}

export interface Speech {
  queue: Queue;
  waiting: ComputedRef<number>;
  extra: ComputedRef<{ good: number; reject: number }>;
  last: ShallowRef<Undoable | undefined>;
  count: (quantity: number, more?: Record<string, unknown>) => void;
  reject: (quantity: number, reason: string, more?: Record<string, unknown>) => void;
  mark: (job: string, verb: 'start' | 'pause' | 'finish' | 'switch' | 'confirm', phase?: string) => void;
  say: (path: string, body: Record<string, unknown>) => string;
  undo: () => void;
}

export const plantNow = (): string | undefined => {
  const now = plantClock.now();
  return now === undefined ? undefined : new Date(now).toISOString();
};

/** Entries and marks say when they took effect, calls for help and badges when they were made. */
function timeField(path: string): 'effective_at' | 'at' | undefined {
  if (path === '/andon-calls' || path === '/sign-ons') return 'at';
  return path === '/entries' || path.startsWith('/jobs/') ? 'effective_at' : undefined;
}

export function useSpeech(station: string, image: Readonly<ShallowRef<StationImage | undefined>>): Speech {
  const queue = new Queue(new BrowserStore(station));
  const last = shallowRef<Undoable>();
  const settling = shallowRef<{ kept: Kept; at: number }[]>([]);
  void queue.open();
  const knock = (): void => {
    queue.knock();
  };
  addEventListener('online', knock);
  onScopeDispose(() => {
    removeEventListener('online', knock);
  });

  queue.onKept((kept) => {
    settling.value = [...settling.value, { kept, at: mono() }];
    if (last.value?.said.id === kept.said.id) last.value = { ...last.value, entry: kept.id };
  });
  settleBy(image, settling);

  const say = (path: string, body: Record<string, unknown>): string => {
    const id = newId();
    const time = timeField(path);
    void queue.say(id, path, { ...(time ? { [time]: plantNow() } : {}), ...body });
    return id;
  };
  const enter = (body: Record<string, unknown>): void => {
    const id = say('/entries', { station, ...body });
    const said = queue.waiting.value.find((one) => one.id === id);
    if (said) last.value = { said, until: mono() + 60_000, entry: undefined };
  };
  return {
    queue,
    waiting: computed(() => queue.waiting.value.length),
    extra: computed(() => extraOf([...queue.waiting.value, ...settling.value.map((one) => one.kept.said)])),
    last,
    count: (quantity, more = {}) => {
      enter({ kind: 'count', quantity: String(quantity), ...more });
    },
    reject: (quantity, reason, more = {}) => {
      enter({ kind: 'reject', quantity: String(quantity), reason, ...more });
    },
    mark: (job, verb, phase) => {
      say(`/jobs/${job}/${verb}`, { station, ...(phase ? { phase } : {}) });
    },
    say,
    undo: () => {
      const undone = last.value;
      last.value = undefined;
      if (undone) void takeBack(queue, undone, say);
    },
  };
}

/** Unsent it is simply dropped; sent, a note takes it back. */
async function takeBack(queue: Queue, undone: Undoable, say: Speech['say']): Promise<void> {
  if (await queue.unsay(undone.said.id)) return;
  if (undone.entry !== undefined) say('/entries', { kind: 'note', station: undone.said.body['station'], reverses: undone.entry });
}

/** Pieces in what was said but is not in the image yet. */
export function extraOf(said: readonly Said[]): { good: number; reject: number } {
  const of = (kind: string) =>
    said
      .filter((one) => one.path === '/entries' && one.body['kind'] === kind)
      .reduce((sum, one) => sum + Number(one.body['quantity'] ?? 0), 0);
  return { good: of('count'), reject: of('reject') };
}

/** Sent entries count here until the image names them; a forgotten one is let go after a while. */
function settleBy(image: Readonly<ShallowRef<StationImage | undefined>>, settling: Ref<{ kept: Kept; at: number }[]>): void {
  const clean = (): void => {
    const known = new Set((image.value?.said ?? []).map((one) => one.id));
    const rest = settling.value.filter((one) => mono() - one.at < SETTLE_MS && !known.has(String(one.kept.id)));
    if (rest.length !== settling.value.length) settling.value = rest;
  };
  watch(image, clean);
  const timer = setInterval(clean, 1000);
  onScopeDispose(() => {
    clearInterval(timer);
  });
}

/** The image as it was when the page last had one, so that a terminal restarted without a network still works. */
export function useKeptImage(station: string, image: Readonly<ShallowRef<StationImage | undefined>>): ComputedRef<StationImage | undefined> {
  const key = `takt.station.${station}`;
  const kept = ref<StationImage | undefined>(JSON.parse(localStorage.getItem(key) ?? 'null') ?? undefined);
  watch(image, (now) => {
    if (now) localStorage.setItem(key, JSON.stringify(now));
  });
  return computed(() => image.value ?? kept.value);
}
