// 计划达成率: the sum over lines of what was made of the plan, by the sum of the plan; more than planned counts as planned.
import { paceAt, type Knots } from './pace';

export interface Made {
  good: number;
  reject: number;
  planned: number;
  wanted: number;
  share: number;
}

interface Line {
  good: number;
  reject: number;
  planned: number;
  pace: Knots;
}

export function attainment(lines: readonly Line[], now: number): Made {
  const sum = (of: (line: Line) => number) => lines.reduce((total, line) => total + of(line), 0);
  const planned = sum((line) => line.planned);
  return {
    good: sum((line) => line.good),
    reject: sum((line) => line.reject),
    planned,
    wanted: sum((line) => paceAt(line.pace, now)),
    share: planned > 0 ? sum((line) => Math.min(line.good, line.planned)) / planned : 0,
  };
}
