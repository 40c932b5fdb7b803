// One stream for a page, kept honest. The browser gives up for ever after one answer that is no stream, and never
// notices a link that has gone quiet; this does, and says so within six seconds.
import { mono, type Heard } from './clock';

export type LinkState = 'live' | 'stale' | 'down';

export interface Message extends Heard {
  topic: string;
  seq: number;
}
export interface Snapshot extends Message {
  data: unknown;
}
export interface Delta extends Message {
  after: number;
  patch: unknown;
}
export interface Beat extends Heard {
  build: string;
  away: string[];
}

export interface Handlers {
  snapshot(message: Snapshot): void;
  /** Returns false where the delta does not follow what the page has: the link then asks for everything again. */
  delta(message: Delta): boolean;
  beat(message: Beat): void;
  state(state: LinkState): void;
}

export interface Limits {
  stale_ms: number;
  /** How long an attempt may go without a word before another is made. */
  answer_ms: number;
  retry_min_ms: number;
  retry_max_ms: number;
}
const LIMITS: Limits = { stale_ms: 5000, answer_ms: 4000, retry_min_ms: 1000, retry_max_ms: 4000 };

export class Link {
  private source: EventSource | undefined;
  private last = '';
  private heard = mono();
  private opened = mono();
  private wait: number;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly watchdog: ReturnType<typeof setInterval>;
  private state: LinkState | undefined;

  constructor(
    private readonly url: string,
    private readonly handlers: Handlers,
    private readonly limits: Limits = LIMITS,
  ) {
    this.wait = limits.retry_min_ms;
    this.watchdog = setInterval(() => this.watch(), 500);
    this.open();
  }

  close(): void {
    clearInterval(this.watchdog);
    clearTimeout(this.retry);
    this.source?.close();
  }

  private open(): void {
    const since = this.last && `&since=${encodeURIComponent(this.last)}`;
    this.opened = mono();
    const source = new EventSource(this.url + since);
    this.source = source;
    this.on<Snapshot>(source, 'snapshot', (message) => this.handlers.snapshot(message));
    this.on<Delta>(source, 'd', (message) => {
      if (!this.handlers.delta(message)) this.startOver();
    });
    this.on<Beat>(source, 'hb', (message) => this.handlers.beat(message));
    source.addEventListener('resync', () => this.startOver());
    source.addEventListener('error', () => {
      if (source !== this.source) return;
      if (mono() - this.heard > this.limits.stale_ms) this.say('down');
      if (source.readyState === EventSource.CLOSED) this.retryLater();
    });
  }

  private on<T>(source: EventSource, name: string, handle: (message: T) => void): void {
    source.addEventListener(name, (event) => {
      if (source !== this.source) return;
      this.heard = mono();
      this.wait = this.limits.retry_min_ms;
      if (event.lastEventId) this.last = event.lastEventId;
      handle(JSON.parse(event.data as string) as T);
      this.say('live');
    });
  }

  /** After a refusal: spread out, so that all screens of a plant do not knock at once, but back within seconds. */
  private retryLater(): void {
    this.again(this.wait * (0.5 + Math.random() / 2));
    this.wait = Math.min(this.limits.retry_max_ms, this.wait * 2);
  }

  private startOver(): void {
    this.last = '';
    this.again(0);
  }

  private again(after_ms: number): void {
    this.source?.close();
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.open(), after_ms);
  }

  private watch(): void {
    if (mono() - this.heard <= this.limits.stale_ms) return;
    if (this.state !== 'down') this.say('stale');
    // Open but silent, or waiting for an answer that a broken network swallowed: both last for ever if left alone.
    const tried = mono() - this.opened > this.limits.answer_ms;
    if (tried && this.source?.readyState !== EventSource.CLOSED) this.again(0);
  }

  private say(state: LinkState): void {
    if (state === this.state) return;
    this.state = state;
    this.handlers.state(state);
  }
}
