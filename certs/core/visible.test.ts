import { expect } from 'chai';
import { hasVisibleText } from './visible.ts';

describe('certs/core/visible', () => {
  it('sees text, whatever stands around it', () => {
    for (const text of ['a', '字', ' 无 ', '\n.', '\u200b0', '\u{e000}', '\u0301', '😀', '\u0600']) {
      expect(hasVisibleText(text), JSON.stringify(text)).to.equal(true);
    }
  });

  it('sees none in blanks, alone or together', () => {
    const blanks = ['', ' ', '\n\r\t', '\u00a0', '\u115f\u1160', '\u180e', '\u200b', '\u2060', '\u2800', '\u3000'];
    for (const text of [...blanks, '\u3164', '\ufeff', '\uffa0', '\ufe0f', '\u{e0041}', blanks.join('')]) {
      expect(hasVisibleText(text), JSON.stringify(text)).to.equal(false);
    }
  });

  it('takes for blank what Unicode gives no ink, some that are blank by name, and nothing else', () => {
    // Signs that stand before or around numbers and words are format characters with ink.
    const inked = new Set([0x70f, 0x6dd, 0x890, 0x891, 0x8e2, 0x110bd, 0x110cd]);
    for (let codePoint = 0x600; codePoint <= 0x605; codePoint++) inked.add(codePoint);
    // Braille without dots, marks and blanks of Egyptian hieroglyphs, a note without head.
    const blankByName = new Set([0x2800, 0x13440, 0x13441, 0x13442, 0x1d159]);
    const wrong: string[] = [];
    for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
      if (codePoint >= 0xd800 && codePoint <= 0xdfff) continue;
      const character = String.fromCodePoint(codePoint);
      const named = /[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}]/u.test(character);
      const blank = (named && !inked.has(codePoint)) || blankByName.has(codePoint);
      if (hasVisibleText(character) === blank) wrong.push(codePoint.toString(16));
    }
    expect(wrong.join(' ')).to.equal('');
  });
});
