// Who is looking: asked once when the page opens. Whoever is nobody is sent to sign in.
import { shallowRef } from 'vue';
import { get } from './client';
import type { SessionDocument } from './types';

export type Session = SessionDocument;

export const session = shallowRef<Session>();

/** A page opens without the answer after so long. */
const SESSION_MS_MAX = 5000;

/** Undefined while the server is not reached: a terminal then works with what it kept. */
export async function loadSession(): Promise<Session | undefined> {
  try {
    session.value = await get<Session>('/session', SESSION_MS_MAX);
  } catch {
    session.value = undefined;
  }
  return session.value;
}

export const may = (permission: string): boolean => session.value?.permissions.includes(permission) ?? true;
