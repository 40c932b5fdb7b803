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

/** When `planned` pieces will be made if the plan's time goes on to be used as well as it was until now. */
export function doneAt(knots: Knots, good: number, planned: number, now_ms: number): number | undefined {
  const wanted = paceAt(knots, now_ms);
  const last = knots[knots.length - 1];
  if (!last || good <= 0 || wanted <= 0 || good >= planned) return undefined;
  const target = (planned * wanted) / good;
  let worked = 0;
  for (let i = 1; i < knots.length; i++) {
    const [from, low] = knots[i - 1]!;
    const [to, high] = knots[i]!;
    if (high > low) worked += to - from;
    if (target <= high && high > low) return from + ((target - low) * (to - from)) / (high - low);
  }
  const rate = (last[1] - knots[0]![1]) / worked;
  return last[0] + (target - last[1]) / rate;
}
