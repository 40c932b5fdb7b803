// Words only desks show, learnt when a page that says them is loaded: `import '../words/desk'`.
import { learn } from '.';
import en from './desk.en.json';
import zh from './desk.zh.json';

// Both languages say the same things: what one of them lacks does not pass the type check.
const both: Record<'en' | 'zh', Record<keyof typeof en, string>> = { en, zh };
learn(both);
