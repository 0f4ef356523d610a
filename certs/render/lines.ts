// Clusters → lines of placed glyphs: line breaking for Chinese and Latin text, right-to-left runs in visual order (UAX #9).
// Lengths are points. Not here: drawing (canvas.ts), pages (sheet.ts).

import bidiFactory, { type Bidi } from 'bidi-js';
import { type Cluster, clustersOf, clustersOfName } from './clusters.ts';
import type { Face, FontName, Fonts, Glyph } from './fonts.ts';

/** How a text looks. */
export interface Style {
  /** Font size in points. */
  readonly size: number;
  /** Distance from baseline to baseline in points. */
  readonly leading: number;
  /** sRGB, 0 to 1 each. */
  readonly color: readonly [number, number, number];
  readonly bold?: boolean;
  /** Latin text: quotation marks and apostrophes are as narrow as its letters. */
  readonly latin?: boolean;
  /** Line feeds start new lines, up to {@link PROSE_LINES_MAX}; elsewhere they are shown as what they are. */
  readonly prose?: boolean;
  /** A file name: breaks anywhere sensible, shows unseen spaces, and runs left to right. */
  readonly name?: boolean;
}

/** Glyphs of one font, in visual order. */
export interface Span {
  readonly font: FontName;
  readonly glyphs: readonly Glyph[];
  readonly notation: boolean;
}

/** One line. */
export interface Line {
  readonly spans: readonly Span[];
  /** Thousandths of the font size. */
  readonly width: number;
  /** True when the paragraph runs from right to left, so that the line ends at the left edge. */
  readonly rightToLeft: boolean;
}

// The package's types describe another module format than Node loads: the import is the factory itself.
const bidi = (bidiFactory as unknown as () => Bidi)();

/**
 * Lays out text in lines.
 * @param width points available
 */
export function layOut(fonts: Fonts, text: string, style: Style, width: number): Line[] {
  return (style.prose === true ? paragraphsOf(text) : [text]).flatMap((paragraph) => {
    const clusters =
      style.name === true ? clustersOfName(fonts, paragraph) : clustersOf(fonts, paragraph, style.bold === true);
    return layOutParagraph(fonts, clusters, style, width);
  });
}

/** Lines that a text may start by line feeds; further ones are shown as what they are, or two characters would fill a line. */
export const PROSE_LINES_MAX = 100;

/** An empty line divides a text and does nothing else: who could write several would push what follows to a page of its own. */
function paragraphsOf(text: string): string[] {
  const lines = text.replace(/\r\n?/g, '\n').replaceAll('\t', ' ').split('\n');
  const all = lines.map((line) => (/^[ \u3000]*$/.test(line) ? '' : line));
  const paragraphs = all.filter((line, i) => line !== '' || (all[i - 1] ?? '') !== '');
  if (paragraphs.at(-1) === '') paragraphs.pop();
  const rest = paragraphs.splice(PROSE_LINES_MAX - 1);
  return rest.length === 0 ? paragraphs : [...paragraphs, rest.join('\n')];
}

/** A run of clusters that share font and direction and are not broken; the unit of shaping. */
interface Segment {
  readonly clusters: readonly Cluster[];
  readonly level: number;
  readonly glyphs: readonly Glyph[];
  /** Thousandths of the font size. */
  readonly width: number;
  readonly isSpace: boolean;
}

function layOutParagraph(fonts: Fonts, clusters: readonly Cluster[], style: Style, width: number): Line[] {
  const { levels, base } = levelsOf(clusters, style.name === true);
  const room = (width / style.size) * 1000;
  const lines: Line[] = [];
  let current: Segment[] = [];
  let used = 0;
  const end = (): void => {
    lines.push(assemble(current, base));
    current = [];
    used = 0;
  };
  for (const [first, last] of words(clusters, style.name === true)) {
    let word = segments({ fonts, style }, clusters, levels, first, last);
    if (used > 0 && used + inkWidth(word) > room) end();
    while (inkWidth(word) > room - used) {
      // A word longer than a line is cut between clusters.
      const { fits, rest } = cut({ fonts, style }, word, room - used);
      current.push(...fits);
      end();
      word = rest;
    }
    current.push(...word);
    used += word.reduce((sum, segment) => sum + segment.width, 0);
  }
  end();
  return lines;
}

