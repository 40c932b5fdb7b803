// Words of the devices' page alone, learnt when it is loaded.
import { learn } from '.';
import en from './devices.en.json';
import zh from './devices.zh.json';

const both: Record<'en' | 'zh', Record<keyof typeof en, string>> = { en, zh };
learn(both);
