// A report in sentences, for the terminal and the page alike: verdict, warnings, four questions, the three articles of the
// Online Litigation Rules, who could forge it, what it does not prove, the checks, and the foot.
// Only words: layout is the caller's. Names and texts from records are passed through raw; the caller makes them safe to show.

import { type FactMember, type Facts, STATED_17, STATED_18, type StatedId } from './facts.ts';
import { CHECKS, CODES, type Lang, OUTCOMES, STATUSES, type Text } from './messages.ts';
import type { CheckStatus, Report, Warning } from './report.ts';
import type { MemberKind } from './trust.ts';

export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
}

export interface ExplainedCheck {
  readonly status: CheckStatus;
  readonly statusText: string;
  readonly text: string;
  /** Empty when it passed; with the code in it otherwise. */
  readonly why: string;
}

/** A report in one language, in the order in which it is read. */
export interface Explanation {
  readonly verdict: string;
  readonly warnings: readonly string[];
  /** Same file? Not later than when? Who vouches? What is open? Or, when the certificate itself did not pass, that none can be answered. */
  readonly boxes: readonly Section[];
  /** Art. 16, 17, 18. */
  readonly articles: readonly Section[];
  readonly limits: Section;
  readonly checks: readonly ExplainedCheck[];
  readonly foot: readonly string[];
}

/** Puts a report into words. */
export function explain(report: Report, lang: Lang): Explanation {
  const { facts } = report;
  return {
    verdict: verdict(report, lang),
    warnings: report.warnings.map((warning) => warningText(warning, lang)),
    boxes: facts
      ? [sameFile(report, facts, lang), when(facts, lang), who(facts, lang), open(facts, lang)]
      : [nothing(lang)],
    articles: facts ? [article16(report, facts, lang), article17(facts, lang), article18(facts, lang)] : [],
    limits: limits(facts, lang),
    checks: report.checks.map(({ id, status, code }) => ({
      status,
      statusText: STATUSES[status][lang],
      text: CHECKS[id][lang],
      why: code === undefined ? '' : `${CODES[code][lang]} (${code})`,
    })),
    foot: foot(report, lang),
  };
}

// ---- verdict and warnings --------------------------------------------------------------------------------------------

function verdict(report: Report, lang: Lang): string {
  const { outcome, facts } = report;
  const head = pick(lang, `技术核验：${OUTCOMES[outcome].zh}。`, `Verification: ${OUTCOMES[outcome].en}. `);
  return `${head}${reason(report, facts, lang)}`;
}

function reason({ outcome, reason }: Report, facts: Facts | undefined, lang: Lang): string {
  if (outcome === 'consistent' && facts !== undefined) {
    const count = facts.given.length;
    const time = moment(facts.notLaterThan.time, lang);
    if (count === 0) {
      return pick(
        lang,
        `证书本身一致（未比对文件）；其存证不晚于 ${time}已上链。`,
        `The certificate is consistent (no file was compared); the deposit was on the ledger not later than ${time}.`,
      );
    }
    return pick(
      lang,
      `所提交的 ${count} 个文件与存证记录相符，不晚于 ${time}已上链，自上链时间起未经篡改。`,
      `The ${plural(count, 'file')} at hand ${count === 1 ? 'matches' : 'match'} the record, on the ledger not later than ${time}, unaltered since then.`,
    );
  }
  if (reason === undefined) throw new Error('invariant: a verdict other than consistent has a reason');
  if (reason.code === 'no-file') {
    return pick(
      lang,
      '证书本身一致，但未提交文件，没有比对任何文件。',
      'The certificate is consistent; no file was compared.',
    );
  }
  return pick(lang, `${CODES[reason.code].zh}。`, `${capital(CODES[reason.code].en)}.`);
}

function warningText({ code, detail }: Warning, lang: Lang): string {
  switch (code) {
    case 'files-not-compared':
      return pick(
        lang,
        `本次存证共 ${detail['files']} 个文件，只比对了其中 ${detail['compared']} 个。`,
        `Only ${detail['compared']} of the ${detail['files']} files of this deposit were compared.`,
      );
    case 'names-differ':
      return pick(
        lang,
        `证书上印的机构名称与您的信任文件不同：${list(detail['names'])}。以下以信任文件为准。`,
        `The certificate prints names of bodies that differ from your trust bundle: ${list(detail['names'])}. Names below are from the trust bundle.`,
      );
    case 'policy-differs':
      return pick(
        lang,
        '签发时平台所用的联署规则与您的信任文件不同；以您的信任文件为准作出判断。',
        'The platform used another policy at issue than your trust bundle; judged by your trust bundle.',
      );
    case 'clocks-disagree':
      return pick(
        lang,
        `平台、法院与时间戳机构的时间先后不合（相差超过 5 分钟）：接收 ${detail['received']}，联署 ${detail['notLaterThan']}，签发 ${detail['signedAt']}，时间戳 ${detail['timestamp']}。`,
        `The times of platform, courts and timestamp authority are out of order (by more than 5 minutes): received ${detail['received']}, cosigned ${detail['notLaterThan']}, issued ${detail['signedAt']}, timestamp ${detail['timestamp']}.`,
      );
  }
}

