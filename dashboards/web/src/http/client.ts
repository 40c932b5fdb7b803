// Calls to the server: JSON both ways, problems (RFC 9457) as errors that say what to do.

export interface Problem {
  title: string;
  status: number;
  detail?: string;
  code?: string;
  retryable?: boolean;
  errors?: { pointer: string; code: string; detail: string }[];
}

export class HttpProblem extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title);
  }

  /** The same request may succeed later: the server is away, busy, or says so. */
  get passing(): boolean {
    return this.problem.retryable === true || this.problem.status === 429 || this.problem.status >= 500;
  }
}

/** The server was not reached at all. */
export class Unreached extends Error {}

/** An id of our own for something done, so that saying it twice does it once. Works without a secure context. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** No answer for so long is none: a network that swallows a request would otherwise hold up all that follow it. */
const ANSWER_MS_MAX = 15_000;

async function call(path: string, init: RequestInit, within_ms = ANSWER_MS_MAX): Promise<unknown> {
  const abort = new AbortController();
  const timer = setTimeout(() => {
    abort.abort();
  }, within_ms);
  let response: Response;
  let text: string;
  try {
    response = await fetch(`/api/v1${path}`, { credentials: 'same-origin', signal: abort.signal, ...init });
    text = await response.text();
  } catch (error) {
    throw new Unreached(String(error));
  } finally {
    clearTimeout(timer);
  }
  if (response.ok) return text ? (JSON.parse(text) as unknown) : undefined;
  throw new HttpProblem(problemOf(response, text));
}

function problemOf(response: Response, text: string): Problem {
  try {
    return { title: response.statusText, status: response.status, ...(JSON.parse(text) as object) };
  } catch {
    return { title: response.statusText || `HTTP ${String(response.status)}`, status: response.status };
  }
}

export const get = async <T>(path: string, within_ms?: number): Promise<T> => (await call(path, {}, within_ms)) as T;

/** POST once: `key` is the Idempotency-Key, new where none is given. */
export async function post<T>(path: string, body: unknown, options: { key?: string; ifMatch?: string } = {}): Promise<T> {
  const headers: Record<string, string> = {
    'Content-Type': 'application/json',
    'Idempotency-Key': options.key ?? newId(),
  };
  if (options.ifMatch !== undefined) headers['If-Match'] = `"${options.ifMatch}"`;
  return (await call(path, { method: 'POST', headers, body: JSON.stringify(body) })) as T;
}
