// Which page an address shows. Pages are loaded when opened; links inside Takt change the page without loading it anew.
import { shallowRef, type Component } from 'vue';
import { loadSession, session } from './http/session';

export type Look = 'dark' | 'light';

export interface Page {
  look: Look;
  /** A page that hangs on a wall or stands at a line: no menu around it. */
  bare: boolean;
  /** Nobody needs to be signed in for it. */
  open?: boolean;
  /** Made to hang on a wall: may stand in a television's playlist. */
  kiosk?: boolean;
  load: () => Promise<{ default: Component }>;
  pattern: RegExp;
}

const pages: Page[] = [
  { pattern: /^\/$/, look: 'light', bare: false, load: () => import('./pages/Home.vue') },
  { pattern: /^\/wall$/, look: 'dark', bare: true, kiosk: true, load: () => import('./pages/Wall.vue') },
  { pattern: /^\/lines\/(?<code>[^/]+)$/, look: 'dark', bare: true, kiosk: true, load: () => import('./pages/line/Line.vue') },
  { pattern: /^\/schedule$/, look: 'light', bare: false, load: () => import('./pages/schedule/Schedule.vue') },
  { pattern: /^\/shortages$/, look: 'light', bare: false, load: () => import('./pages/Shortages.vue') },
  { pattern: /^\/orders$/, look: 'light', bare: false, load: () => import('./pages/Orders.vue') },
  { pattern: /^\/oee$/, look: 'light', bare: false, load: () => import('./pages/oee/Oee.vue') },
  { pattern: /^\/devices$/, look: 'light', bare: false, load: () => import('./pages/devices/Devices.vue') },
  { pattern: /^\/shift$/, look: 'light', bare: false, load: () => import('./pages/shift/Shift.vue') },
  { pattern: /^\/material$/, look: 'light', bare: false, load: () => import('./pages/Material.vue') },
  { pattern: /^\/andon$/, look: 'light', bare: false, load: () => import('./pages/Andon.vue') },
  { pattern: /^\/kiosk$/, look: 'dark', bare: true, load: () => import('./pages/kiosk/Kiosk.vue') },
  { pattern: /^\/station\/(?<code>[^/]+)$/, look: 'dark', bare: true, load: () => import('./pages/station/Station.vue') },
  { pattern: /^\/station$/, look: 'light', bare: false, load: () => import('./pages/Stations.vue') },
  { pattern: /^\/(login|first|enrol)$/, look: 'light', bare: true, open: true, load: () => import('./pages/Login.vue') },
];
const nowhere: Page = { pattern: /./, look: 'light', bare: false, load: () => import('./pages/Nowhere.vue') };

export interface Opened {
  page: Page;
  component: Component;
  params: Record<string, string>;
  path: string;
}
export const opened = shallowRef<Opened>();

export function pageFor(path: string): { page: Page; params: Record<string, string> } {
  for (const page of pages) {
    const found = page.pattern.exec(path);
    if (found) {
      const raw = Object.entries(found.groups ?? {});
      return { page, params: Object.fromEntries(raw.map(([key, value]) => [key, decodeURIComponent(value)])) };
    }
  }
  return { page: nowhere, params: {} };
}

async function open(): Promise<void> {
  const { page, params } = pageFor(location.pathname);
  const who = session.value ?? (await loadSession());
  if (who?.by === '' && page.open !== true) {
    go(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    return;
  }
  const { default: component } = await page.load();
  document.documentElement.dataset['look'] = page.look;
  opened.value = { page, component, params, path: location.pathname };
}

export function go(address: string): void {
  history.pushState(null, '', address);
  void open();
}

function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const anchor = (event.target as Element).closest('a');
  if (!anchor || anchor.target || anchor.origin !== location.origin || anchor.hasAttribute('download')) return;
  if (pageFor(anchor.pathname).page === nowhere) return;
  event.preventDefault();
  go(anchor.href);
}

export async function startRouter(): Promise<void> {
  addEventListener('popstate', () => void open());
  document.addEventListener('click', follow);
  await open();
}
