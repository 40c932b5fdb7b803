// The last hours of a line as one band: painted on a canvas, batched by look, repainted once a second.
import { FILL, HATCH, OUTLINE, TRACK, lookOf, type Look } from './status';

export interface Piece {
  look: Look | undefined;
  from: number;
  to: number;
}

/** Pieces of the window [from_ms, to_ms] of a strip (epoch second -> status from then on, "" where nothing is known). */
export function pieces(strip: Record<string, string>, from_ms: number, to_ms: number): Piece[] {
  const found: Piece[] = [];
  // Keys are whole numbers below 2^32, so JavaScript keeps them in ascending order whatever order they came in.
  const starts = Object.keys(strip);
  starts.forEach((key, i) => {
    const next = starts[i + 1];
    const from = Math.max(from_ms, Number(key) * 1000);
    const to = Math.min(to_ms, next === undefined ? to_ms : Number(next) * 1000);
    const status = strip[key];
    if (to > from) found.push({ look: status ? lookOf(status) : undefined, from, to });
  });
  return found;
}

let hatch: HTMLCanvasElement | undefined;

function hatched(g: CanvasRenderingContext2D): CanvasPattern | string {
  if (!hatch) {
    hatch = document.createElement('canvas');
    hatch.width = hatch.height = 8;
    const h = hatch.getContext('2d')!;
    h.fillStyle = FILL.offline;
    h.fillRect(0, 0, 8, 8);
    h.strokeStyle = HATCH;
    h.lineWidth = 3;
    for (const x of [-8, 0, 8]) {
      h.beginPath();
      h.moveTo(x - 2, 10);
      h.lineTo(x + 10, -2);
      h.stroke();
    }
  }
  return g.createPattern(hatch, 'repeat') ?? FILL.offline;
}

type Box = readonly [x: number, width: number];

function fillBoxes(g: CanvasRenderingContext2D, look: Look, boxes: readonly Box[], height: number): void {
  const third = height / 3;
  g.fillStyle = look === 'offline' ? hatched(g) : look === 'idle' ? OUTLINE : FILL[look];
  for (const [x, width] of boxes) {
    if (look === 'planned') g.fillRect(x, third, width, third);
    else if (look === 'idle') g.fillRect(x, height / 2 - 1, width, 2);
    else g.fillRect(x, 0, width, height);
  }
}

/** Paint a strip over the whole canvas. */
export function paintStrip(
  canvas: HTMLCanvasElement,
  strip: Record<string, string>,
  from_ms: number,
  to_ms: number,
): void {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const g = canvas.getContext('2d', { alpha: false })!;
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.fillStyle = TRACK;
  g.fillRect(0, 0, width, height);
  const scale = width / (to_ms - from_ms);
  const boxes = new Map<Look, Box[]>();
  for (const piece of pieces(strip, from_ms, to_ms)) {
    if (!piece.look) continue;
    const x = (piece.from - from_ms) * scale;
    const box: Box = [x, Math.max(1, (piece.to - piece.from) * scale)];
    const list = boxes.get(piece.look);
    if (list) list.push(box);
    else boxes.set(piece.look, [box]);
  }
  for (const [look, list] of boxes) fillBoxes(g, look, list, height);
}
