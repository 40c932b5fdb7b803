import 'fake-indexeddb/auto';
import { describe, expect, it, vi } from 'vitest';
import { HttpProblem, newId, Unreached } from '../src/http/client';
import { BrowserStore } from '../src/offline/database';
import { Queue, type Said, type Send } from '../src/offline/queue';
import { meaning, Scanner } from '../src/offline/scan';
import { extraOf } from '../src/pages/station/speak';

const settled = (queue: Queue, left: number) => vi.waitFor(() => {
  expect(queue.waiting.value.length).toBe(left);
});

/** A server that hears each id once, and can be away. */
function server() {
  const heard: string[] = [];
  const state = { away: false, dropsReply: false };
  const send: Send = (said: Said) => {
    if (state.away) return Promise.reject(new Unreached('away'));
    if (!heard.includes(said.id)) heard.push(said.id);
    if (state.dropsReply) {
      state.dropsReply = false;
      return Promise.reject(new Unreached('cut'));
    }
    return Promise.resolve({ id: heard.indexOf(said.id) + 1 });
  };
  return { heard, state, send };
}

describe('what an operator says', () => {
  it('is sent in order, each once, also when a reply is cut', async () => {
    const plant = server();
    const queue = new Queue(new BrowserStore(newId()), plant.send);
    plant.state.dropsReply = true;
    const ids = [newId(), newId(), newId()];
    for (const id of ids) await queue.say(id, '/entries', { kind: 'count', quantity: '1' });
    await vi.waitFor(() => {
      expect(plant.heard).toEqual(ids);
    }, 5000);
    await settled(queue, 0);
  });

  it('survives a reload while the network is away', async () => {
    const plant = server();
    plant.state.away = true;
    const station = newId();
    const id = newId();
    await new Queue(new BrowserStore(station), plant.send).say(id, '/entries', { kind: 'count', quantity: '1' });
    plant.state.away = false;
    const after = new Queue(new BrowserStore(station), plant.send);
    await after.open();
    await settled(after, 0);
    expect(plant.heard).toEqual([id]);
    expect(await new BrowserStore(station).all()).toEqual([]);
  });

  it('is sent after what an earlier page left, though it was said before that was read', async () => {
    const plant = server();
    plant.state.away = true;
    const station = newId();
    const [earlier, later] = [newId(), newId()];
    await new Queue(new BrowserStore(station), plant.send).say(earlier, '/entries', { kind: 'count' });
    plant.state.away = false;
    const after = new Queue(new BrowserStore(station), plant.send);
    const opened = after.open();
    const said = after.say(later, '/entries', { kind: 'count' });
    await Promise.all([opened, said]);
    await settled(after, 0);
    expect(plant.heard).toEqual([earlier, later]);
    expect(await new BrowserStore(station).all()).toEqual([]);
  });

  it('is shown with the reason when the server will not have it, and holds up nothing else', async () => {
    const refused = new HttpProblem({ title: 'no', status: 422, detail: 'there is no reason R9' });
    const send = vi.fn<Send>().mockRejectedValueOnce(refused).mockResolvedValue({ id: 2 });
    const queue = new Queue(new BrowserStore(newId()), send);
    await queue.say(newId(), '/entries', { kind: 'reject', reason: 'R9' });
    await queue.say(newId(), '/entries', { kind: 'count' });
    await settled(queue, 0);
    expect(queue.refused.value.map((said) => said.refused)).toEqual(['there is no reason R9']);
  });

  it('can be taken back before it is sent', async () => {
    const plant = server();
    plant.state.away = true;
    const queue = new Queue(new BrowserStore(newId()), plant.send);
    const [first, second] = [newId(), newId()];
    await queue.say(first, '/entries', {});
    await queue.say(second, '/entries', {});
    expect(await queue.unsay(second)).toBe(true);
    plant.state.away = false;
    await vi.waitFor(() => {
      expect(plant.heard).toEqual([first]);
    }, 5000);
  });

  it('counts in the figures before the server has booked it', () => {
    const said = (kind: string, quantity: string): Said => ({ id: newId(), no: 1, path: '/entries', body: { kind, quantity } });
    expect(extraOf([said('count', '1'), said('count', '12'), said('reject', '1'), said('note', '5')])).toEqual({ good: 13, reject: 1 });
  });
});

describe('a barcode reader', () => {
  const type = (scanner: Scanner, text: string, gap_ms: number): string[] => {
    let at = 1000;
    const found: string[] = [];
    for (const key of [...text, 'Enter']) {
      const code = scanner.key(key, (at += gap_ms));
      if (code) found.push(code);
    }
    return found;
  };

  it('is told from a person by its speed', () => {
    expect(type(new Scanner(), 'SN-0042', 8)).toEqual(['SN-0042']);
    expect(type(new Scanner(), 'SN-0042', 180)).toEqual([]);
  });

  it('is heard again after a person typed something', () => {
    const scanner = new Scanner();
    type(scanner, 'hello', 200);
    expect(type(scanner, 'SN-0043', 8)).toEqual(['SN-0043']);
  });

  it('names a part of the job, a part that is wrong here, a job card, a badge, or the piece', () => {
    const known = { parts: ['C-WIRE'], components: ['C-WIRE', 'C-COMP'], badgePrefix: 'GP' };
    expect(meaning('C-WIRE|LOT7', known)).toEqual({ kind: 'part', item: 'C-WIRE' });
    expect(meaning('C-COMP', known)).toEqual({ kind: 'wrong', item: 'C-COMP' });
    expect(meaning('TAKT/JOB/41', known)).toEqual({ kind: 'job', job: '41' });
    expect(meaning('TAKT/BADGE/工牌 7', known)).toEqual({ kind: 'badge', badge: '工牌 7' });
    expect(meaning('GP00231', known)).toEqual({ kind: 'badge', badge: 'GP00231' });
    expect(meaning('GP00231', { ...known, badgePrefix: '' })).toEqual({ kind: 'piece', serial: 'GP00231' });
    expect(meaning('SN-1', known)).toEqual({ kind: 'piece', serial: 'SN-1' });
  });

  it('gives ids that are version 4 UUIDs', () => {
    expect(newId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
