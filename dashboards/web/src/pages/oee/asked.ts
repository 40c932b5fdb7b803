// What the loss analysis is asked: of whom, and for which shift-days. All that it shows follows from these two.
import type { Page_StopLine, StopLine } from '../../http/types';
import { get } from '../../http/client';

export const DAY_MS = 86_400_000;
const PAGE = 1000;

/** Shift-days first..last, one `shift` of each where it is given. */
export interface Stretch {
  first: string;
  last: string;
  shift?: string;
}

/** Whose, as the API takes it: "line=L01", "area=A1", "machine=L01-M1", or nothing for all the viewer sees. */
export const scopeOf = (whose: string): string => {
  const [kind = '', ...code] = whose.split(':');
  return whose ? `${kind}=${encodeURIComponent(code.join(':'))}` : '';
};

/** The part of a question that says whose and when. */
export const queryOf = (whose: string, stretch: Stretch): string =>
  [scopeOf(whose), `from=${stretch.first}`, `to=${stretch.last}`, stretch.shift ? `shift=${encodeURIComponent(stretch.shift)}` : ''].filter(Boolean).join('&');

/** Every stop of some scopes in a stretch, however many pages they fill. */
export async function stopsOf(scopes: readonly string[], stretch: Stretch): Promise<StopLine[]> {
  const from = new Date(Date.parse(stretch.first) - DAY_MS).toISOString();
  const to = new Date(Date.parse(stretch.last) + 2 * DAY_MS).toISOString();
  const found = await Promise.all(scopes.map((scope) => all(`/stops?scope=${encodeURIComponent(scope)}&from=${from}&to=${to}&limit=${PAGE}`)));
  // A stop belongs to the shift-day it began in, whatever the clock says.
  return found.flat().filter((stop) => stop.shift_day !== null && stop.shift_day >= stretch.first && stop.shift_day <= stretch.last && (!stretch.shift || stop.shift === stretch.shift));
}

async function all(path: string): Promise<StopLine[]> {
  const found: StopLine[] = [];
  let cursor: string | null | undefined;
  do {
    const page: Page_StopLine = await get<Page_StopLine>(cursor ? `${path}&cursor=${encodeURIComponent(cursor)}` : path);
    found.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return found;
}
