// Words of the loss analysis alone, learnt when its page is loaded.
import { learn } from '.';
import en from './oee.en.json';
import zh from './oee.zh.json';

const both: Record<'en' | 'zh', Record<keyof typeof en, string>> = { en, zh };
learn(both);
