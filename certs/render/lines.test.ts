import { expect } from 'chai';
import { loadFonts } from './fonts.ts';
import { nodeFonts, readFontFile } from './fonts-node.ts';
import { type Line, layOut, PROSE_LINES_MAX, type Style } from './lines.ts';
import { everyCodePoint, everyMark, unshaped } from './testing.ts';

const STYLE: Style = { size: 10, leading: 14, color: [0, 0, 0] };
const NAME: Style = { ...STYLE, name: true };
const lines = (text: string, width: number, style = STYLE): Line[] => layOut(nodeFonts(), text, style, width);
/** Characters in the order drawn. */
const textOf = (line: Line | undefined): string =>
  (line?.spans ?? [])
    .flatMap(({ glyphs }) => glyphs.map(({ codePoints }) => String.fromCodePoint(...codePoints)))
    .join('');
const texts = (...args: Parameters<typeof lines>): string[] => lines(...args).map(textOf);

describe('certs/render/lines', function () {
  this.timeout(60_000);

  it('breaks between ideographs and between words, and drops the space at the end', () => {
    expect(texts('电子数据存证', 30)).to.deep.equal(['电子数', '据存证']);
    expect(texts('one two three', 40)).to.deep.equal(['one two', 'three']);
    expect(texts('', 40)).to.deep.equal(['']);
  });

  it('does not start a line with a closing mark nor end one with an opening mark', () => {
    expect(texts('电子数，据', 30)).to.deep.equal(['电子', '数，据']);
    expect(texts('电子（数据）', 30)).to.deep.equal(['电子', '（数', '据）']);
  });

  it('keeps every line within the width, whatever the text', () => {
    const samples = [
      'x'.repeat(3_000),
      '字'.repeat(500),
      'عقدإيجار'.repeat(60),
      '👍🏽'.repeat(90),
      '\u202e'.repeat(90),
      'a b '.repeat(200),
      '（'.repeat(99),
    ];
    for (const text of samples) {
      for (const style of [STYLE, NAME]) {
        const made = lines(text, 120, style);
        for (const { width } of made) expect(width * 0.01).to.be.at.most(120);
        expect(made.length).to.be.lessThan(200);
      }
    }
  });

  it('loses no character of a word that it has to cut', () => {
    const word = `${'abcdefghij'.repeat(30)}.pdf`;
    expect(texts(word, 100, NAME).join('')).to.equal(word);
  });

  it('breaks names after their joints', () => {
    expect(texts('contract_2026-11-22_final.pdf', 70, NAME)[0]).to.match(/[_-]$/);
    expect(texts('contract_2026', 60)[0]).not.to.equal('contract_');
  });

  it('reads line feeds, carriage returns and tabs in prose, and shows them elsewhere', () => {
    expect(texts('a\r\nb\rc\n\nd\te', 100, { ...STYLE, prose: true })).to.deep.equal(['a', 'b', 'c', '', 'd e']);
    for (const style of [STYLE, NAME]) expect(texts('a\nb', 100, style)).to.deep.equal(['a‹U+000A›b']);
  });

  it('draws one empty line where a text has several, and none at its ends', () => {
    const prose = { ...STYLE, prose: true };
    for (const gap of ['\n\n', '\n\n\n', '\n \r\n\t\n\u3000\r', '\n'.repeat(2_000)]) {
      expect(texts(`\n${gap}a${gap}b${gap}`, 100, prose)).to.deep.equal(['a', '', 'b']);
    }
    expect(texts(' \n ', 100, prose)).to.deep.equal([]);
  });

  it('starts no more lines in prose than there may be, and loses nothing of the rest', () => {
    const prose = { ...STYLE, prose: true };
    const within = texts('x\n'.repeat(PROSE_LINES_MAX), 100, prose);
    expect(within).to.deep.equal(Array.from({ length: PROSE_LINES_MAX }, () => 'x'));
    const beyond = texts(`${'x\n'.repeat(PROSE_LINES_MAX + 1)}y`, 400, prose);
    expect(beyond).to.deep.equal([...within.slice(1), 'x‹U+000A›x‹U+000A›y']);
  });

  it('puts right-to-left text in visual order, with brackets mirrored', () => {
    const [name] = lines('(חוזה) 2.pdf', 200, NAME);
    expect(textOf(name)).to.equal('(הזוח) 2.pdf');
    const [prose] = lines('(שלום) abc', 200);
    expect(textOf(prose)).to.equal('abc (םולש)');
    expect(prose?.rightToLeft).to.equal(true);
    expect(name?.rightToLeft).to.equal(false);
  });

  it('leaves a character as it is when its font has no mirrored form of it', () => {
    for (const character of '∉∊∕∟∠∽≃⊘') expect(textOf(lines(`חוזה 3${character}4.pdf`, 200)[0])).to.include(character);
  });

  it('draws every character, alone and among letters that run from right to left', () => {
    const isIdeograph = (codePoint: number): boolean =>
      codePoint >= 0x2e80 && !(codePoint >= 0xfb00 && codePoint < 0x20000);
    // Ideographs are all alike, and the slow suite has the others.
    const some = everyCodePoint(nodeFonts()).filter((codePoint, i) => !isIdeograph(codePoint) || i % 64 === 0);
    const samples = [
      ...some.map((codePoint) => String.fromCodePoint(codePoint)),
      ...some.map((codePoint) => `ش${String.fromCodePoint(codePoint)}ش`),
      ...everyMark().map((mark) => `a${String.fromCodePoint(mark)}`),
    ];
    expect(unshaped(samples, NAME)).to.deep.equal([]);
  });

  it('places marks that have no anchor as others do, and the dots of letters beside them', () => {
    const marks = (text: string) =>
      lines(text, 200)[0]
        ?.spans.flatMap(({ glyphs }) => glyphs)
        .filter(({ advance }) => advance === 0)
        .map(({ id, dx, dy }) => [id, dx, dy]);
    // As HarfBuzz 12 shapes them.
    expect(marks('\u06a5')).to.deep.equal([[322, 625, -28]]);
    expect(marks('\u0761')).to.deep.equal([[321, 625, -28]]);
    expect(marks('ب\u06d6')).to.deep.equal([
      [468, 0, 0],
      [315, 410, -23],
    ]);
  });

  it('draws what cannot be shaped character by character', () => {
    const fonts = loadFonts(readFontFile);
    for (const name of ['sc-regular', 'arabic-regular', 'emoji-regular'] as const) {
      fonts.face(name).font.layout = () => {
        throw new Error('not shaped');
      };
    }
    const [line] = layOut(fonts, 'a عقد 👩🏽', STYLE, 200);
    expect(textOf(line)).to.equal('a دقع 👩🏽');
    expect(line?.width).to.be.greaterThan(4_000);
  });

  it('joins Arabic letters', () => {
    const glyphs = (text: string) =>
      lines(text, 200)[0]?.spans.flatMap((span) => span.glyphs.map(({ id }) => id)) ?? [];
    expect(glyphs('بب')).not.to.deep.equal([...glyphs('ب'), ...glyphs('ب')]);
  });

  it('draws no ligature in digests', () => {
    const [line] = lines('ffi', 200);
    expect(line?.spans[0]?.glyphs).to.have.length(3);
  });

  it('takes narrow quotation marks in Latin text only', () => {
    const width = (latin: boolean) => lines('“a”', 200, { ...STYLE, latin })[0]?.width ?? 0;
    expect(width(true)).to.be.lessThan(width(false) / 1.5);
  });
});
