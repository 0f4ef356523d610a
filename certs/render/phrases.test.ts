import { expect } from 'chai';
import { clustersOf } from './clusters.ts';
import { nodeFonts } from './fonts-node.ts';
import { PHRASES } from './phrases.ts';

/** Every text of the catalogue; functions are called with something for each argument. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'function') {
    const statement = {
      how: 'upload',
      platform: 'P',
      platformEn: 'P',
      received: 'T',
      receivedUtc: 'T',
      files: '2',
      entry: '3',
      courts: 2,
      arbitration: 1,
    };
    const first = value === PHRASES.statement ? statement : 2;
    return [
      ...texts(value(first, 2)),
      ...(value === PHRASES.statement ? texts(value({ ...statement, how: 'digest' }, 2)) : []),
    ];
  }
  return Object.values(value as object).flatMap(texts);
}
const all = texts(PHRASES);

describe('certs/render/phrases', () => {
  it('claims nothing that the verifier cannot check', () => {
    for (const text of all) {
      expect(text).not.to.match(/真实|原创|真伪|区块|qualified electronic ledger/i);
      expect(text).not.to.match(/\bblocks?\b|\bchain|block ?chain|\btransactions?\b|on-chain/i);
      expect(text).not.to.match(/\bundefined\b|\bNaN\b/);
    }
  });

  it('names the three features a court looks for, and limits Art. 16 to the time after entry', () => {
    const text = all.join('\n');
    for (const expected of [
      '独立节点',
      '链式存储',
      '非对称加密签名',
      '自上链时间起未经篡改',
      '第十六条',
      '第十七条',
      '第十八条',
      '属实',
    ]) {
      expect(text).to.include(expected);
    }
  });

  it('says everything in both languages, in characters that the fonts have', () => {
    expect(all.length).to.be.greaterThan(100);
    for (const text of all) {
      expect(text.trim()).not.to.equal('');
      const drawn = clustersOf(nodeFonts(), text.replaceAll('\n', ''), true);
      expect(drawn.filter(({ notation, font }) => notation || font !== 'sc-bold')).to.deep.equal([]);
    }
  });
});
