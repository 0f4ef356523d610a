// A report as text for a terminal or a printer. The rules of this program's output:
//  1. Line 1 is the verdict. Line 2 begins every warning, or says that there is none. Nothing important comes only later.
//  2. Chinese comes first, English after it; --lang leaves one of them out. --json leaves out both.
//  3. Every check has a line with its status as a word. Colour repeats a word and is never the only signal.
//  4. What a record or a file name says is never obeyed and never hides: characters without ink are shown as code points.
//  5. A line that quotes is broken here, not by the terminal, and goes on behind a mark: where the report's own lines begin, only they do.
//  6. The report goes to standard output, complaints about the command line to standard error; nothing else is printed.
// Not here: the words (verifier/core/explain.ts), the exit code (main.ts).

import { type ExplainedCheck, explain, type Section } from '../core/explain.ts';
import type { Lang } from '../core/messages.ts';
import { CONTINUED, isQuoting, visible } from '../core/quoted.ts';
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

/** Lines that quote are no wider: what a terminal has when nobody has changed it, and what fits on paper. */
const COLUMNS_MAX = 80;
const COLUMNS_MIN = 20;

/**
 * Lays out a report.
 * @param langs one section each, in this order
 * @param colour whether the terminal shows colours
 * @param columns how wide the terminal is; undefined or 0 when there is none
 */
export function formatReport(report: Report, langs: readonly Lang[], colour: boolean, columns?: number): string {
  const width = Math.max(COLUMNS_MIN, Math.min(columns || COLUMNS_MAX, COLUMNS_MAX));
  return langs.map((lang) => section(report, lang, colour, width)).join('\n');
}

function section(report: Report, lang: Lang, colour: boolean, width: number): string {
  const { verdict, warnings, boxes, articles, limits, checks, foot } = explain(report, lang);
  const zh = lang === 'zh';
  const paint = (text: string, as: Outcome | CheckStatus): string => (colour ? `${COLOURS[as]}${text}${RESET}` : text);
  const none = zh ? '无' : 'none';
  const block = ({ title, lines }: Section): string[] => [
    '',
    visible(title),
    ...lines.flatMap((line) => fold(`  ${visible(line)}`, width)),
  ];
  const lines = [
    paint(visible(verdict), report.outcome),
    ...fold(visible(`${zh ? '提示：' : 'Warnings: '}${warnings.join(' ') || none}`), width),
    ...[...boxes, ...articles, limits].flatMap(block),
    '',
    zh ? '核验步骤' : 'Checks',
    ...checks.map((check) => `  ${paint(`[${check.statusText}]`, check.status)} ${visible(stated(check))}`),
    '',
    ...foot.map((line) => visible(line)),
  ];
  return `${lines.join('\n')}\n`;
}

function stated({ text, why }: ExplainedCheck): string {
  return why === '' ? text : `${text} — ${why}`;
}

// The notation, a word, a pair that is a flag, or a character with what belongs to it; opening marks go with what follows, others with
// what precedes.
const PIECE =
  /[「“（《【]*(?:\{U\+[^}]*\}|[!-~][!-z|-~]*|\p{RI}{2}|.(?:[\p{M}\p{Emoji_Modifier}]|\u200d.)*)[ \u3000」”，。、；：！？）》】]*/gu;

/** Breaks a line that quotes; one of our own is left to the terminal, which cannot make it say anything else. */
function fold(line: string, width: number): string[] {
  if (!isQuoting(line)) return [line];
  const lines: string[] = [];
  let last = '';
  let used = 0;
  const next = (): void => {
    lines.push(last);
    last = `  ${CONTINUED}`;
    used = columnsOf(last);
  };
  for (const piece of line.match(PIECE) ?? []) {
    if (used + columnsOf(piece) > width && used > 0) next();
    for (const character of piece) {
      const columns = columnsOf(character);
      if (used + columns > width) next();
      last += character;
      used += columns;
    }
  }
  return [...lines, last];
}

/** No terminal gives a character more than two columns; many that take one may take two where Chinese is written. */
function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += character < '\u0080' ? 1 : 2;
  return columns;
}

/** A report as one JSON object, with every character that cannot be seen as a JSON escape: the same value, safe to print. */
export function formatJson(report: Report): string {
  const escaped = (character: string): string =>
    [...character.split('')].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
  const text = JSON.stringify(report, undefined, 2).split('\n');
  return `${text.map((line) => visible(line, escaped)).join('\n')}\n`;
}
