// A lot in the hand: where on the board it is held, and whether it may be put down there.
import { HOUR_MS, type Scale } from './scale';

export const SNAP_MS = 5 * 60_000;
export const STEP_MS = 15 * 60_000;
/** Less than this is a click, not a drag. */
export const SLACK_PX = 4;

export interface Held {
  no: string;
  line: string;
  start: number;
}

/** What is asked of the planner: the lot `no` of the plan shown goes to `line` and starts at `start`. */
export type Drop = Held;

/** An instant moved by so many pixels, on the grid of five minutes. */
export const dragged = (start: number, px: number, scale: Scale): number =>
  Math.round((start + (px / scale.px_per_hour) * HOUR_MS) / SNAP_MS) * SNAP_MS;

/** The row under a height inside the rows; outside of them the nearest. */
export const rowAt = (y: number, row_px: number, rows: number): number => Math.max(0, Math.min(rows - 1, Math.floor(y / row_px)));

/** Where a key moves what is held; undefined: the key is none of these. */
export function nudged(held: Held, key: string, far: boolean, lines: readonly string[]): Held | undefined {
  const at = lines.indexOf(held.line);
  const step = far ? HOUR_MS : STEP_MS;
  switch (key) {
    case 'ArrowLeft':
      return { ...held, start: held.start - step };
    case 'ArrowRight':
      return { ...held, start: held.start + step };
    case 'ArrowUp':
      return { ...held, line: lines[Math.max(0, at - 1)] ?? held.line };
    case 'ArrowDown':
      return { ...held, line: lines[Math.min(lines.length - 1, at + 1)] ?? held.line };
    default:
      return undefined;
  }
}

/** Why a lot may not be put there, as a word's key: what is past is past, and the frozen window is closed to newcomers. */
export function barred(held: Held, now: number, frozen_until: number): 'board.in_past' | 'board.in_frozen' | undefined {
  if (held.start < now) return 'board.in_past';
  return held.start < frozen_until ? 'board.in_frozen' : undefined;
}
