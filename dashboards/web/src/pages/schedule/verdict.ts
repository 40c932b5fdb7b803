// What a change would do, as the planner answers it: asked as a plan run, heard when it has ended.
import { get, post } from '../../http/client';

export interface Pushed {
  order: string;
  minutes: number;
}

/** When an order nobody has placed yet would be done; null: it would not. */
export interface Promised {
  order: string;
  completed_at: string | null;
  late_minutes: number;
}

export interface Summary {
  lots_moved: number;
  lots_compared: number;
  newly_late: string[];
  newly_on_time: string[];
  late_minutes: [number, number];
  setup_minutes: [number, number];
  unplanned_quantity: [number, number];
}

export interface Verdict {
  /** fits: nobody ends later; pushes: somebody does, in time; breaks: an order becomes late; refused: it cannot be. */
  tone: 'fits' | 'pushes' | 'breaks' | 'refused';
  plan: string | undefined;
  pushed: Pushed[];
  breaks: string[];
  summary: Summary | undefined;
  promises: Promised[];
  why: string | undefined;
  took_ms: number;
}

export type Change =
  | { op: 'move'; lot_no: number; line?: string; start_at?: string }
  | { op: 'pin'; lot_no: number; pinned: boolean }
  | { op: 'calendar'; line: string; is_open: boolean; from_at: string; to_at: string; why?: string }
  | { op: 'order'; order: string; priority?: number; item?: string; quantity?: number; due_at?: string; left_out?: boolean }
  | { op: 'receipt'; ref: string; expected_at: string };

interface Run {
  id: number;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'superseded';
  plan_id: number | null;
  error: string | null;
  result: { pushed?: Pushed[]; breaks?: string[]; summary?: Summary | null; promises?: Promised[] } | null;
}

const WAIT_S = 25;

/** Ask for an edit or a scenario on a plan; undefined when a newer question took this one's place. */
export async function ask(kind: 'edit' | 'scenario', base: string, changes: Change[]): Promise<Verdict | undefined> {
  const began = performance.now();
  const asked = await post<Run>('/plan-runs', { kind, base_plan_id: Number(base), changes });
  const run = await get<Run>(`/plan-runs/${String(asked.id)}?wait=${String(WAIT_S)}`, (WAIT_S + 5) * 1000);
  return run.state === 'superseded' ? undefined : verdictOf(run, performance.now() - began);
}

export function verdictOf(run: Run, took_ms: number): Verdict {
  const { pushed = [], breaks = [], summary, promises = [] } = run.result ?? {};
  return {
    tone: run.state === 'done' ? toneOf(pushed, breaks) : 'refused',
    plan: run.plan_id === null ? undefined : String(run.plan_id),
    pushed: [...pushed].sort((a, b) => b.minutes - a.minutes),
    breaks,
    summary: summary ?? undefined,
    promises,
    why: run.error ?? undefined,
    took_ms,
  };
}

function toneOf(pushed: Pushed[], breaks: string[]): Verdict['tone'] {
  if (breaks.length) return 'breaks';
  return pushed.length ? 'pushes' : 'fits';
}
