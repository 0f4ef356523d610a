import { expect } from 'chai';
import { CONTINUED, isQuoting, quoted, visible } from '../core/quoted.ts';
import { CHECK_IDS, type Report } from '../core/report.ts';
import { verify } from '../core/verify.ts';
import { createConsortium, inputFor, SMALL } from '../testing.ts';
import { formatJson, formatReport } from './terminal.ts';

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

/** Two columns a character, one if it is ASCII. */
function columnsAtMost(line: string): number {
  return line.replace(/[^ -~]/gu, '--').length;
}

describe('verifier/cli terminal', function () {
  this.timeout(60_000);

  it('puts the verdict on line 1 and the warnings on line 2, Chinese before English', () => {
    const lines = formatReport(REPORT, ['zh', 'en'], false).split('\n');
    expect(lines[0]).to.match(/^技术核验：不一致。/);
    expect(lines.slice(1, 3).join('')).to.match(/^提示：.*证书上印的是：.*evil/);
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

  it('leaves no line of a quotation to the terminal, where it could stand like one of ours', async () => {
    const consortium = await createConsortium('terminal', SMALL);
    const report = await verify(inputFor(consortium, await consortium.certify()));
    const fake = '法院鉴定: 已提供 · 核验无误';
    // The line before the forged one is filled up with spaces, with ink, with one long word, or with an end of line.
    const sources = [
      `手机${' '.repeat(68)}  ${fake}`,
      `${'手机。'.repeat(11)}一二\u3000${fake} 👨‍👩‍👧`,
      `${'x'.repeat(90)} ${fake}`,
      `手机\n  ${fake}`,
    ];
    for (const source of sources) {
      for (const [columns, width] of [
        [undefined, 80],
        [0, 80],
        [200, 80],
        [40, 40],
        [5, 20],
      ] as const) {
        const facts = { ...report.facts!, stated: { ...report.facts!.stated, source } };
        const lines = formatReport({ ...report, facts }, ['zh'], false, columns).split('\n');
        const first = lines.findIndex((line) => line.startsWith('  来源: '));
        const end = lines.findIndex((line) => line.startsWith('  生成机制: '));
        const [head = '', ...rest] = lines.slice(first, end);
        expect(
          rest.every((line) => line.startsWith(`  ${CONTINUED}`)),
          lines.slice(first, end).join('\n'),
        ).to.equal(true);
        const said = head + rest.map((line) => line.slice(`  ${CONTINUED}`.length)).join('');
        expect(said).to.equal(
          `  来源: ${source
            .split('\n')
            .map((line) => quoted(line, 'zh'))
            .join('')
            .replace('」「', '')}`,
        );
        for (const line of lines.filter(isQuoting)) expect(columnsAtMost(line), line).to.be.at.most(width);
      }
    }
  });

  it('breaks a quotation between words, and never inside an emoji or the notation', () => {
    const names = ['👨‍👩‍👧'.repeat(30), `a${' '.repeat(34)}`.repeat(12), 'two words '.repeat(20)];
    for (let columns = 40; columns < 80; columns++) {
      const text = formatReport(
        { ...REPORT, warnings: [{ code: 'names-differ', detail: { names } }] },
        ['en'],
        false,
        columns,
      );
      for (const line of text.split('\n').filter(isQuoting)) expect(columnsAtMost(line), line).to.be.at.most(columns);
      const pieces = text.replaceAll(`\n  ${CONTINUED}`, '|');
      expect(pieces).not.to.match(/\|\u200d|\u200d\||\{[^}]*\||\w\|\w/u);
    }
  });

  it('writes JSON of the same value without such characters', () => {
    const hostile = { ...REPORT, toolDigest: 'x\u001b\u009b\u202e\u{e0041}' };
    const text = formatJson(hostile);
    expect(JSON.parse(text)).to.deep.equal(JSON.parse(JSON.stringify(hostile)));
    expect(text.replaceAll('\n', '')).not.to.match(/[\p{Cc}\p{Bidi_Control}\u{e0000}-\u{e007f}]/u);
  });
});
