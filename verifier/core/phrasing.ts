// Small words that every part of an explanation uses: two languages, plurals, times for people, and how the files compared.

import type { Lang } from './messages.ts';
import type { Report } from './report.ts';

/** A titled list of sentences; its layout is the caller's. */
export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
}

/** What became of the comparison of files. */
export type Comparison = 'same' | 'different' | 'none';

export function comparisonOf({ checks }: Report): Comparison {
  const status = checks.find(({ id }) => id === 'evidence')?.status;
  return status === 'passed' ? 'same' : status === 'failed' ? 'different' : 'none';
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

export function list(names: unknown): string {
  return Array.isArray(names) ? names.join(', ') : '';
}

const BEIJING_MS = 8 * 60 * 60 * 1000;

/** A time for people: Beijing time first in Chinese, UTC in both; to the second, rounded down. */
export function moment(iso: string, lang: Lang): string {
  const utc = `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
  if (lang === 'en') return `${utc} UTC`;
  const beijing = new Date(Date.parse(iso) + BEIJING_MS).toISOString();
  return `北京时间 ${beijing.slice(0, 10)} ${beijing.slice(11, 19)}（${utc} UTC）`;
}
