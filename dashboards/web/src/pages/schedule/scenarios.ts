// Scenarios: plans for a world that is changed a little, each with its figures beside the published plan's.
import { get } from '../../http/client';
import type { Change, Promised, Summary, Verdict } from './verdict';

export type Kind = 'down' | 'overtime' | 'priority' | 'receipt' | 'order';

export interface Wish {
  kind: Kind;
  line: string;
  order: string;
  ref: string;
  item: string;
  from: number;
  hours: number;
  priority: number;
  quantity: number;
  due: number;
}

export interface Kpis {
  orders_late: number;
  late_minutes: number;
  setup_minutes: number;
  unplanned_quantity: number;
  lots: number;
}

interface Diff {
  before: Kpis;
  after: Kpis;
  orders: { order: string; completed_before: string | null; completed_after: string | null; late_minutes_before: number; late_minutes_after: number }[];
  days: { line: string; shift_day: string; quantity_before: number; quantity_after: number }[];
}

export interface Scenario {
  plan: string;
  kind: Kind;
  promises: Promised[];
  name: string;
  summary: Summary | undefined;
  before: Kpis;
  after: Kpis;
  orders: Diff['orders'];
  lines: { line: string; before: number; after: number }[];
  days: Diff['days'];
}

const HOUR_MS = 3_600_000;
const iso = (at: number) => new Date(at).toISOString();

/** What a wish changes about the world. */
export function changeOf(wish: Wish): Change {
  const until = iso(wish.from + wish.hours * HOUR_MS);
  switch (wish.kind) {
    case 'down':
    case 'overtime':
      return { op: 'calendar', line: wish.line, is_open: wish.kind === 'overtime', from_at: iso(wish.from), to_at: until, why: wish.kind };
    case 'priority':
      return { op: 'order', order: wish.order, priority: wish.priority };
    case 'receipt':
      return { op: 'receipt', ref: wish.ref, expected_at: iso(wish.from) };
    case 'order':
      return { op: 'order', order: wish.order, item: wish.item, quantity: wish.quantity, due_at: iso(wish.due) };
  }
}

/** A scenario that was answered, compared with the published plan. */
export async function compared(name: string, kind: Kind, published: string, verdict: Verdict): Promise<Scenario | undefined> {
  if (!verdict.plan) return undefined;
  const diff = await get<Diff>(`/plans/${published}/diff/${verdict.plan}`);
  return { plan: verdict.plan, kind, promises: verdict.promises, name, summary: verdict.summary, before: diff.before, after: diff.after, orders: diff.orders, days: diff.days, lines: byLine(diff.days) };
}

/** Pieces by line over all days that differ. */
export function byLine(days: Diff['days']): Scenario['lines'] {
  const sums = new Map<string, { line: string; before: number; after: number }>();
  for (const day of days) {
    const sum = sums.get(day.line) ?? { line: day.line, before: 0, after: 0 };
    sums.set(day.line, { line: day.line, before: sum.before + day.quantity_before, after: sum.after + day.quantity_after });
  }
  return [...sums.values()].sort((a, b) => a.line.localeCompare(b.line));
}