// ---- direction -----------------------------------------------------------------------------------------------------

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

function levelsOf(clusters: readonly Cluster[], leftToRight: boolean): { levels: ArrayLike<number>; base: number } {
  if (!clusters.some(({ text }) => RIGHT_TO_LEFT.test(text)))
    return { levels: new Uint8Array(clusters.length), base: 0 };
  // One UTF-16 unit for each cluster. Notation, emoji and rare ideographs stand as the neutral object character.
  const units = clusters.map(({ text, notation }) => (notation || text.charCodeAt(0) >= 0xd800 ? '\ufffc' : text[0]));
  const { levels, paragraphs } = bidi.getEmbeddingLevels(units.join(''), leftToRight ? 'ltr' : 'auto');
  return { levels, base: paragraphs[0]?.level ?? 0 };
}

/** UAX #9 rule L2: from the highest level down, turn every run of that level or higher around. */
function visualOrder(segments: readonly Segment[], base: number): Segment[] {
  const order = [...segments];
  for (let level = Math.max(base, ...order.map((segment) => segment.level)); level > 0; level--) {
    for (let i = 0; i < order.length; i++) {
      let end = i;
      while ((order[end]?.level ?? -1) >= level) end++;
      if (end > i) order.splice(i, end - i, ...order.slice(i, end).reverse());
      i = end;
    }
  }
  return order;
}

function assemble(segments: readonly Segment[], base: number): Line {
  let end = segments.length;
  while (end > 1 && segments[end - 1]?.isSpace === true) end--;
  const shown = segments.slice(0, end);
  const spans = visualOrder(shown, base).map(({ clusters, glyphs }): Span => {
    return { font: clusters[0]?.font ?? 'sc-regular', glyphs, notation: clusters[0]?.notation === true };
  });
  return { spans, width: shown.reduce((sum, { width }) => sum + width, 0), rightToLeft: base === 1 };
}

// ---- shaping -------------------------------------------------------------------------------------------------------

/** Longer stretches without a break are shaped in pieces: cutting them into lines stays linear. */
const RUN_CLUSTERS_MAX = 64;

interface Shaper {
  readonly fonts: Fonts;
  readonly style: Style;
}

function segments(
  shaper: Shaper,
  clusters: readonly Cluster[],
  levels: ArrayLike<number>,
  first: number,
  last: number,
): Segment[] {
  const found: Segment[] = [];
  for (let start = first; start < last; ) {
    let end = start + 1;
    const longest = Math.min(last, start + RUN_CLUSTERS_MAX);
    while (end < longest && isSameRun(clusters[start], clusters[end]) && levels[start] === levels[end]) end++;
    found.push(shape(shaper, clusters.slice(start, end), levels[start] ?? 0));
    start = end;
  }
  return found;
}

function isSameRun(a: Cluster | undefined, b: Cluster | undefined): boolean {
  return (
    a?.font === b?.font && a?.notation === b?.notation && a?.notation === false && isSpace(a) === isSpace(b as Cluster)
  );
}

function shape({ fonts, style }: Shaper, clusters: readonly Cluster[], level: number): Segment {
  const { font, notation } = clusters[0] as Cluster;
  const rightToLeft = level % 2 === 1 && !notation;
  const face = fonts.face(font);
  const text = clusters.map(({ text }) => (rightToLeft ? mirrored(face, text) : text)).join('');
  const glyphs =
    font === 'emoji-regular'
      ? (rightToLeft ? clusters.toReversed() : clusters).flatMap((cluster) => emojiGlyph(fonts, cluster))
      : face.shape(text, rightToLeft ? 'rtl' : 'ltr', style.latin);
  const width = glyphs.reduce((sum, { advance }) => sum + advance, 0);
  return { clusters, level, glyphs, width, isSpace: isSpace(clusters[0] as Cluster) };
}

