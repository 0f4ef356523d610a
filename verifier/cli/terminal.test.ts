import { expect } from 'chai';
import { CHECK_IDS, type Report } from '../core/report.ts';
import { formatJson, formatReport, visible } from './terminal.ts';

const REPORT: Report = {
  outcome: 'inconsistent',
  reason: { check: 'evidence', code: 'file-not-in-record' },
  checks: CHECK_IDS.map((id) => ({ id, status: 'not-run', code: 'not-reached' })),
  warnings: [{ code: 'names-differ', detail: { names: ['evil\u001b[2J\u202e'] } }],
  facts: undefined,
  checkedAt: '2026-05-03T10:00:00.000Z',
  trustDigest: 'aa',
  toolDigest: 'bb',
  network: 'none',
};

describe('verifier/cli terminal', () => {
  it('puts the verdict on line 1 and the warnings on line 2, Chinese before English', () => {
    const lines = formatReport(REPORT, ['zh', 'en'], false).split('\n');
    expect(lines[0]).to.match(/^技术核验：不一致。/);
    expect(lines[1]).to.match(/^提示：.*evil/);
    const english = lines.findIndex((line) => line.startsWith('Verification: inconsistent'));
    expect(english).to.be.greaterThan(2);
    expect(lines[english + 1]).to.match(/^Warnings: /);
    expect(formatReport({ ...REPORT, warnings: [] }, ['en'], false).split('\n')[1]).to.equal('Warnings: none');
  });

  it('states every status as a word, with or without colour', () => {
    for (const colour of [false, true]) {
      const text = formatReport(REPORT, ['en'], colour);
      expect(text.match(/\[not run\]/g), String(colour)).to.have.length(CHECK_IDS.length);
    }
    expect(formatReport(REPORT, ['en'], true)).to.include('\u001b[1;31mVerification: inconsistent');
  });

  it('prints no escape sequence, control or direction character that comes from outside', () => {
    const text = formatReport(REPORT, ['zh', 'en'], false);
    expect(text).to.include('evil{U+001B}[2J{U+202E}');
    expect(text.replaceAll('\n', '')).not.to.match(/[\p{Cc}\p{Bidi_Control}]/u);
    const hostile = 'a\u0000\u0007\u001b\u007f\u009b\u061c\u200e\u202e\u2066\u2028\ufeff\u{e0041}z';
    expect(visible(hostile)).to.match(/^[ -~]+$/);
    expect(visible('聊天记录 👨‍👩‍👧 𠮷.txt')).to.equal('聊天记录 👨‍👩‍👧 𠮷.txt');
  });

  it('writes JSON of the same value without such characters', () => {
    const hostile = { ...REPORT, toolDigest: 'x\u001b\u009b\u202e\u{e0041}' };
    const text = formatJson(hostile);
    expect(JSON.parse(text)).to.deep.equal(JSON.parse(JSON.stringify(hostile)));
    expect(text.replaceAll('\n', '')).not.to.match(/[\p{Cc}\p{Bidi_Control}\u{e0000}-\u{e007f}]/u);
  });
});
