// Words of the demo's guide, kept with it: a wall or a terminal of a real plant never loads them.
import { lang, type Lang } from '../../words';

interface Words {
  /** What the step is about, in one sentence. */
  say: string;
  /** On its button; empty where it has none. */
  act: string;
  /** What Takt shows once it has seen it. */
  seen: string;
}

const en = {
  title: 'Guided tour',
  open: 'Open the guided tour',
  fold: 'Fold the guided tour',
  look: 'See it',
  before: 'Previous step',
  next: 'Next step',
  asked: 'Done to the plant. Waiting until Takt shows it…',
  unreached: 'Takt does not answer just now. Try again in a moment.',
  takt: 'Takt shows:',
  manager: 'Plant manager',
  planner: 'Planner',
  it: 'IT',
};

const zh: typeof en = {
  title: '演示导览',
  open: '展开演示导览',
  fold: '收起演示导览',
  look: '去看看',
  before: '上一步',
  next: '下一步',
  asked: '现场已经发生，等 Takt 看到……',
  unreached: 'Takt 暂时没有应答，请稍后再试。',
  takt: 'Takt 看到：',
  manager: '厂长',
  planner: '计划员',
  it: 'IT',
};

const stepsEn: Record<string, Words> = {
  fault: {
    say: 'Let the welder of L02 break down: the wall names the machine, since when it stands and what the line lost. A tap on the tile opens the line.',
    act: 'Break it',
    seen: '{machine} in fault since {since_at}',
  },
  mend: {
    say: 'Mend it again: the line’s page keeps the stop with its reason, its minutes and what it cost.',
    act: 'Mend it',
    seen: '{machine} stood {minutes} min, until {to_at}',
  },
  slow: {
    say: 'Slow down the last machine of L04: it never stops, yet within some ten plant minutes the wall calls the line slow.',
    act: 'Slow it down',
    seen: '{machine} runs at {percent} % of its pace',
  },
  hands: {
    say: 'L05 has no sensors at all: people scan and enter by hand, and their line stands beside the others in the same figures.',
    act: '',
    seen: '{pieces} good pieces counted by hand',
  },
  call_off: {
    say: 'At 08:20 the line calls compressors off by itself: it would run out within its shift, and the warehouse has 40.',
    act: '',
    seen: '{quantity} of {item} called off at {called_at}',
  },
  shortage: {
    say: 'The supplier puts 200 compressors off until Thursday (by itself at 08:45): now the whole plant is short of 180.',
    act: 'Let the supplier call',
    seen: '{quantity} of {item} short since {opened_at}; the line stops at {stop_at}',
  },
  publish: {
    say: 'Takt proposes the plan that disturbs least. Look at what it changes and why, then publish it to the floor and the ERP.',
    act: '',
    seen: 'plan {version} published at {published_at}',
  },
  deliver: {
    say: 'The lorry comes after all: the ERP states the goods at the dock, and the alarm clears by itself.',
    act: 'Let the lorry come',
    seen: 'the shortage of {item} closed at {closed_at}',
  },
  deliver_kept: {
    say: '',
    act: '',
    seen: 'the shortage of {item} closed at {closed_at}; plan {version} still stands',
  },
  collector: {
    say: 'Kill the collector (kill -9): it comes back by itself and takes up every device where it was.',
    act: 'Kill the collector',
    seen: '{back} of {sources} sources heard again by a new collector',
  },
  broker: {
    say: 'Kill the MQTT broker as well: the devices behind it are lost for seconds, and come back.',
    act: 'Kill the broker',
    seen: '{back} of {sources} sources behind the broker heard again',
  },
  totals: {
    say: 'And nothing was lost: each machine’s good and rejected pieces in Takt, beside what the machine itself says it made.',
    act: '',
    seen: '{equal} of {stations} stations equal, {pieces} pieces until {until_at}',
  },
  erp: {
    say: 'All that others must know is told in the order it happened: the ERP reads the feed and never misses a number.',
    act: '',
    seen: 'the ERP has read {read} of {told} messages',
  },
};

const stepsZh: Record<string, Words> = {
  fault: {
    say: '让 L02 的焊接机出故障：车间看板指出是哪台设备、停了多久、少产多少。点一下方块就进入这条线。',
    act: '制造故障',
    seen: '{machine} 自 {since_at} 起故障',
  },
  mend: {
    say: '再把它修好：产线页面留下这次停机的原因、分钟数和损失。',
    act: '修好它',
    seen: '{machine} 停了 {minutes} 分钟，到 {to_at} 为止',
  },
  slow: {
    say: '让 L04 最后一台设备变慢：它一直没停，但大约十个工厂分钟内，看板就判它降速。',
    act: '让它变慢',
    seen: '{machine} 只有额定节拍的 {percent} %',
  },
  hands: {
    say: 'L05 没有任何传感器：由人扫码和录入，和其他产线并排，用同样的指标。',
    act: '',
    seen: '手工已计良品 {pieces} 件',
  },
  call_off: {
    say: '08:20 产线自己叫料：照这样班内会断料，而仓库还有 40 台压缩机。',
    act: '',
    seen: '{called_at} 叫料 {quantity} 台 {item}',
  },
  shortage: {
    say: '供应商把 200 台压缩机推迟到周四（08:45 会自动发生）：现在全厂缺 180 台。',
    act: '让供应商来电',
    seen: '{item} 自 {opened_at} 起缺 {quantity} 台，产线将在 {stop_at} 停',
  },
  publish: {
    say: 'Takt 提出改动最小的方案。看清改了什么、为什么，再下发到车间和 ERP。',
    act: '',
    seen: '{published_at} 下发了第 {version} 版计划',
  },
  deliver: {
    say: '货车还是来了：ERP 在收货区报上这批货，警报自动解除。',
    act: '让货车到厂',
    seen: '{item} 的缺料在 {closed_at} 关闭',
  },
  deliver_kept: {
    say: '',
    act: '',
    seen: '{item} 的缺料在 {closed_at} 关闭，第 {version} 版计划不变',
  },
  collector: {
    say: '强行结束采集进程（kill -9）：它自己回来，每台设备从断开处接上。',
    act: '结束采集进程',
    seen: '新的采集进程已重新接上 {back}/{sources} 个数据源',
  },
  broker: {
    say: '再强行结束 MQTT 消息服务：它后面的设备断开几秒，又自己回来。',
    act: '结束消息服务',
    seen: '消息服务后面的数据源已重新接上 {back}/{sources} 个',
  },
  totals: {
    say: '而且一件不少：Takt 记下的每台设备的良品和不良，与设备自己说的逐一对照。',
    act: '',
    seen: '{stations} 个工位中 {equal} 个相等，到 {until_at} 共 {pieces} 件',
  },
  erp: {
    say: '别人该知道的，按发生的顺序说：ERP 读事件流，一个编号都不漏。',
    act: '',
    seen: '{told} 条消息，ERP 已读 {read} 条',
  },
};

const GUIDE: Record<Lang, typeof en> = { en, zh };
const STEPS: Record<Lang, Record<string, Words>> = { en: stepsEn, zh: stepsZh };
const NOTHING: Words = { say: '', act: '', seen: '' };

export const g = (key: keyof typeof en): string => GUIDE[lang.value][key];

export const tourName = (tour: string): string => (tour in en ? g(tour as keyof typeof en) : tour);

export const wordsOf = (step: string): Words => STEPS[lang.value][step] ?? NOTHING;

/** A sentence with its `{holes}` filled. */
export const filled = (sentence: string, facts: Record<string, string>): string =>
  sentence.replace(/\{(\w+)\}/g, (_, hole: string) => facts[hole] ?? '…');
