// Text from outside in a report: names of files and persons, declared facts, what platforms and authorities say of themselves.
// It stands in quotation marks, which our own sentences never use, and every character of it can be seen: in ink, or in the notation
// {U+202E}, or {U+0020 ×40}. So no name and no fact can say anything in the verifier's words.
// Not here: where a line ends (the caller's layout).

import { BLANK } from '../../certs/core/visible.ts';
import type { Lang } from './messages.ts';

/** What every line of a quotation but the first begins with, and no other line. */
export const CONTINUED = '  │ ';

const SPACE = '[ \\u3000]';
const INK = '[^ \\u3000]';
const blanks = BLANK.map((range) => range.map((codePoint) => `\\u{${codePoint.toString(16)}}`).join('-')).join('');
/** Leaves no ink, or, without a meaning that all agree on, whatever ink a font likes. Spaces are looked at with their neighbours. */
const HIDDEN = `(?!${SPACE})[${blanks}\\p{Co}\\p{Cn}\\p{Cs}]`;
/** Joiner and picture selector are part of the picture inside an emoji (UTS #51, ED-13 to ED-16), and hidden anywhere else. */
const PICTURE = '(?!\\p{ASCII})\\p{Emoji}\\p{Emoji_Modifier}?\\ufe0f?';
const EMOJI = `([0-9#*]\\ufe0f\\u20e3|${PICTURE}(?:\\u200d${PICTURE})*)`;
/** A mark with nothing to stand on changes what is before the text; more than four run over the lines around it. */
const LOOSE_MARK = '(?<![\\p{L}\\p{N}\\p{P}\\p{S}\\p{M}])\\p{M}|(?<=\\p{M}{4})\\p{M}';
/** A space that the eye would miss, or that would push what follows out of sight: first, last, or beside another. */
const LOOSE_SPACE = `(?<!${INK})${SPACE}|${SPACE}(?!${INK})`;

const UNSEEN = `${EMOJI}|${HIDDEN}|${LOOSE_MARK}`;

interface Marks {
  readonly open: string;
  readonly close: string;
  /** What is not left as it is between them. */
  readonly inside: RegExp;
}

/** @param alike these marks, and those that a reader could take for them */
function marks(open: string, close: string, alike: string): Marks {
  // A brace before U+ would read as our notation.
  return { open, close, inside: new RegExp(`${UNSEEN}|[${alike}]|${LOOSE_SPACE}|\\{(?=U\\+)`, 'gu') };
}

const MARKS: Readonly<Record<Lang, Marks>> = {
  zh: marks('「', '」', '「」『』｢｣﹁﹂﹃﹄'),
  en: marks('“', '”', '"“”„‟〝〞〟＂″ʺ'),
};
const ANYWHERE = new RegExp(UNSEEN, 'gu');
const QUOTING = new RegExp(`${MARKS.zh.open}|${MARKS.en.open}|^ *${CONTINUED.trimStart()}`, 'u');

/**
 * A text of which every character can be seen. Those that can stay as they are, emoji of several characters included.
 * @param as how the others are written
 */
export function visible(text: string, as = notation): string {
  return noted(text, ANYWHERE, as);
}

/** Text from outside as part of a line. */
export function quoted(text: string, lang: Lang): string {
  const { open, close, inside } = MARKS[lang];
  return `${open}${short(noted(text, inside))}${close}`;
}

/**
 * A text that may have several lines, line by line.
 * @param before what the first begins with
 */
export function quotedLines(before: string, text: string, lang: Lang): string[] {
  const { open, close, inside } = MARKS[lang];
  const lines = text.split(/\r\n|\r|\n/).map((line) => short(noted(line, inside)));
  return `${before}${open}${lines.join(`\n${CONTINUED}`)}${close}`.split('\n');
}

/** Whether a line of a report holds text from outside. */
export function isQuoting(line: string): boolean {
  return QUOTING.test(line);
}

function noted(text: string, what: RegExp, as = notation): string {
  return text.replace(what, (found, emoji: string | undefined) => emoji ?? as(found));
}

/** Nobody reads the same notation more than once. */
function short(text: string): string {
  return text.replace(
    /(\{U\+[0-9A-F]+)\}(?:\1\})+/g,
    (run, one: string) => `${one} ×${run.length / (one.length + 1)}}`,
  );
}

function notation(character: string): string {
  return `{U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}}`;
}
