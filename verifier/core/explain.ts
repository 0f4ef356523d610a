// A report in sentences, for the terminal and the page alike: verdict, warnings, four questions, the three articles of the
// Online Litigation Rules, who could forge it, what it does not prove, the checks, and the foot.
// Only words: layout is the caller's. Whatever neither this program nor the trust bundle says is quoted (quoted.ts).

import { articles } from './explain-articles.ts';
import { noAnswers, questions } from './explain-questions.ts';
import type { Facts } from './facts.ts';
import { CHECKS, CODES, type Lang, OUTCOMES, STATUSES } from './messages.ts';
import { capital, list, mismatch, moment, pick, plural, type Section } from './phrasing.ts';
import { quoted } from './quoted.ts';
import type { CheckStatus, Report, Warning } from './report.ts';
import type { MemberKind } from './statement.ts';

export type { Section } from './phrasing.ts';

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
    boxes: facts ? questions(report, facts, lang) : [noAnswers(lang)],
    articles: facts ? articles(report, facts, lang) : [],
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
  const { zh, en } = OUTCOMES[report.outcome];
  return `${pick(lang, `技术核验：${zh}。`, `Verification: ${en}. `)}${reason(report, lang)}`;
}

function reason(report: Report, lang: Lang): string {
  const { outcome, reason, facts } = report;
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
  const isMismatch = reason.code === 'file-not-in-record' || reason.code === 'file-not-shown';
  if (isMismatch && facts !== undefined) return capital(mismatch(report, facts, lang));
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
        `证书上印的机构名称与您的信任文件不同，以下以信任文件为准；证书上印的是：${list(detail['names'], lang)}。`,
        `The certificate prints names of bodies that differ from your trust bundle; names below are from the trust bundle. It prints: ${list(detail['names'], lang)}.`,
      );
    case 'policy-differs':
      return pick(
        lang,
        '签发时平台所用的联署规则与您的信任文件不同；以您的信任文件为准作出判断。',
        'The platform used another policy at issue than your trust bundle; judged by your trust bundle.',
      );
    case 'signatures-unconfirmed':
      return pick(
        lang,
        `证书页面列有以下名称的签名，但您的信任文件没有作出该签名的密钥，签名及其时间均未经证实，不计入（更换密钥后信任文件未更新时也会如此）：${list(detail['names'], lang)}。`,
        `The certificate lists signatures under these names by keys that your trust bundle does not have: neither they nor their times are confirmed, and they do not count (a trust bundle from before a change of keys can be the reason too): ${list(detail['names'], lang)}.`,
      );
    case 'key-revoked':
      return pick(
        lang,
        `${quoted(String(detail['name']), lang)}的密钥已被吊销，自 ${moment(String(detail['revoked']), lang)}起的签名不计入；此前的签名仍然有效。`,
        `A key of ${quoted(String(detail['nameEn']), lang)} has been revoked as of ${moment(String(detail['revoked']), lang)}: what it signed from then on does not count, what it signed before still does.`,
      );
    case 'clocks-disagree':
      return pick(
        lang,
        `平台、法院与时间戳机构的时间先后不合（相差超过 5 分钟）：接收 ${detail['received']}，联署 ${detail['notLaterThan']}，签发 ${detail['signedAt']}，时间戳 ${detail['timestamp']}。`,
        `The times of platform, courts and timestamp authority are out of order (by more than 5 minutes): received ${detail['received']}, cosigned ${detail['notLaterThan']}, issued ${detail['signedAt']}, timestamp ${detail['timestamp']}.`,
      );
  }
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
    pick(
      lang,
      '引号中的文字出自他人，不是本程序所说；其中 {U+…} 代表看不见或易混淆的字符，行首的 │ 表示接上一行。',
      'What stands in quotation marks was written by others, not by this program; in it, {U+…} is a character that cannot be seen or could mislead, and a │ in front goes on with the line above.',
    ),
    `${pick(lang, '核验时间（本机时钟）', 'checked at (this computer’s clock)')}: ${moment(checkedAt, lang)}`,
    `${pick(lang, '核验程序摘要', 'tool digest')}: ${toolDigest === '' ? pick(lang, '未提供', 'not given') : toolDigest}`,
    `${pick(lang, '信任文件摘要', 'trust bundle digest')}: ${trustDigest}`,
    pick(lang, '使用网络：无', 'network used: none'),
  ];
}
