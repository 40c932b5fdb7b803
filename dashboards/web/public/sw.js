// Keeps the shell of the screens, so that a terminal that restarts without a network still opens. Data is never kept here.
const SHELL = 'takt-shell';

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

const keep = async (request, response) => {
  if (response.ok) (await caches.open(SHELL)).put(request, response.clone());
  return response;
};

/** Files named by their content: the kept one is right for ever. */
const kept = async (request) => (await caches.match(request)) ?? keep(request, await fetch(request));

/** The document: the server's where it answers in time, else the kept one. */
const fresh = async (request) => {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 4000));
  try {
    return await keep(new Request('/'), await Promise.race([fetch(request), late]));
  } catch (error) {
    const shell = await caches.match('/');
    if (shell) return shell;
    throw error;
  }
};

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== self.location.origin) return;
  if (pathname.startsWith('/assets/') || pathname === '/icon.svg') event.respondWith(kept(request));
  else if (request.mode === 'navigate' && pathname.startsWith('/station/')) event.respondWith(fresh(request));
});
