// The four questions a judge has: is it the same file, not later than when, who vouches, what is open.
// Three claimants, three times: each line says whose clock it was. What this program says of a file stands before the file's name.

import { hasVisibleText } from '../../certs/core/visible.ts';
import { STATED } from './explain-articles.ts';
import { type FactMember, type Facts, STATED_17, STATED_18, type StatedId } from './facts.ts';
import type { Lang } from './messages.ts';
import { type Comparison, comparisonOf, isPartial, mismatch, moment, pick, plural, type Section } from './phrasing.ts';
import { quoted } from './quoted.ts';
import type { Report } from './report.ts';
import type { MemberKind } from './statement.ts';

/** The answers for a report with facts. */
export function questions(report: Report, facts: Facts, lang: Lang): Section[] {
  return [sameFile(report, facts, lang), when(facts, lang), who(facts, lang), open(facts, lang)];
}

/** What is said instead when the certificate itself did not pass. */
export function noAnswers(lang: Lang): Section {
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

function sameFile(report: Report, facts: Facts, lang: Lang): Section {
  const { files, given, deposit } = facts;
  const answers: Readonly<Record<Comparison, string>> = {
    same: pick(lang, '是：所提交的文件与存证记录逐一相符。', 'Yes: every file at hand is in the record.'),
    different: `${pick(lang, '否：', 'No: ')}${mismatch(report, facts, lang)}`,
    open: `${pick(lang, '无法判断：', 'Cannot be told: ')}${mismatch(report, facts, lang)}`,
    none: pick(lang, '未比对：没有提交文件。', 'Not compared: no file was given.'),
  };
  const recorded = files.flatMap(({ number, name, size, sha256, sm3, compared }) => [
    [
      `${pick(lang, '记录', 'record')} ${number}/${deposit.files}`,
      compared ? pick(lang, '已比对，相同', 'compared, same') : pick(lang, '未比对', 'not compared'),
      pick(lang, `${size} 字节`, plural(size, 'byte')),
      quoted(name, lang),
    ].join(' · '),
    `    SHA-256 ${sha256}`,
    ...(sm3 === undefined ? [] : [`    SM3     ${sm3}`]),
  ]);
  const atHand = given.flatMap(({ name, sha256, files: numbers }) => [
    [
      pick(lang, '提交', 'at hand'),
      numbers.length > 0
        ? pick(lang, `同记录 ${numbers.join('、')}`, `same as record ${numbers.join(', ')}`)
        : isPartial(facts)
          ? pick(lang, '不在出示的文件之中', 'not among the files shown')
          : pick(lang, '不在记录中', 'not in the record'),
      quoted(name, lang),
    ].join(' · '),
    `    SHA-256 ${sha256}`,
  ]);
  return {
    title: pick(lang, '一、是同一个文件吗？', '1. Is it the same file?'),
    lines: [answers[comparisonOf(report)], ...recorded, ...atHand],
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
      `${pick(lang, '时间戳机构的签发时间', 'certificate stamped, by the timestamp authority')}: ${moment(timestamp.time, lang)}`,
      `${pick(lang, '时间戳机构', 'timestamp authority')}: ${quoted(timestamp.authority, lang)}`,
    ],
  };
}

function who({ members, needed, ledger, epoch }: Facts, lang: Lang): Section {
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
      ...(epoch.epochs > 1 ? [epochText(epoch, lang)] : []),
    ],
  };
}

/** Which rules were applied: a consortium changes, and each checkpoint is judged by what held for it. */
function epochText({ number, epochs, since }: Facts['epoch'], lang: Lang): string {
  const began =
    since === undefined
      ? pick(lang, '自账本开始', 'from the beginning of the ledger')
      : pick(lang, `自 ${moment(since, lang)}起`, `since ${moment(since, lang)}`);
  return pick(
    lang,
    `按第 ${number} 规则期（共 ${epochs} 期，${began}）的机构、密钥与法定数判断。`,
    `Judged by the bodies, keys and quorum of epoch ${number} of ${epochs} (${began}).`,
  );
}

function memberText({ name, nameEn, keyName, algorithms, time, revoked }: FactMember, lang: Lang): string {
  const who = `${time === undefined ? '[ ]' : '[√]'} ${pick(lang, name, nameEn)} · ${keyName}`;
  if (time !== undefined) return `${who} · ${moment(time, lang)} · ${algorithms.join(' + ')}`;
  if (revoked !== undefined) {
    return `${who} · ${pick(lang, `不计入：密钥自 ${moment(revoked, lang)}起已被吊销`, `does not count: key revoked as of ${moment(revoked, lang)}`)}`;
  }
  return algorithms.length === 0
    ? `${who} · ${pick(lang, '未联署', 'has not cosigned')}`
    : `${who} · ${pick(lang, '不计入：签名不全，或其时间不合理', 'does not count: not with all its keys, or at an impossible time')}`;
}

function open({ stated }: Facts, lang: Lang): Section {
  const missing = (ids: readonly StatedId[]): string =>
    ids.flatMap((id) => (hasVisibleText(stated[id]) ? [] : [STATED[id][lang]])).join(pick(lang, '、', '; ')) ||
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
