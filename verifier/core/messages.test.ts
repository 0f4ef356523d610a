import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { CHECKS, CODES, OUTCOMES, STATUSES, type Text } from './messages.ts';
import { CHECK_IDS } from './report.ts';

const CATALOGUES: Readonly<Record<string, Readonly<Record<string, Text>>>> = { OUTCOMES, STATUSES, CHECKS, CODES };

describe('verifier/core messages', () => {
  it('has both languages for everything it has', () => {
    for (const [name, catalogue] of Object.entries(CATALOGUES)) {
      for (const [key, { zh, en }] of Object.entries(catalogue)) {
        expect(zh, `${name} ${key}`).to.match(/\p{Script=Han}/u);
        expect(en, `${name} ${key}`).to.match(/^[ -~’]+$/);
      }
    }
    expect(Object.keys(CHECKS)).to.deep.equal([...CHECK_IDS]);
  });

  it('uses the three verdicts of the law, and different words for different statuses', () => {
    expect(Object.values(OUTCOMES).map(({ zh }) => zh)).to.deep.equal(['一致', '不一致', '无法核验']);
    expect(new Set(Object.values(STATUSES).map(({ zh }) => zh)).size).to.equal(4);
  });

  it('never calls evidence true, original or qualified, in any sentence of any language', () => {
    for (const file of ['messages.ts', 'explain.ts', 'explain-questions.ts', 'explain-articles.ts', 'phrasing.ts']) {
      const strings = readFileSync(new URL(file, import.meta.url), 'utf8').replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
      expect(strings, file).not.to.match(/真实|原创|\b(true|original|authentic|qualified)\b(?! ?[:,)&?])/i);
    }
  });
});
