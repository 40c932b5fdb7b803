// A status is always icon, word and colour together; the colours live in tokens.css and here for canvases.
import type { Word } from '../words';

export type Look = 'running' | 'slow' | 'fault' | 'waiting' | 'setup' | 'idle' | 'planned' | 'offline';

/** How a status of the server looks; a status this page does not know is drawn as no data, never as running. */
const LOOKS: Record<string, Look> = {
  running: 'running',
  slow: 'slow',
  fault: 'fault',
  starved: 'waiting',
  blocked: 'waiting',
  setup: 'setup',
  idle: 'idle',
  stopped: 'idle',
  maintenance: 'planned',
  planned_stop: 'planned',
  offline: 'offline',
};

export const lookOf = (status: string): Look => LOOKS[status] ?? 'offline';

/** The whole tile takes the colour: somebody has to do something. */
export const isAlarm = (look: Look): boolean => look === 'fault' || look === 'waiting';

export const FILL: Record<Look, string> = {
  running: '#46767d',
  slow: '#f4e8bd',
  fault: '#ce323e',
  waiting: '#ea9b03',
  setup: '#5daeff',
  idle: '#14181d',
  planned: '#aaafb1',
  offline: '#1f252c',
};
export const HATCH = '#343d47';
export const TRACK = '#14181d';
export const OUTLINE = '#b9c2cc';

export const ICON: Record<Look, string> = {
  running: 'play',
  slow: 'half',
  fault: 'cross',
  waiting: 'diamond',
  setup: 'gear',
  idle: 'square',
  planned: 'bars',
  offline: 'unlink',
};

export const statusWord = (status: string): Word => `status.${status in LOOKS ? status : 'offline'}` as Word;
