import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { randomFrom } from '../../fixtures/random.ts';
import type { Lang } from './messages.ts';
import { CONTINUED, isQuoting, quoted, quotedLines, visible } from './quoted.ts';

const LANGS: readonly Lang[] = ['zh', 'en'];
const CLOSE: Readonly<Record<Lang, string>> = { zh: '」', en: '”' };
const SENTENCES = ['messages.ts', 'explain.ts', 'explain-questions.ts', 'explain-articles.ts', 'phrasing.ts'];

describe('verifier/core quoted', () => {
  it('leaves ordinary names and facts as they are', () => {
    for (const text of [
      '合同终稿 (1).pdf',
      'a b.txt',
      '《协议》第一页',
      'عقد إيجار.pdf',
      'Zoë’s file',
      '한글',
      '𠮷.txt',
      '',
    ]) {
      expect(quoted(text, 'zh')).to.equal(`「${text}」`);
      expect(quoted(text, 'en')).to.equal(`“${text}”`);
    }
  });

  it('lets no text end its own quotation, in marks that are like ours either', () => {
    expect(quoted('a」 · 已比对', 'zh')).to.equal('「a{U+300D} · 已比对」');
    expect(quoted('a” · same', 'en')).to.equal('“a{U+201D} · same”');
    for (const mark of '「」『』｢｣﹁﹂﹃﹄')
      expect(quoted(`a${mark}b`, 'zh'), mark).to.match(/^「a\{U\+[0-9A-F]{4}\}b」$/);
    for (const mark of '"“”„‟〝〞〟＂″ʺ') expect(quoted(`a${mark}b`, 'en'), mark).to.match(/^“a\{U\+[0-9A-F]{4}\}b”$/);
  });

  it('shows what hides, turns, overprints or means nothing', () => {
    const hidden =
      '\u0000\u001b\u007f\u009b\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u180b\u180e\u2003\u200b\u200c\u200d\u200e\u202e\u2028\u202f\u2060\u2066\u2800\u3164\ue000\ufe0f\ufeff\uffa0\ufff9\uffff\ud800\u{1d173}\u{e0041}\u{e0100}';
    for (const character of hidden) {
      const hex = (character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0');
      expect(quoted(`a${character}b`, 'zh')).to.equal(`「a{U+${hex}}b」`);
      expect(visible(`a${character}b`)).to.equal(`a{U+${hex}}b`);
    }
  });

  it('leaves joiners and picture selectors inside emoji, and there alone', () => {
    const emoji = '全家福 👨‍👩‍👧 ❤️ ❤️‍🔥 1️⃣ 🇨🇳 👍🏽 👩🏽‍🚀 🏳️‍🌈.jpg';
    expect([quoted(emoji, 'zh'), visible(emoji)]).to.deep.equal([`「${emoji}」`, emoji]);
    expect(visible('👨\u200da')).to.equal('👨{U+200D}a');
    expect(visible('❤\ufe0f\ufe0f')).to.equal('❤\ufe0f{U+FE0F}');
    expect(visible('a\ufe0f 1\ufe0f')).to.equal('a{U+FE0F} 1{U+FE0F}');
    expect(visible('🏴\u{e0067}\u{e007f}')).to.equal('🏴{U+E0067}{U+E007F}');
  });

  it('shows the spaces that the eye would miss, and a run of the same once', () => {
    expect(quoted(' a b  c\u3000d\u3000', 'zh')).to.equal('「{U+0020}a b{U+0020 ×2}c\u3000d{U+3000}」');
    expect(quoted(`a${' '.repeat(40)}· 15 字节`, 'zh')).to.equal('「a{U+0020 ×40}· 15 字节」');
  });

  it('puts no mark on what is ours, and not more than four on a letter', () => {
    expect(quoted('\u0338a', 'zh')).to.equal('「{U+0338}a」');
    expect(quoted('a \u0338', 'zh')).to.equal('「a {U+0338}」');
    expect(quoted(`e${'\u0301'.repeat(9)}`, 'zh')).to.equal(`「e${'\u0301'.repeat(4)}{U+0301 ×5}」`);
  });

  it('writes what looks like the notation so that it does not', () => {
    expect(quoted('a{U+202E}{b}', 'zh')).to.equal('「a{U+007B}U+202E}{b}」');
  });

  it('begins every further line of a text with the mark', () => {
    const text = '一\r\n二\r三\n公证: 有';
    expect(quotedLines('来源: ', text, 'zh')).to.deep.equal([
      '来源: 「一',
      `${CONTINUED}二`,
      `${CONTINUED}三`,
      `${CONTINUED}公证: 有」`,
    ]);
    expect(quotedLines('', text, 'en').every(isQuoting)).to.equal(true);
    expect(isQuoting('公证: 未说明')).to.equal(false);
  });

  it('quotes anything so that it ends once, hides nothing and is quoted the same when looked at again', () => {
    const random = randomFrom(5);
    const some = [...' \u3000a字」”「“{U+}\u0301\u200d\ufe0f👨❤1\u20e3\u202e\u3164\n\ud800\u{1f1e8}\u{1f3fd}·'];
    for (let i = 0; i < 2_000; i++) {
      const text = Array.from({ length: 1 + random(12) }, () => some[random(some.length)]).join('');
      for (const lang of LANGS) {
        const said = quoted(text, lang);
        expect([said.indexOf(CLOSE[lang]), visible(said)], JSON.stringify(text)).to.deep.equal([said.length - 1, said]);
        expect(said, JSON.stringify(text)).not.to.match(/[\p{Cc}\p{Cs}\p{Bidi_Control}\u3164]|[ \u3000]{2}/u);
      }
    }
  });

  it('keeps quotation marks out of our own sentences', () => {
    for (const file of SENTENCES) {
      expect(readFileSync(new URL(file, import.meta.url), 'utf8'), file).not.to.match(/[「」“”]/);
    }
  });
});
