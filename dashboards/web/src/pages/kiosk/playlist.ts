// What a television shows in turn, from its address: only pages made for a wall, the wall where none is named.

export interface Playlist {
  pages: string[];
  each_s: number;
}
const EACH_S = 30;
const EACH_S_MIN = 5;

export function playlistOf(search: string, fits: (path: string) => boolean): Playlist {
  const asked = new URLSearchParams(search);
  const pages = (asked.get('pages') ?? '').split(',').map((one) => one.trim()).filter((one) => one.startsWith('/') && fits(one));
  const each = Number(asked.get('each'));
  return { pages: pages.length > 0 ? pages : ['/wall'], each_s: Math.max(EACH_S_MIN, Number.isFinite(each) && each > 0 ? each : EACH_S) };
}
