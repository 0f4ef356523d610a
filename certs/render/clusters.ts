// Text → clusters: what is drawn as one piece, and in which font. Every character ends up visible: in the first font that has
// it, or in the notation ‹U+202E›. So no name can hide a character, turn the direction of what follows, or disguise its extension.
// Tables of our own instead of the engine's Unicode data, which differs between versions: everyone must draw the same bytes.

import type { FontName, Fonts } from './fonts.ts';

/** A piece of text that is drawn as one. */
export interface Cluster {
  /** What to shape: the characters themselves, or the notation. */
  readonly text: string;
  readonly font: FontName;
  /** True when `text` is the notation of a character that cannot be drawn. */
  readonly notation: boolean;
}

/** First code point, last code point. */
type Range = readonly [number, number];

/**
 * Characters that some font has but that leave no ink, turn the direction, or mean nothing outside one system: only ever in notation.
 * Plain and ideographic space (U+0020, U+3000) are drawn.
 */
export const HIDDEN: readonly Range[] = [
  [0x00, 0x1f],
  [0x7f, 0xa0],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x2000, 0x200f],
  [0x2028, 0x202f],
  [0x205f, 0x206f],
  [0xe000, 0xf8ff],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xfff0, 0xffff],
  [0xe0000, 0x10ffff],
];

/** The combining marks that our fonts have. They join the character before them; alone they are shown in notation. */
export const MARKS: readonly Range[] = [
  [0x300, 0x34e],
  [0x591, 0x5bd],
  [0x5bf, 0x5bf],
  [0x5c1, 0x5c2],
  [0x5c4, 0x5c5],
  [0x5c7, 0x5c7],
  [0x610, 0x61a],
  [0x64b, 0x65f],
  [0x670, 0x670],
  [0x6d6, 0x6dc],
  [0x6df, 0x6e4],
  [0x6e7, 0x6e8],
  [0x6ea, 0x6ed],
  [0x898, 0x89f],
  [0x8ca, 0x8e1],
  [0x8e3, 0x8ff],
  [0x20d0, 0x20ff],
  [0x302a, 0x302f],
  [0x3099, 0x309a],
  [0xfb1e, 0xfb1e],
  [0x10efd, 0x10eff],
];

/** Marks drawn on one character; more would run over the lines above. */
const MARKS_DRAWN_MAX = 4;

const BODY: readonly FontName[] = ['sc-regular', 'jp-regular', 'arabic-regular', 'hebrew-regular', 'emoji-regular'];
const BOLD: readonly FontName[] = ['sc-bold', ...BODY];

/**
 * Splits text into clusters.
 * @param text one line or paragraph, well-formed Unicode
 * @param bold prefers the bold face, for headings
 */
export function clustersOf(fonts: Fonts, text: string, bold: boolean): Cluster[] {
  const order = bold ? BOLD : BODY;
  const codePoints = Array.from(text, (character) => character.codePointAt(0) as number);
  const clusters: Cluster[] = [];
  for (let at = 0; at < codePoints.length; ) {
    const taken = emojiSequence(fonts, codePoints, at) ?? character(fonts, codePoints, at, order);
    clusters.push(taken.cluster);
    at += taken.length;
  }
  return clusters;
}

/**
 * A file name on the page: spaces that the eye would miss (first, last, or beside another space) are shown in notation too.
 * The input of {@link clustersOf} cannot say that, so the name is cut where such spaces stand.
 */
export function clustersOfName(fonts: Fonts, name: string): Cluster[] {
  return name.split(/((?<![^ \u3000])[ \u3000]|[ \u3000](?![^ \u3000]))/u).flatMap((piece, i) => {
    return i % 2 === 1 ? [notation(piece.charCodeAt(0))] : clustersOf(fonts, piece, false);
  });
}

interface Taken {
  readonly cluster: Cluster;
  /** Code points. */
  readonly length: number;
}

function character(fonts: Fonts, codePoints: readonly number[], at: number, order: readonly FontName[]): Taken {
  const base = codePoints[at] as number;
  if (isIn(HIDDEN, base) || isIn(MARKS, base)) return { cluster: notation(base), length: 1 };
  let length = 1;
  while (length <= MARKS_DRAWN_MAX && isIn(MARKS, codePoints[at + length] ?? 0)) length++;
  for (; length > 0; length--) {
    const all = codePoints.slice(at, at + length);
    const font = order.find((name) => all.every((codePoint) => fonts.face(name).has(codePoint)));
    if (font !== undefined) return { cluster: { text: String.fromCodePoint(...all), font, notation: false }, length };
  }
  return { cluster: notation(base), length: 1 };
}

const ZERO_WIDTH_JOINER = 0x200d;
const isRegional = (codePoint = 0): boolean => codePoint >= 0x1f1e6 && codePoint <= 0x1f1ff;
/** Variation selectors, keycap, skin tones, tags: what may follow an emoji (UTS #51, ED-14c to ED-15a). */
const isEmojiSuffix = (codePoint = 0): boolean =>
  codePoint === 0xfe0e ||
  codePoint === 0xfe0f ||
  codePoint === 0x20e3 ||
  (codePoint >= 0x1f3fb && codePoint <= 0x1f3ff) ||
  (codePoint >= 0xe0020 && codePoint <= 0xe007f);

/**
 * Code points of the longest emoji sequence that may be one picture. No ligature of the font has more than 9, no sequence that Unicode
 * recommends more than 10; what is longer only piles up characters without ink behind a picture. Who shapes the rest of a chain at each of
 * its places takes the square of its length, for a text that anybody may have written.
 */
export const EMOJI_SEQUENCE_MAX = 16;

/** An emoji sequence that the font draws as one picture; otherwise its characters are looked at one by one. */
function emojiSequence(fonts: Fonts, codePoints: readonly number[], at: number): Taken | undefined {
  // A chain goes on behind a joiner only when something follows it: two more tell whether it is too long.
  const length = emojiLength(codePoints.slice(at, at + EMOJI_SEQUENCE_MAX + 2), 0);
  if (length < 2 || length > EMOJI_SEQUENCE_MAX) return undefined;
  const all = codePoints.slice(at, at + length);
  const face = fonts.face('emoji-regular');
  if (!all.every((codePoint) => face.has(codePoint))) return undefined;
  const text = String.fromCodePoint(...all);
  if (face.shape(text, 'ltr').filter(({ advance }) => advance > 0).length !== 1) return undefined;
  return { cluster: { text, font: 'emoji-regular', notation: false }, length };
}

function emojiLength(codePoints: readonly number[], at: number): number {
  if (isRegional(codePoints[at])) return isRegional(codePoints[at + 1]) ? 2 : 1;
  let length = 1;
  while (isEmojiSuffix(codePoints[at + length])) length++;
  if (codePoints[at + length] === ZERO_WIDTH_JOINER && at + length + 1 < codePoints.length) {
    length += 1 + emojiLength(codePoints, at + length + 1);
  }
  return length;
}

function notation(codePoint: number): Cluster {
  const hex = codePoint.toString(16).toUpperCase().padStart(4, '0');
  return { text: `‹U+${hex}›`, font: 'sc-regular', notation: true };
}

function isIn(ranges: readonly Range[], codePoint: number): boolean {
  return ranges.some(([first, last]) => codePoint >= first && codePoint <= last);
}
