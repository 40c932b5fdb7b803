// A barcode reader types fast and ends with Enter; people do not. This tells them apart, so no field needs the focus.

/** Slower than this between two keys is a person. */
export const KEY_GAP_MS = 60;
const LENGTH_MIN = 3;

export class Scanner {
  private typed = '';
  private last = -Infinity;

  /** A key at an instant; the whole code when this key ends one. */
  key(key: string, at_ms: number): string | undefined {
    if (at_ms - this.last > KEY_GAP_MS) this.typed = '';
    this.last = at_ms;
    if (key === 'Enter' || key === 'Tab') {
      const code = this.typed.trim();
      this.typed = '';
      return code.length >= LENGTH_MIN ? code : undefined;
    }
    if (key.length === 1) this.typed += key;
    return undefined;
  }
}

export type Scanned =
  | { kind: 'part'; item: string }
  | { kind: 'wrong'; item: string }
  | { kind: 'job'; job: string }
  | { kind: 'badge'; badge: string }
  | { kind: 'piece'; serial: string };

/** What is known where a code is read: parts of the job, all components there are, how the plant's badges begin. */
export interface Known {
  parts: readonly string[];
  components: readonly string[];
  badgePrefix: string;
}
/** How a printed job card's code begins (mes/formats/job_card.py), and a badge printed by us. */
const JOB = /^TAKT\/JOB\/(\d+)$/;
const BADGE = /^TAKT\/BADGE\/(.+)$/;

/** What a code means here: a job card, a badge, a part this job uses, a part it does not use, else the piece itself. */
export function meaning(code: string, known: Known): Scanned {
  const job = JOB.exec(code)?.[1];
  if (job) return { kind: 'job', job };
  const badge = BADGE.exec(code)?.[1] ?? (known.badgePrefix && code.startsWith(known.badgePrefix) ? code : undefined);
  if (badge) return { kind: 'badge', badge };
  const head = code.split(/[|;,\s]/, 1)[0]!;
  if (known.parts.includes(head)) return { kind: 'part', item: head };
  if (known.components.includes(head)) return { kind: 'wrong', item: head };
  return { kind: 'piece', serial: code };
}
