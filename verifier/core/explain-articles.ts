// The three articles of the Online Litigation Rules, each with its own finding: Art. 16 what was checked, Art. 17 and 18 what was
// only stated, by the platform and by the submitter, and what was not.

import { hasVisibleText } from '../../certs/core/visible.ts';
import { type Facts, STATED_17, STATED_18, type StatedId } from './facts.ts';
import type { Lang, Text } from './messages.ts';
import { type Comparison, capital, comparisonOf, mismatch, moment, pick, type Section } from './phrasing.ts';
import { quoted, quotedLines } from './quoted.ts';
import type { Report } from './report.ts';

/** What each item is called. */
export const STATED: Readonly<Record<StatedId, Text>> = {
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

/** Art. 16, 17 and 18 for a report with facts. */
export function articles(report: Report, facts: Facts, lang: Lang): Section[] {
  return [article16(report, facts, lang), article17(facts, lang), article18(facts, lang)];
}

function article16(report: Report, facts: Facts, lang: Lang): Section {
  const time = moment(facts.notLaterThan.time, lang);
  const unaltered = pick(
    lang,
    `存证记录自上链时间（不晚于 ${time}）起未经篡改`,
    `the record has not been altered since it was on the ledger (not later than ${time})`,
  );
  const but = pick(lang, `${unaltered}，但`, `${unaltered}, but `) + mismatch(report, facts, lang);
  const finding: Readonly<Record<Comparison, string>> = {
    same: pick(
      lang,
      `技术核验一致：所提交的文件自上链时间（不晚于 ${time}）起未经篡改。`,
      `Consistent: the files at hand have not been altered since they were on the ledger (not later than ${time}).`,
    ),
    different: pick(lang, `技术核验不一致：${but}`, `Inconsistent: ${but}`),
    open: pick(lang, `技术核验无法判断：${but}`, `Cannot be told: ${but}`),
    none: pick(lang, `${unaltered}；没有文件与之比对。`, `${capital(unaltered)}; no file was compared with it.`),
  };
  return {
    title: pick(
      lang,
      '《人民法院在线诉讼规则》第十六条（上链后）',
      'Online Litigation Rules Art. 16 (after the deposit)',
    ),
    lines: [finding[comparisonOf(report)]],
  };
}

function article17({ stated, deposit: { platform } }: Facts, lang: Lang): Section {
  const { name, nameEn, statementEn } = platform;
  const provided = (id: StatedId): string[] => {
    const text = id === 'qualification' && lang === 'en' && hasVisibleText(statementEn) ? statementEn : stated[id];
    const item = `${STATED[id][lang]}: `;
    if (!hasVisibleText(text)) return [item + pick(lang, '未提供', 'not provided')];
    return quotedLines(`${item}${pick(lang, '已提供', 'provided')} · `, text, lang);
  };
  return {
    title: pick(lang, '第十七条（平台与过程）', 'Art. 17 (platform and process)'),
    lines: [
      `${pick(lang, '平台', 'platform')}: ${quoted(pick(lang, name, hasVisibleText(nameEn) ? nameEn : name), lang)}`,
      ...STATED_17.flatMap(provided),
    ],
  };
}

function article18({ stated, deposit: { submitter } }: Facts, lang: Lang): Section {
  const declared = (id: StatedId): string[] => {
    const item = `${STATED[id][lang]}: `;
    if (!hasVisibleText(stated[id])) return [item + pick(lang, '未说明', 'not stated')];
    return quotedLines(item, stated[id], lang);
  };
  return {
    title: pick(lang, '第十八条（上链前，存证人自述）', 'Art. 18 (before the deposit, as the submitter declared)'),
    lines: [
      `${pick(lang, '存证人', 'submitter')}: ${quoted(submitter.name, lang)}`,
      ...(hasVisibleText(submitter.identified)
        ? [`${pick(lang, '身份识别方式', 'how identified')}: ${quoted(submitter.identified, lang)}`]
        : []),
      ...STATED_18.flatMap(declared),
    ],
  };
}
