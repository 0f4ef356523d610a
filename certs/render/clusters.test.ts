import { expect } from 'chai';
import { clustersOf, clustersOfName, EMOJI_SEQUENCE_MAX, HIDDEN, MARKS } from './clusters.ts';
import type { Face } from './fonts.ts';
import { nodeFonts } from './fonts-node.ts';
import { everyCodePoint } from './testing.ts';

const fonts = nodeFonts();
const shown = (text: string): string[] => clustersOf(fonts, text, false).map((cluster) => cluster.text);
const drawnIn = (text: string): string[] => [...new Set(clustersOf(fonts, text, false).map(({ font }) => font))];
const isIn = (ranges: typeof HIDDEN, codePoint: number): boolean =>
  ranges.some(([first, last]) => first <= codePoint && codePoint <= last);

const matching = (form: RegExp): number[] =>
  everyCodePoint(fonts).filter((codePoint) => form.test(String.fromCodePoint(codePoint)));
const hex = (codePoints: readonly number[]): string => codePoints.map((codePoint) => codePoint.toString(16)).join(' ');

interface Substitution {
  readonly ligatureSets?: { toArray(): readonly (readonly { readonly compCount: number }[])[] };
}

/** How many characters each ligature of a font stands for. */
function ligatures({ font }: Face): number[] {
  const { GSUB } = font as unknown as { GSUB: { lookupList: { toArray(): { subTables: Substitution[] }[] } } };
  const substitutions = GSUB.lookupList.toArray().flatMap(({ subTables }) => subTables);
  return substitutions
    .flatMap(({ ligatureSets }) => ligatureSets?.toArray() ?? [])
    .flatMap((set) => set.map(({ compCount }) => compCount));
}

describe('certs/render/clusters', function () {
  this.timeout(60_000);

  it('takes the first font that has all of a cluster', () => {
    expect(drawnIn('喆镕 abc')).to.deep.equal(['sc-regular']);
    expect(drawnIn('𠮷')).to.deep.equal(['jp-regular']);
    expect(drawnIn('عقد')).to.deep.equal(['arabic-regular']);
    expect(drawnIn('חוזה')).to.deep.equal(['hebrew-regular']);
    expect(drawnIn('😀')).to.deep.equal(['emoji-regular']);
    expect(clustersOf(fonts, '标题', true).map(({ font }) => font)).to.deep.equal(['sc-bold', 'sc-bold']);
  });

  it('keeps emoji sequences, flags, keycaps and marked letters together', () => {
    const whole = ['👨‍👩‍👧‍👦', '👩🏻‍❤️‍💋‍👩🏿', '👩🏽‍⚖️', '❤️', '🇨🇳', '1️⃣', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'שָׁ', 'مُ'];
    for (const text of whole) expect(shown(text)).to.deep.equal([text]);
    expect(shown('🇨')).to.have.length(1);
  });

  it('takes an emoji sequence apart that no font draws as one', () => {
    expect(shown('👩‍🚗')).to.deep.equal(['👩', '‹U+200D›', '🚗']);
  });

  it('looks for no longer picture than there may be, so that a chain costs no more than its length', () => {
    const face = fonts.face('emoji-regular');
    const [shape, shaped] = [face.shape.bind(face), [] as number[]];
    face.shape = (text, ...rest) => {
      shaped.push([...text].length);
      return shape(text, ...rest);
    };
    try {
      for (const chain of ['👩\u200d', '\u{1f3fb}', '\u{e0062}', '\u{1f3fb}\ufe0f\u20e3']) {
        shown(chain.repeat(40));
        shown(`🏴${chain.repeat(40)}`);
      }
    } finally {
      Reflect.deleteProperty(face, 'shape');
    }
    expect(Math.max(...shaped)).to.equal(EMOJI_SEQUENCE_MAX);
    // With a variation selector behind each of at most four pictures.
    expect(Math.max(...ligatures(face)) + 4).to.be.at.most(EMOJI_SEQUENCE_MAX);
  });

  it('hides no longer run of characters behind a picture', () => {
    const behind = '\u{e0062}'.repeat(EMOJI_SEQUENCE_MAX);
    expect(shown(`🏴${behind}`).slice(0, 3)).to.deep.equal(['🏴', '‹U+E0062›', '‹U+E0062›']);
  });

  it('shows in notation what cannot be seen, turns the text, has no glyph, or joins nothing', () => {
    const notation = '‹U+202E›';
    expect(clustersOf(fonts, '\u202e', false)).to.deep.equal([{ text: notation, font: 'sc-regular', notation: true }]);
    for (const codePoint of [
      0, 9, 0x7f, 0xa0, 0xad, 0x200b, 0x200d, 0x2028, 0x2066, 0xfeff, 0xe000, 0xffff, 0xe0041, 0xe01, 0x301,
    ]) {
      expect(shown(String.fromCodePoint(codePoint))[0]).to.match(/^‹U\+[0-9A-F]{4,6}›$/);
    }
    expect(shown('喆\u{e0100}')).to.deep.equal(['喆', '‹U+E0100›']);
    expect(shown('\u{10ffff}')).to.deep.equal(['‹U+10FFFF›']);
  });

  it('does not let marks pile up', () => {
    expect(shown(`a${'\u0301'.repeat(6)}`)).to.deep.equal(['a\u0301\u0301\u0301\u0301', '‹U+0301›', '‹U+0301›']);
  });

  it('shows spaces in names that the eye would miss', () => {
    const name = (text: string): string =>
      clustersOfName(fonts, text)
        .map((cluster) => cluster.text)
        .join('');
    expect(name('a b　c')).to.equal('a b　c');
    expect(name(' a')).to.equal('‹U+0020›a');
    expect(name('a.pdf ')).to.equal('a.pdf‹U+0020›');
    expect(name('a  b')).to.equal('a‹U+0020›‹U+0020›b');
    expect(name('　')).to.equal('‹U+3000›');
    expect(name('a  ‮b')).to.equal('a‹U+0020›‹U+0020›‹U+202E›b');
  });

  it('hides no character that a font has without ink', () => {
    // Signs that stand before Arabic numbers are formatting characters with ink.
    const inked = new Set([0x20, 0x3000, 0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6dd, 0x890, 0x891, 0x8e2]);
    const invisible = matching(/\p{Cc}|\p{Cf}|\p{Co}|\p{Z}|\p{Default_Ignorable_Code_Point}/u);
    expect(hex(invisible.filter((codePoint) => !isIn(HIDDEN, codePoint) && !inked.has(codePoint)))).to.equal('');
  });

  it('knows every mark that a font has, and nothing else as one', () => {
    const marks = matching(/\p{M}/u).filter((codePoint) => !isIn(HIDDEN, codePoint));
    expect(hex(marks.filter((codePoint) => !isIn(MARKS, codePoint)))).to.equal('');
    expect(
      hex(everyCodePoint(fonts).filter((codePoint) => isIn(MARKS, codePoint) && !marks.includes(codePoint))),
    ).to.equal('');
  });
});
