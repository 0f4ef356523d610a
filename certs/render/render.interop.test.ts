// What other people's programs say of a certificate: qpdf, poppler, zbar. Each must be installed; a missing one fails loudly.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { hexEncode } from '../../ledger/core/bytes.ts';
import { proofBytes, sampleFile, sampleProof, sampleRecord } from '../testing.ts';
import { nodeFonts } from './fonts-node.ts';
import { renderCertificate } from './render.ts';

const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

describe('certs/render, as other programs see it', function () {
  this.timeout(300_000);
  const folder = mkdtempSync(join(tmpdir(), 'probata-render-'));
  const pdf = join(folder, 'certificate.pdf');
  const names = ['张喆与朱镕𠮷.docx', 'عقد إيجار.pdf', 'חוזה.pdf', '👨‍👩‍👧‍👦.jpg', 'invoice\u202efdp.exe'];
  const built = sampleRecord(names.map((name) => sampleFile(name)));
  let proof: Uint8Array;

  before(async () => {
    proof = proofBytes(await sampleProof(built));
    const input = { record: built.bytes, proof, signedAt: '2026-11-22T07:52:41Z', contentsBytes: 8_192 };
    writeFileSync(pdf, (await renderCertificate(input, nodeFonts())).bytes);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('qpdf finds no error', () => {
    expect(run('qpdf', '--check', pdf)).to.include('No syntax or stream encoding errors found');
  });

  it('qpdf takes out the attachments as they went in', () => {
    const attached = (name: string) => execFileSync('qpdf', [pdf, `--show-attachment=${name}`]);
    expect(new Uint8Array(attached('record.json'))).to.deep.equal(built.bytes);
    expect(new Uint8Array(attached('deposit.tlog-proof'))).to.deep.equal(proof);
  });

  it('pdffonts finds every font embedded, subset, and with its characters', () => {
    const rows = run('pdffonts', pdf).trim().split('\n').slice(2);
    expect(rows).to.have.length(6);
    for (const row of rows) expect(row).to.match(/^[A-Z]{6}\+Noto\S+ +CID TrueType +Identity-H +yes yes yes /);
  });

  it('pdftotext reads every name, right-to-left ones in their order', () => {
    // It wraps right-to-left text in marks of its own.
    const text = run('pdftotext', pdf, '-').replace(/[\u202a-\u202e]/g, '');
    for (const expected of [
      '张喆与朱镕𠮷.docx',
      'عقد إيجار.pdf',
      'חוזה.pdf',
      '👨‍👩‍👧‍👦.jpg',
      'invoice‹U+202E›fdp.exe',
    ]) {
      expect(text).to.include(expected);
    }
    expect(text).to.include('电子数据存证证书').and.include('Certificate of Deposit');
  });

  it('pdfinfo calls it tagged, titled, and not encrypted', () => {
    const info = run('pdfinfo', pdf);
    expect(info)
      .to.match(/Tagged: +yes/)
      .and.match(/Encrypted: +no/)
      .and.match(/Title: +电子数据存证证书/);
  });

  it('zbarimg reads the QR code from a printed page', () => {
    run('pdftoppm', '-r', '150', '-gray', '-png', '-l', '1', '-singlefile', pdf, join(folder, 'page'));
    const code = run('zbarimg', '--raw', '-q', join(folder, 'page.png'));
    expect(code.trim()).to.equal(`probata:1\n019aa9d2-3c51-7b4e-8f02-6d1e5a7c9b30\n${hexEncode(built.commitment)}`);
  });
});