// ---- the four questions ----------------------------------------------------------------------------------------------

function nothing(lang: Lang): Section {
  return {
    title: pick(lang, '文件、时间与作证者', 'File, time, and who vouches'),
    lines: [
      pick(
        lang,
        '证书本身未通过核验，因此对文件、时间、作证机构不作任何说明。',
        'The certificate itself did not pass, so nothing is said about file, time or who vouches.',
      ),
    ],
  };
}

type Comparison = 'same' | 'different' | 'none';

function comparisonOf({ checks }: Report): Comparison {
  const status = checks.find(({ id }) => id === 'evidence')?.status;
  return status === 'passed' ? 'same' : status === 'failed' ? 'different' : 'none';
}

const SAME_FILE: Readonly<Record<Comparison, Text>> = {
  same: { zh: '是：所提交的文件与存证记录逐一相符。', en: 'Yes: every file at hand is in the record.' },
  different: { zh: '否：所提交的文件与存证记录不符。', en: 'No: what is at hand does not match the record.' },
  none: { zh: '未比对：没有提交文件。', en: 'Not compared: no file was given.' },
};

function sameFile(report: Report, { files, given, deposit }: Facts, lang: Lang): Section {
  const recorded = files.flatMap(({ number, name, size, sha256, sm3, compared }) => [
    `${pick(lang, '记录', 'record')} ${number}/${deposit.files} ${name} · ${size} ${pick(lang, '字节', 'bytes')} · ${
      compared ? pick(lang, '已比对，相同', 'compared, same') : pick(lang, '未比对', 'not compared')
    }`,
    `    SHA-256 ${sha256}`,
    ...(sm3 === undefined ? [] : [`    SM3     ${sm3}`]),
  ]);
  const atHand = given.flatMap(({ name, sha256, files: numbers }) => [
    `${pick(lang, '提交', 'at hand')} ${name} · ${
      numbers.length > 0
        ? pick(lang, `同记录 ${numbers.join('、')}`, `same as record ${numbers.join(', ')}`)
        : pick(lang, '不在记录中', 'not in the record')
    }`,
    `    SHA-256 ${sha256}`,
  ]);
  return {
    title: pick(lang, '一、是同一个文件吗？', '1. Is it the same file?'),
    lines: [SAME_FILE[comparisonOf(report)][lang], ...recorded, ...atHand],
  };
}

function when({ notLaterThan, deposit, timestamp }: Facts, lang: Lang): Section {
  const { members, liars } = notLaterThan.courts;
  return {
    title: pick(lang, '二、不晚于何时？', '2. Not later than when?'),
    lines: [
      pick(lang, `不晚于 ${moment(notLaterThan.time, lang)}。`, `Not later than ${moment(notLaterThan.time, lang)}.`),
      pick(
        lang,
        `依据：法院联署时间中第 ${liars + 1} 早者；${members} 家法院中即使有 ${liars} 家作假，该结论仍成立。`,
        `Basis: cosignature time number ${liars + 1} among the courts; it holds even if ${liars} of the ${members} courts lie.`,
      ),
      pick(lang, '以下两个时间出自另外两方，仅供参照：', 'Two more times, by two other parties, for reference:'),
      `${pick(lang, '平台自称的接收时间', 'received, by the platform’s clock')}: ${moment(deposit.received, lang)}`,
      `${pick(lang, '时间戳机构的签发时间', 'certificate stamped, by the timestamp authority')}: ${moment(timestamp.time, lang)} · ${timestamp.authority}`,
    ],
  };
}

