// How many tiles beside each other, and how large: a wall fills its screen without scrolling.

export interface Grid {
  columns: number;
  rows: number;
  /** CSS pixels of a tile's unit: a tile is designed 64 units wide and 46 high. */
  unit: number;
}
const WIDE = 64;
const HIGH = 46;

/** The grid whose tiles come out largest on an area of `width` by `height` CSS pixels. */
export function gridFor(tiles: number, width: number, height: number, gap: number): Grid {
  let best: Grid = { columns: 1, rows: Math.max(1, tiles), unit: 0 };
  for (let columns = 1; columns <= Math.max(1, tiles); columns++) {
    const rows = Math.ceil(Math.max(1, tiles) / columns);
    const wide = (width - gap * (columns - 1)) / columns / WIDE;
    const high = (height - gap * (rows - 1)) / rows / HIGH;
    const unit = Math.min(wide, high);
    if (unit > best.unit) best = { columns, rows, unit };
  }
  return best;
}

/** Screens of at most `size` lines, area by area; lines in alarm stand first on every screen. */
export function screensOf<T>(lines: readonly T[], size: number, area: (line: T) => string, alarm: (line: T) => boolean): T[][] {
  if (lines.length <= size) return [[...lines]];
  const pinned = lines.filter(alarm).slice(0, size - 1);
  const rest = lines.filter((line) => !pinned.includes(line));
  const room = size - pinned.length;
  const screens: T[][] = [];
  for (const name of new Set(rest.map(area))) {
    const own = rest.filter((line) => area(line) === name);
    for (let i = 0; i < own.length; i += room) screens.push([...pinned, ...own.slice(i, i + room)]);
  }
  return screens.length > 0 ? screens : [pinned];
}
