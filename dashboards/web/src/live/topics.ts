// What a page watches: `const wall = useTopic<WallImage>('wall')`. All topics of a page share one stream.
import { computed, onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue';
import { mono, plantClock } from './clock';
import { Link, type Beat, type Delta, type LinkState, type Snapshot } from './link';
import { merge } from './merge';

/** Numbers are repainted at most this often; the first change after a pause is painted at once. */
export const REPAINT_MS = 450;

export const linkState: Ref<LinkState | 'opening'> = ref('opening');
/** What the server finds away: while it is not empty its figures stand still, however well the link does. */
export const away: Ref<readonly string[]> = ref([]);
/** The figures on the page may be old. */
export const stale = computed(() => away.value.length > 0 || linkState.value === 'stale' || linkState.value === 'down');

interface Watched {
  image: ShallowRef<unknown>;
  tree: unknown;
  seq: number;
}

const watched = new Map<string, Watched>();
let link: Link | undefined;
let reopening: ReturnType<typeof setTimeout> | undefined;
let painted = 0;
let painting: ReturnType<typeof setTimeout> | undefined;
let build: string | undefined;

/** The image of a topic, undefined until it has arrived; a new object whenever something in it changed. */
export function useTopic<T>(topic: string): Readonly<ShallowRef<T | undefined>> {
  const image = shallowRef<unknown>();
  watched.set(topic, { image, tree: undefined, seq: -1 });
  reopenSoon();
  onScopeDispose(() => {
    watched.delete(topic);
    reopenSoon();
  });
  return image as ShallowRef<T | undefined>;
}

function reopenSoon(): void {
  clearTimeout(reopening);
  reopening = setTimeout(reopen, 0);
}

function reopen(): void {
  link?.close();
  link = undefined;
  if (watched.size === 0) return;
  const topics = [...watched.keys()].map(encodeURIComponent).join(',');
  link = new Link(`/api/v1/stream?topics=${topics}`, { snapshot, delta, beat, state });
}

function snapshot(message: Snapshot): void {
  plantClock.hear(message);
  const topic = watched.get(message.topic);
  if (!topic) return;
  topic.tree = message.data;
  topic.seq = message.seq;
  paintSoon();
}

function delta(message: Delta): boolean {
  plantClock.hear(message);
  const topic = watched.get(message.topic);
  if (!topic || message.seq <= topic.seq) return true;
  if (topic.seq !== message.after) return false;
  topic.tree = merge(topic.tree, message.patch);
  topic.seq = message.seq;
  paintSoon();
  return true;
}

function beat(message: Beat): void {
  plantClock.hear(message);
  if (message.away.join() !== away.value.join()) away.value = message.away;
  // A page left open for months takes up a new build by itself.
  if (build !== undefined && build !== message.build) location.reload();
  build = message.build;
}

function state(now: LinkState): void {
  linkState.value = now;
}

function paintSoon(): void {
  if (painting !== undefined) return;
  painting = setTimeout(paint, Math.max(0, painted + REPAINT_MS - mono()));
}

function paint(): void {
  painting = undefined;
  painted = mono();
  for (const topic of watched.values()) if (topic.image.value !== topic.tree) topic.image.value = topic.tree;
}
