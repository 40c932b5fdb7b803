// Where the plan of a shift wants a line to be: knots (instant, pieces), straight between them.

export type Knots = readonly (readonly [number, number])[];

/** Pieces wanted by `at_ms`: flat before the first knot and after the last. */
export function paceAt(knots: Knots, at_ms: number): number {
  const first = knots[0];
  if (!first || at_ms <= first[0]) return first?.[1] ?? 0;
  for (let i = 1; i < knots.length; i++) {
    const [from, low] = knots[i - 1]!;
    const [to, high] = knots[i]!;
    if (at_ms < to) return low + ((high - low) * (at_ms - from)) / (to - from);
  }
  return knots[knots.length - 1]![1];
}
