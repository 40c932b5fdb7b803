// From calendar time to good pieces: each step of a shift's time ledger, and stops added up by why they were.
import type { Elements, StopLine } from '../http/types';

export interface Step {
  key: string;
  /** Minutes of the bar, and where it begins: a loss hangs from what was left before it. */
  minutes: number;
  from: number;
  loss: boolean;
}
const MINUTE_US = 60_000_000;
const minutes = (us: number | undefined): number => (us ?? 0) / MINUTE_US;

/** 损失分析: calendar - planned stops = PBT - down - delays - set-ups = APT - slow = ideal - rejects = good time. */
export function waterfall(e: Elements): Step[] {
  const calendar = minutes(e.calendar_us);
  const planned = minutes(e.planned_stop_us);
  const apt = minutes(e.apt_us);
  const ideal = minutes(e.ideal_us);
  const made = (e.good ?? 0) + (e.reject ?? 0);
  const rejected = made > 0 ? (ideal * (e.reject ?? 0)) / made : 0;
  const steps: Step[] = [{ key: 'calendar', minutes: calendar, from: 0, loss: false }];
  let left = calendar;
  const lose = (key: string, lost: number): void => {
    left -= lost;
    steps.push({ key, minutes: lost, from: left, loss: true });
  };
  const stand = (key: string): void => void steps.push({ key, minutes: left, from: 0, loss: false });
  lose('planned_stop', planned);
  stand('pbt');
  lose('adot', minutes(e.adot_us));
  lose('adet', minutes(e.adet_us));
  lose('aust', minutes(e.aust_us));
  lose('no_data', minutes(e.no_data_us));
  stand('apt');
  lose('speed', apt - ideal);
  lose('reject', rejected);
  stand('good');
  return steps;
}

export interface Cause {
  key: string;
  /** The reason's code; empty where nobody has given one. */
  reason: string;
  state: string;
  lost_ms: number;
  times: number;
  stops: StopLine[];
}

/** Stops by reason, without one by state; longest first. What lasts counts until now. */
export function causes(stops: readonly StopLine[], now: number): Cause[] {
  const found = new Map<string, Cause>();
  for (const stop of stops) {
    const lost = stop.loss_s === null ? Math.max(0, now - Date.parse(stop.from_at)) : stop.loss_s * 1000;
    if (lost <= 0) continue;
    const key = stop.reason || `state ${stop.state}`;
    const cause = found.get(key) ?? { key, reason: stop.reason, state: stop.state, lost_ms: 0, times: 0, stops: [] };
    cause.lost_ms += lost;
    cause.times++;
    cause.stops.push(stop);
    found.set(key, cause);
  }
  return [...found.values()].sort((a, b) => b.lost_ms - a.lost_ms);
}

/** Elements of several shifts or lines added up. */
export function sum(parts: readonly Elements[]): Elements {
  const total: Record<string, number> = {};
  for (const part of parts) for (const [key, value] of Object.entries(part)) total[key] = (total[key] ?? 0) + Number(value);
  return total as Elements;
}