function who({ members, needed, ledger }: Facts, lang: Lang): Section {
  const short = (kind: MemberKind): string => {
    const cosigned = members.filter((each) => each.kind === kind && each.time !== undefined).length;
    return pick(
      lang,
      `${needed[kind].members} 家中 ${cosigned} 家已联署，需 ${needed[kind].needed} 家`,
      `${cosigned} of ${needed[kind].members} have cosigned, ${needed[kind].needed} needed`,
    );
  };
  return {
    title: pick(lang, '三、由谁作证？', '3. Who vouches?'),
    lines: [
      `${pick(lang, '法院', 'Courts')}: ${short('court')}`,
      ...(needed.arbitration.members > 0
        ? [`${pick(lang, '仲裁机构', 'Arbitration bodies')}: ${short('arbitration')}`]
        : []),
      ...members.map((member) => memberText(member, lang)),
      pick(
        lang,
        `账本 ${ledger.origin}：第 ${ledger.index} 条，账本长度 ${ledger.treeSize}，根哈希 ${ledger.rootHash}`,
        `Ledger ${ledger.origin}: entry ${ledger.index}, tree size ${ledger.treeSize}, root hash ${ledger.rootHash}`,
      ),
    ],
  };
}

function memberText({ name, nameEn, keyName, algorithms, time }: FactMember, lang: Lang): string {
  const who = `${time === undefined ? '[ ]' : '[√]'} ${pick(lang, name, nameEn)} · ${keyName}`;
  if (time !== undefined) return `${who} · ${moment(time, lang)} · ${algorithms.join(' + ')}`;
  return algorithms.length === 0
    ? `${who} · ${pick(lang, '未联署', 'has not cosigned')}`
    : `${who} · ${pick(lang, '不计入：签名不全，或其时间不合理', 'does not count: not with all its keys, or at an impossible time')}`;
}

function open({ stated }: Facts, lang: Lang): Section {
  const missing = (ids: readonly StatedId[]): string =>
    ids.flatMap((id) => (stated[id] === '' ? [STATED[id][lang]] : [])).join(pick(lang, '、', '; ')) ||
    pick(lang, '无', 'none');
  return {
    title: pick(lang, '四、尚待查明什么？', '4. What is open?'),
    lines: [
      pick(
        lang,
        '平台与过程（第十七条）、上链前的情况（第十八条）只有当事人和平台的陈述，本程序未予核验。',
        'Platform and process (Art. 17) and everything before the deposit (Art. 18) are statements; this program has not verified them.',
      ),
      `${pick(lang, '第十七条未提供', 'Art. 17, not provided')}: ${missing(STATED_17)}`,
      `${pick(lang, '第十八条未说明', 'Art. 18, not stated')}: ${missing(STATED_18)}`,
    ],
  };
}

// ---- the three articles ----------------------------------------------------------------------------------------------

const STATED: Readonly<Record<StatedId, Text>> = {
  qualification: { zh: '平台是否符合区块链存证服务的规定', en: 'platform meets the rules for deposit services' },
  neutrality: { zh: '当事人与平台有无利害关系', en: 'relation between party and platform' },
  system: {
    zh: '系统的清洁性、安全性、可靠性、可用性（程序版本）',
    en: 'system clean, secure, reliable (program build)',
  },
  process: { zh: '存证技术与过程（传输方式）', en: 'technique and process (transport)' },
  source: { zh: '来源', en: 'source' },
  generation: { zh: '生成机制', en: 'generation' },
  storage: { zh: '存储过程', en: 'storage' },
  notarisation: { zh: '公证', en: 'notarisation' },
  witness: { zh: '第三方见证', en: 'third-party witness' },
  corroboration: { zh: '关联印证数据', en: 'corroboration' },
};

function article16(report: Report, { notLaterThan }: Facts, lang: Lang): Section {
  const time = moment(notLaterThan.time, lang);
  const finding: Readonly<Record<Comparison, Text>> = {
    same: {
      zh: `技术核验一致：所提交的文件自上链时间（不晚于 ${time}）起未经篡改。`,
      en: `Consistent: the files at hand have not been altered since they were on the ledger (not later than ${time}).`,
    },
    different: {
      zh: `技术核验不一致：存证记录自上链时间（不晚于 ${time}）起未经篡改，但所提交的文件与之不符。`,
      en: `Inconsistent: the record has not been altered since then (not later than ${time}), but the files at hand do not match it.`,
    },
    none: {
      zh: `存证记录自上链时间（不晚于 ${time}）起未经篡改；没有文件与之比对。`,
      en: `The record has not been altered since it was on the ledger (not later than ${time}); no file was compared with it.`,
    },
  };
  return {
    title: pick(
      lang,
      '《人民法院在线诉讼规则》第十六条（上链后）',
      'Online Litigation Rules Art. 16 (after the deposit)',
    ),
    lines: [finding[comparisonOf(report)][lang]],
  };
}

