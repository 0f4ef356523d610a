// A report as text for a terminal or a printer. The rules of this program's output:
//  1. Line 1 is the verdict. Line 2 is every warning, or says that there is none. Nothing important comes only later.
//  2. Chinese comes first, English after it; --lang leaves one of them out. --json leaves out both.
//  3. Every check has a line with its status as a word. Colour repeats a word and is never the only signal.
//  4. What a record or a file name says is never obeyed: control and direction characters are shown as code points.
//  5. The report goes to standard output, complaints about the command line to standard error; nothing else is printed.
// Not here: the words (verifier/core/explain.ts), the exit code (main.ts).

import { type ExplainedCheck, explain, type Section } from '../core/explain.ts';
import type { Lang } from '../core/messages.ts';
import type { CheckStatus, Outcome, Report } from '../core/report.ts';

const RESET = '\u001b[0m';
const COLOURS: Readonly<Record<Outcome | CheckStatus, string>> = {
  consistent: '\u001b[1;32m',
  inconsistent: '\u001b[1;31m',
  unverifiable: '\u001b[1;33m',
  passed: '\u001b[32m',
  failed: '\u001b[31m',
  unknown: '\u001b[33m',
  'not-run': '\u001b[33m',
};

/**
 * Lays out a report.
 * @param langs one section each, in this order
 * @param colour whether the terminal shows colours
 */
export function formatReport(report: Report, langs: readonly Lang[], colour: boolean): string {
  return langs.map((lang) => section(report, lang, colour)).join('\n');
}

function section(report: Report, lang: Lang, colour: boolean): string {
  const { verdict, warnings, boxes, articles, limits, checks, foot } = explain(report, lang);
  const zh = lang === 'zh';
  const paint = (text: string, as: Outcome | CheckStatus): string => (colour ? `${COLOURS[as]}${text}${RESET}` : text);
  const none = zh ? '无' : 'none';
  const lines = [
    paint(visible(verdict), report.outcome),
    visible(`${zh ? '提示：' : 'Warnings: '}${warnings.join(' ') || none}`),
    ...[...boxes, ...articles, limits].flatMap(block),
    '',
    zh ? '核验步骤' : 'Checks',
    ...checks.map((check) => `  ${paint(`[${check.statusText}]`, check.status)} ${visible(stated(check))}`),
    '',
    ...foot.map(visible),
  ];
  return `${lines.join('\n')}\n`;
}

function block({ title, lines }: Section): string[] {
  return ['', visible(title), ...lines.map((line) => `  ${visible(line)}`)];
}

function stated({ text, why }: ExplainedCheck): string {
  return why === '' ? text : `${text} — ${why}`;
}

// Controls (C0, DEL, C1), line and paragraph separators, and everything that changes the direction or hides text:
// a name with such characters could otherwise write over the verdict.
const UNSAFE =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}\u00ad\u200b\u2060-\u2064\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Text from outside, safe to print: unsafe characters are written as {U+202E}. */
export function visible(text: string): string {
  return text.replace(UNSAFE, (character) => `{U+${codePoint(character).toUpperCase().padStart(4, '0')}}`);
}

/** A report as one JSON object, with every unsafe character as a JSON escape: the same value, safe to print. */
export function formatJson(report: Report): string {
  const escaped = (character: string): string =>
    [...character.split('')].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
  const text = JSON.stringify(report, undefined, 2).split('\n');
  return `${text.map((line) => line.replace(UNSAFE, escaped)).join('\n')}\n`;
}

function codePoint(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16);
}
