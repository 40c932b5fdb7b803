// What an operator says is kept here until the server has it, and is sent once: in order, with the id and the time it
// was said with. Survives a reload and a dead network; the server hears an id once however often it is sent.
import { ref, shallowRef } from 'vue';
import { HttpProblem, post, Unreached } from '../http/client';

export interface Said {
  /** The entry's own id (UUID), its Idempotency-Key and its `client_id`. */
  id: string;
  path: string;
  body: Record<string, unknown>;
  /** Counts up; the order in which things were said. */
  no: number;
  /** Why the server will not have it; it then waits for a person. */
  refused?: string;
}
/** What the server answered: the number under which it keeps what was said. */
export interface Kept {
  said: Said;
  id: number | undefined;
}
export type Send = (said: Said) => Promise<{ id?: number } | undefined>;

const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 15_000;
const sendByPost: Send = (said) => post(said.path, { ...said.body, client_id: said.id }, { key: said.id });

export interface Store {
  all(): Promise<Said[]>;
  put(said: Said): Promise<void>;
  remove(id: string): Promise<void>;
}

export class Queue {
  readonly waiting = shallowRef<Said[]>([]);
  readonly refused = shallowRef<Said[]>([]);
  readonly reached = ref(true);
  private sending = false;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private pause = RETRY_MIN_MS;
  private listeners: ((kept: Kept) => void)[] = [];
  private taken: Promise<void> | undefined;

  constructor(
    private readonly store: Store,
    private readonly send: Send = sendByPost,
  ) {}

  /** Take up what an earlier page left; what was said here meanwhile comes after it. */
  async open(): Promise<void> {
    await this.drain();
  }

  private async takeUp(): Promise<void> {
    // A browser that keeps nothing still sends; only a reload then loses what waits.
    const all = (await this.store.all().catch(() => [])).sort((a, b) => a.no - b.no);
    const earlier = all.filter((said) => said.refused === undefined && !this.waiting.value.some((one) => one.id === said.id));
    this.waiting.value = [...earlier, ...this.waiting.value];
    this.refused.value = [...all.filter((said) => said.refused !== undefined), ...this.refused.value];
  }

  /** The network is there again: try at once. */
  knock(): void {
    this.pause = RETRY_MIN_MS;
    void this.drain();
  }

  onKept(listener: (kept: Kept) => void): void {
    this.listeners.push(listener);
  }

  /** Keep it, then send it; resolves as soon as it is kept here. */
  async say(id: string, path: string, body: Record<string, unknown>): Promise<void> {
    const said: Said = { id, path, body, no: 0 };
    this.waiting.value = [...this.waiting.value, said];
    await (this.taken ??= this.takeUp());
    const others = [...this.waiting.value, ...this.refused.value].filter((one) => one !== said);
    said.no = 1 + Math.max(0, ...others.map((one) => one.no));
    await this.store.put(said).catch(() => undefined);
    void this.drain();
  }

  /** Take back what was not sent yet; false where it is too late for that. */
  async unsay(id: string): Promise<boolean> {
    const [first, ...rest] = this.waiting.value;
    const there = rest.some((said) => said.id === id) || (first?.id === id && !this.sending);
    const refused = this.refused.value.some((said) => said.id === id);
    if (!there && !refused) return false;
    this.waiting.value = this.waiting.value.filter((said) => said.id !== id);
    this.refused.value = this.refused.value.filter((said) => said.id !== id);
    await this.store.remove(id);
    return true;
  }

  /** Send what waits, oldest first, one at a time; tries again by itself while the server is away. */
  async drain(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    clearTimeout(this.retry);
    try {
      await (this.taken ??= this.takeUp());
      for (let next = this.waiting.value[0]; next; next = this.waiting.value[0]) await this.deliver(next);
    } catch {
      this.retry = setTimeout(() => void this.drain(), this.pause * (0.75 + Math.random() / 2));
      this.pause = Math.min(RETRY_MAX_MS, this.pause * 2);
    } finally {
      this.sending = false;
    }
  }

  /** Raises while the server cannot be reached or asks to come back. */
  private async deliver(said: Said): Promise<void> {
    try {
      const answer = await this.send(said);
      this.done(said, undefined);
      for (const listener of this.listeners) listener({ said, id: answer?.id });
    } catch (error) {
      const passing = error instanceof Unreached || (error instanceof HttpProblem && (error.passing || error.problem.status === 401));
      this.reached.value = !(error instanceof Unreached);
      if (passing) throw error;
      this.done(said, error instanceof Error ? error.message : String(error));
      return;
    }
    this.reached.value = true;
    this.pause = RETRY_MIN_MS;
  }

  private done(said: Said, refused: string | undefined): void {
    this.waiting.value = this.waiting.value.filter((one) => one.id !== said.id);
    if (refused === undefined) {
      void this.store.remove(said.id);
      return;
    }
    const kept = { ...said, refused };
    this.refused.value = [...this.refused.value, kept];
    void this.store.put(kept);
  }
}
