// Small words that every part of an explanation uses: two languages, plurals, times for people, and how the files compared.

import type { Facts } from './facts.ts';
import type { Lang } from './messages.ts';
import { quoted } from './quoted.ts';
import type { CheckStatus, Report } from './report.ts';

/** A titled list of sentences; its layout is the caller's. */
export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
}

/** What became of the comparison of files; `open`: what is at hand may be what the record does not show. */
export type Comparison = 'same' | 'different' | 'open' | 'none';

const COMPARISONS: Readonly<Record<CheckStatus, Comparison>> = {
  passed: 'same',
  failed: 'different',
  unknown: 'open',
  'not-run': 'none',
};

export function comparisonOf({ checks }: Report): Comparison {
  return COMPARISONS[checks.find(({ id }) => id === 'evidence')?.status ?? 'not-run'];
}

/** Whether the certificate shows fewer files than the deposit has. */
export function isPartial({ files, deposit }: Facts): boolean {
  return files.length < deposit.files;
}

/** The sentence about files at hand that equal none of the record, for a comparison that is `different` or `open`. */
export function mismatch(report: Report, facts: Facts, lang: Lang): string {
  const { files, given, deposit } = facts;
  const count = given.filter(({ files: numbers }) => numbers.length === 0).length;
  const who =
    given.length === 1
      ? pick(lang, '所提交的文件', 'the file at hand')
      : pick(lang, `所提交的 ${given.length} 个文件中有 ${count} 个`, `${count} of the ${given.length} files at hand`);
  if (!isPartial(facts)) return pick(lang, `${who}与存证记录不符。`, `${who} did not match the record.`);
  const isOpen = comparisonOf(report) === 'open';
  return pick(
    lang,
    `${who}不在证书出示的文件之中（本次存证共 ${deposit.files} 个文件，出示 ${files.length} 个）${isOpen ? '：可能未出示，也可能与本次存证无关' : ''}。`,
    `${who} did not match any file that the certificate shows (${files.length} of this deposit’s ${deposit.files})${isOpen ? ': perhaps not disclosed, perhaps not of this deposit' : ''}.`,
  );
}

export function pick(lang: Lang, zh: string, en: string): string {
  return lang === 'zh' ? zh : en;
}

export function plural(count: number, noun: string, one = '', many = 's'): string {
  return `${count} ${noun}${count === 1 ? one : many}`;
}

export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** Names from outside. */
export function list(names: unknown, lang: Lang): string {
  return Array.isArray(names) ? names.map((name) => quoted(String(name), lang)).join(pick(lang, '、', ', ')) : '';
}

const BEIJING_MS = 8 * 60 * 60 * 1000;

/** A time for people: Beijing time first in Chinese, UTC in both; to the second, rounded down. */
export function moment(iso: string, lang: Lang): string {
  const utc = `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
  if (lang === 'en') return `${utc} UTC`;
  const beijing = new Date(Date.parse(iso) + BEIJING_MS).toISOString();
  return `北京时间 ${beijing.slice(0, 10)} ${beijing.slice(11, 19)}（${utc} UTC）`;
}