function article17({ stated, deposit }: Facts, lang: Lang): Section {
  return {
    title: pick(lang, '第十七条（平台与过程）', 'Art. 17 (platform and process)'),
    lines: [
      `${pick(lang, '平台', 'platform')}: ${pick(lang, deposit.platform.name, deposit.platform.nameEn || deposit.platform.name)}`,
      ...STATED_17.map((id) => `${STATED[id][lang]}: ${providedText(stated[id], lang)}`),
    ],
  };
}

function article18({ stated, deposit }: Facts, lang: Lang): Section {
  const { submitter } = deposit;
  const identified = submitter.identified === '' ? '' : ` (${submitter.identified})`;
  return {
    title: pick(lang, '第十八条（上链前，存证人自述）', 'Art. 18 (before the deposit, as the submitter declared)'),
    lines: [
      `${pick(lang, '存证人', 'submitter')}: ${submitter.name}${identified}`,
      ...STATED_18.map(
        (id) => `${STATED[id][lang]}: ${stated[id] === '' ? pick(lang, '未说明', 'not stated') : stated[id]}`,
      ),
    ],
  };
}

function providedText(text: string, lang: Lang): string {
  return text === '' ? pick(lang, '未提供', 'not provided') : `${pick(lang, '已提供', 'provided')} · ${text}`;
}

// ---- forgery, limits, foot -------------------------------------------------------------------------------------------

function limits(facts: Facts | undefined, lang: Lang): Section {
  return {
    title: pick(lang, '能防什么，不能证明什么', 'What it withstands, and what it does not prove'),
    lines: [
      ...(facts === undefined ? [] : [forgeryText(facts, lang)]),
      pick(
        lang,
        '本核验不证明文件内容属实、完整或取得合法，也不证明作者是谁；对上链以前的情况不作任何证明。',
        'This does not prove that the content is correct, complete or lawfully obtained, or who made it; it proves nothing about the time before the deposit.',
      ),
    ],
  };
}

/** "To forge this, the platform and …": liars must act together; further signers must at least have been kept from the true ledger. */
function forgeryText({ forgery: { liars, signers } }: Facts, lang: Lang): string {
  const together = [pick(lang, '平台', 'the platform'), ...bodies(liars, lang)];
  const besides = bodies(
    { court: liars.court > 0 ? 0 : signers.court, arbitration: liars.arbitration > 0 ? 0 : signers.arbitration },
    lang,
  );
  const joint = together.join(pick(lang, '、', ' and '));
  const more = besides.join(pick(lang, '、', ' and '));
  return pick(
    lang,
    `要伪造这份证明，须由${joint}共同作假${more === '' ? '' : `，并另取得 ${more}的联署（参与作假，或从未见过另一份账本）`}。`,
    `To forge this, ${joint} would have to act together${more === '' ? '' : `, and obtain the cosignature of ${more} (joining in, or never shown the other ledger)`}.`,
  );
}

function bodies(count: Readonly<Record<MemberKind, number>>, lang: Lang): string[] {
  return [
    ...(count.court > 0 ? [pick(lang, `${count.court} 家法院`, plural(count.court, 'court'))] : []),
    ...(count.arbitration > 0
      ? [pick(lang, `${count.arbitration} 家仲裁机构`, plural(count.arbitration, 'arbitration bod', 'y', 'ies'))]
      : []),
  ];
}

function foot({ checkedAt, toolDigest, trustDigest }: Report, lang: Lang): string[] {
  return [
    `${pick(lang, '核验时间（本机时钟）', 'checked at (this computer’s clock)')}: ${moment(checkedAt, lang)}`,
    `${pick(lang, '核验程序摘要', 'tool digest')}: ${toolDigest === '' ? pick(lang, '未提供', 'not given') : toolDigest}`,
    `${pick(lang, '信任文件摘要', 'trust bundle digest')}: ${trustDigest}`,
    pick(lang, '使用网络：无', 'network used: none'),
  ];
}

// ---- small words -----------------------------------------------------------------------------------------------------

function pick(lang: Lang, zh: string, en: string): string {
  return lang === 'zh' ? zh : en;
}

function plural(count: number, noun: string, one = '', many = 's'): string {
  return `${count} ${noun}${count === 1 ? one : many}`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function list(names: unknown): string {
  return Array.isArray(names) ? names.join(', ') : '';
}

const BEIJING_MS = 8 * 60 * 60 * 1000;

/** A time for people: Beijing time first in Chinese, UTC in both; to the second, rounded down. */
function moment(iso: string, lang: Lang): string {
  const utc = `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
  if (lang === 'en') return `${utc} UTC`;
  const beijing = new Date(Date.parse(iso) + BEIJING_MS).toISOString();
  return `北京时间 ${beijing.slice(0, 10)} ${beijing.slice(11, 19)}（${utc} UTC）`;
}
