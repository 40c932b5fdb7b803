// Every word on a screen, in Chinese and English. Shared words live in mes/words, words of pages beside this file; those that
// only desks show come with `desk`, so that no wall and no terminal loads them.
import { ref } from 'vue';
import sharedEn from '../../../../mes/words/en.json';
import sharedZh from '../../../../mes/words/zh.json';
import type deskEn from './desk.en.json';
import type devicesEn from './devices.en.json';
import type oeeEn from './oee.en.json';
import pagesEn from './en.json';
import pagesZh from './zh.json';
import type { Name } from '../live/types';

export type Lang = 'zh' | 'en';
const en = { ...sharedEn, ...pagesEn };
export type Word = keyof typeof en | keyof typeof deskEn | keyof typeof devicesEn | keyof typeof oeeEn;
const WORDS: Record<Lang, Partial<Record<Word, string>>> = { en: { ...en }, zh: { ...sharedZh, ...pagesZh } };

/** Take words in that come with a page. */
export function learn(words: Record<Lang, Partial<Record<Word, string>>>): void {
  Object.assign(WORDS.en, words.en);
  Object.assign(WORDS.zh, words.zh);
}

const KEPT = 'takt.lang';

/** The language asked for in the address, else chosen here before, else the browser's. */
export function firstLang(search: string, kept: string | null, browser: readonly string[]): Lang {
  const asked = new URLSearchParams(search).get('lang') ?? kept;
  if (asked === 'zh' || asked === 'en') return asked;
  return browser.some((one) => one.toLowerCase().startsWith('zh')) ? 'zh' : 'en';
}

export const lang = ref<Lang>('zh');

export function setLang(chosen: Lang): void {
  lang.value = chosen;
  document.documentElement.lang = chosen === 'zh' ? 'zh-CN' : 'en';
}

export function keepLang(chosen: Lang): void {
  localStorage.setItem(KEPT, chosen);
  setLang(chosen);
}

export const keptLang = (): string | null => localStorage.getItem(KEPT);

/** The word for `key`, its `{holes}` filled. */
export function t(key: Word, holes: Record<string, string | number> = {}): string {
  return (WORDS[lang.value][key] ?? key).replace(/\{(\w+)\}/g, (_, hole: string) => String(holes[hole] ?? `{${hole}}`));
}

/** A word whose key is made of data, or `otherwise` where there is no such word. */
export function tOr(key: string, otherwise: string): string {
  return key in WORDS[lang.value] ? t(key as Word) : otherwise;
}

/** A name of the plant in the page's language. */
export const named = (name: Name): string => name[lang.value];
