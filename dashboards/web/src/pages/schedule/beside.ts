// Two plans as board images beside one another: read whole, with what the second moves against the first.
import { get } from '../../http/client';
import type { LotMove, PlanDiff, PlanDocument } from '../../http/types';
import type { BoardImage, BoardOrderImage, MoveImage, PlanImage } from '../../live/types';

const ms = (at: string | null): number | undefined => (at === null ? undefined : Date.parse(at));

/** A stored plan as the board draws it: lots, ends and lateness; reasons stay with the order's own panel. */
export function imageOf({ head, body }: PlanDocument): PlanImage {
  return {
    id: String(head.id),
    state: head.state,
    now: Date.parse(body.now_at),
    horizon_end: Date.parse(body.horizon_end_at),
    setup_minutes: body.lots.reduce((sum, lot) => sum + lot.setup_minutes, 0),
    late_orders: body.orders.filter((one) => one.late_minutes > 0 || (one.unplanned_quantity ?? 0) > 0).length,
    late_minutes: body.orders.reduce((sum, one) => sum + one.late_minutes, 0),
    lots: Object.fromEntries(
      body.lots.map((lot) => [
        String(lot.lot_no),
        { order: lot.order, operation_seq: lot.operation_seq, line: lot.line, quantity: lot.quantity, start: Date.parse(lot.start_at), end: Date.parse(lot.end_at), setup_minutes: lot.setup_minutes, pinned: lot.pinned ?? false },
      ]),
    ),
    orders: Object.fromEntries(
      body.orders.map((one) => {
        const end = ms(one.completed_at);
        return [one.order, { late_minutes: one.late_minutes, unplanned: one.unplanned_quantity ?? 0, causes: [], fixes: [], ...(end === undefined ? {} : { end }) }];
      }),
    ),
    lacks: [],
    unplanned: {},
    created_at: Date.parse(head.created_at),
  };
}

function moveOf(move: LotMove): MoveImage {
  const from = ms(move.from_start_at);
  const to = ms(move.to_start_at);
  return {
    order: move.order,
    operation_seq: move.operation_seq,
    quantity: move.quantity,
    ...(move.from_line === null || from === undefined ? {} : { from_line: move.from_line, from_start: from }),
    ...(move.to_line === null || to === undefined ? {} : { to_line: move.to_line, to_start: to }),
  };
}

export interface Side {
  board: BoardImage;
  plan: PlanImage;
}

const plans = new Map<string, Promise<PlanDocument>>();
/** A stored plan never changes, so it is read once. */
function read(plan: string): Promise<PlanDocument> {
  const known = plans.get(plan) ?? get<PlanDocument>(`/plans/${plan}`);
  plans.set(plan, known);
  known.catch(() => plans.delete(plan));
  return known;
}

/** The orders of the board, and those of a plan that nobody has placed yet. */
function orders(board: BoardImage, { body }: PlanDocument): Record<string, BoardOrderImage> {
  const unplaced = (body.tentative ?? []).map((one): [string, BoardOrderImage] => {
    const alike = Object.values(board.orders).find((order) => order.item === one.item);
    const due = one.due_at ? Date.parse(one.due_at) : Date.parse(body.now_at);
    return [one.order, { number: '+', system: '', item: one.item, name: alike?.name ?? { zh: one.item, en: one.item }, family: alike?.family ?? '', quantity: Number(one.quantity), unit: alike?.unit ?? '', due, priority: 5, status: 'released', done: 0 }];
  });
  return { ...board.orders, ...Object.fromEntries(unplaced) };
}

/** Both plans, the second with its moves against the first marked: where a lot went, and where it stood. */
export async function beside(board: BoardImage, left: string, right: string): Promise<[Side, Side]> {
  const [first, second, diff] = await Promise.all([read(left), read(right), get<PlanDiff>(`/plans/${left}/diff/${right}`)]);
  const [before, after] = [imageOf(first), imageOf(second)];
  const { late_minutes, setup_minutes } = after;
  const moves = diff.moves.map(moveOf);
  const change = { moved: moves.length, compared: diff.compared, late_orders: [before.late_orders, after.late_orders] as [number, number], late_minutes: [before.late_minutes, late_minutes] as [number, number], setup_minutes: [before.setup_minutes, setup_minutes] as [number, number], changes: [], moves };
  return [
    { plan: before, board: { ...board, orders: orders(board, first) } },
    { plan: after, board: { ...board, orders: orders(board, second), published: before, proposal: after, diff: change } },
  ];
}