/** UAX #9 rule L4. A font may have one of a pair and not the other: then the character stays as it is. */
function mirrored(face: Face, text: string): string {
  const other = bidi.getMirroredCharacter(text);
  return other !== null && face.has(other.codePointAt(0) as number) ? other : text;
}

/** An emoji is one glyph that stands for its whole sequence, joiners included. */
function emojiGlyph(fonts: Fonts, { text, font }: Cluster): Glyph[] {
  const ink = fonts
    .face(font)
    .shape(text, 'ltr')
    .filter(({ advance }) => advance > 0);
  return ink.map((glyph) => ({ ...glyph, codePoints: Array.from(text, (c) => c.codePointAt(0) as number) }));
}

/** Cuts a word so that the first part fits; at least one cluster fits always, or nothing would ever. */
function cut(shaper: Shaper, word: readonly Segment[], room: number): { fits: Segment[]; rest: Segment[] } {
  const fits: Segment[] = [];
  let left = room;
  for (const [i, segment] of word.entries()) {
    if (segment.width <= left) {
      fits.push(segment);
      left -= segment.width;
      continue;
    }
    const count = clustersThatFit(shaper, segment, left, fits.length === 0 ? 1 : 0);
    if (count > 0) fits.push(shape(shaper, segment.clusters.slice(0, count), segment.level));
    const remainder = segment.clusters.slice(count);
    const rest = remainder.length > 0 ? [shape(shaper, remainder, segment.level)] : [];
    return { fits, rest: [...rest, ...word.slice(i + 1)] };
  }
  return { fits, rest: [] };
}

function clustersThatFit(shaper: Shaper, segment: Segment, room: number, least: number): number {
  let low = least;
  let high = segment.clusters.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (shape(shaper, segment.clusters.slice(0, middle), segment.level).width <= room) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Width without the spaces at the end, which may hang over the edge. */
function inkWidth(word: readonly Segment[]): number {
  let end = word.length;
  while (end > 0 && word[end - 1]?.isSpace === true) end--;
  return word.slice(0, end).reduce((sum, { width }) => sum + width, 0);
}

// ---- line breaking -------------------------------------------------------------------------------------------------

/** Characters that a line may not start with, and may not end with (GB/T 15834 and common Latin use). */
const NOT_FIRST = new Set('、。，．！？：；）」』】〕〉》〗’”…‥·・％‰℃)]}!?,.:;%›');
const NOT_LAST = new Set('（「『【〔〈《〖‘“([{¥￥$£‹');
/** In a name, a line may end after these. */
const NAME_JOINTS = new Set('-_.,;&+=@/\\()[]{}');

/** The unbreakable stretches, [first, last) by cluster; spaces go with the word before them. */
function words(clusters: readonly Cluster[], isName: boolean): [number, number][] {
  const found: [number, number][] = [];
  let first = 0;
  for (let i = 1; i <= clusters.length; i++) {
    if (i < clusters.length && !mayBreak(clusters[i - 1] as Cluster, clusters[i] as Cluster, isName)) continue;
    if (i > first) found.push([first, i]);
    first = i;
  }
  return found;
}

function mayBreak(before: Cluster, after: Cluster, isName: boolean): boolean {
  if (isSpace(after)) return false;
  if (isSpace(before)) return true;
  if (before.notation || after.notation) return true;
  if (NOT_FIRST.has(after.text) || NOT_LAST.has(before.text)) return false;
  if (isName && NAME_JOINTS.has(before.text)) return true;
  return isWide(before) || isWide(after);
}

function isSpace({ text, notation }: Cluster): boolean {
  return !notation && (text === ' ' || text === '\u3000');
}

/** Ideographs, kana, full-width forms and emoji: lines break between any two of them. */
function isWide({ text, font }: Cluster): boolean {
  const codePoint = text.codePointAt(0) ?? 0;
  return (
    font === 'emoji-regular' ||
    (codePoint >= 0x2e80 && codePoint <= 0x9fff) ||
    (codePoint >= 0xf900 && codePoint <= 0xfaff) ||
    (codePoint >= 0xfe30 && codePoint <= 0xffef) ||
    codePoint >= 0x20000
  );
}
