// Changed bytes. One changed byte anywhere is an inconsistent certificate; any damage at all is never consistent and never an
// internal fault. Every single byte, and many more mutants: verifier/verifier.slow.test.ts.
import { expect } from 'chai';
import { equal, utf8Encode } from '../../ledger/core/bytes.ts';
import { createConsortium, inputFor, SMALL, type TestCertificate, type TestConsortium } from '../testing.ts';
import { CheckList } from './checks.ts';
import type { Report } from './report.ts';
import { below, changeByte, mutate, randomOf } from './testing.ts';
import { parseTrustBundle } from './trust.ts';
import { verify } from './verify.ts';

describe('verifier/core verify, changed bytes', function () {
  this.timeout(120_000);
  let consortium: TestConsortium;
  let certificate: TestCertificate;
  let other: TestCertificate;
  before(async () => {
    consortium = await createConsortium('small', SMALL);
    certificate = await consortium.certify();
    other = await consortium.certify({ id: '019690f1-c123-7abc-8def-000000000000', index: 5 });
  });

  const check = (pdf: Uint8Array): Promise<Report> =>
    verify({ ...inputFor(consortium, certificate), certificate: pdf });

  it('finds the unchanged certificate consistent', async () => {
    expect((await check(certificate.pdf)).outcome).to.equal('consistent');
  });

  it('finds one changed byte inconsistent, in 100 random places', async () => {
    const random = randomOf(1);
    for (let i = 0; i < 100; i += 1) {
      const at = below(random, certificate.pdf.length);
      const report = await check(changeByte(certificate.pdf, at, random));
      expect(report.outcome, `byte ${at}: ${report.reason?.code}`).to.equal('inconsistent');
    }
  });

  it('finds one changed byte inconsistent in every kind of place', async () => {
    const { pdf, recordBytes, proofBytes } = certificate;
    const text = Buffer.from(pdf).toString('latin1');
    const contents = text.indexOf('/Contents <') + 11;
    const cms = text.slice(contents).search(/0{200}/);
    const places: Record<string, number> = {
      header: 5,
      'binary marker': 12,
      'an object number': text.indexOf(' 0 obj') - 1,
      'a dictionary key': text.indexOf('/Type') + 1,
      'a page stream': text.indexOf('stream\n') + 20,
      metadata: text.indexOf('<x:xmpmeta') + 40,
      'a font': text.indexOf('/FontFile2'),
      record: Buffer.from(pdf).indexOf(recordBytes) + 100,
      proof: Buffer.from(pdf).indexOf(proofBytes) + 100,
      'byte range': text.indexOf('/ByteRange') + 14,
      'start of the signature': contents,
      'middle of the signature': contents + Math.floor(cms / 2),
      'end of the signature': contents + cms - 2,
      'first byte of padding': contents + cms + 2,
      'last byte of padding': text.indexOf('>', contents) - 1,
      xref: text.lastIndexOf('xref\n', text.lastIndexOf('startxref') - 1) + 30,
      trailer: text.indexOf('trailer') + 12,
      'id of the file': text.indexOf('/ID') + 8,
      startxref: text.lastIndexOf('startxref') + 11,
      'end of file': pdf.length - 2,
      'last byte': pdf.length - 1,
    };
    for (const [place, at] of Object.entries(places)) {
      expect(at, place).to.be.within(0, pdf.length - 1);
      const report = await check(changeByte(pdf, at, randomOf(at)));
      expect(report.outcome, `${place} ${report.reason?.code}`).to.equal('inconsistent');
    }
  });

  it('finds every other spelling of the signature inconsistent', async () => {
    const text = Buffer.from(certificate.pdf).toString('latin1');
    const start = text.indexOf('/Contents <') + 11;
    const letter = text.slice(start).search(/[a-f]/) + start;
    const upper = Uint8Array.from(certificate.pdf);
    upper[letter] = upper[letter]! - 32;
    expect((await check(upper)).outcome).to.equal('inconsistent');
  });

  it('never finds any of 200 damaged files consistent, nor breaks', async () => {
    const random = randomOf(2);
    for (let i = 0; i < 200; i += 1) {
      const mutant = mutate(certificate.pdf, random, other.pdf);
      if (equal(mutant, certificate.pdf) || equal(mutant, other.pdf)) continue;
      const report = await check(mutant);
      expect(report.outcome, `mutant ${i}`).not.to.equal('consistent');
      expect(report.reason?.code, `mutant ${i}`).not.to.equal('internal');
    }
  });

  it('reads or refuses 1,000 damaged trust bundles', async () => {
    const random = randomOf(3);
    const foreign = (await createConsortium('elsewhere', SMALL)).trustBytes;
    for (let i = 0; i < 1000; i += 1) {
      const checks = new CheckList();
      await checks.run('trust', [], () => ({
        value: parseTrustBundle(mutate(consortium.trustBytes, random, foreign)),
      }));
    }
  });

  it('never breaks on the marks of a certificate without one', async () => {
    const report = await check(utf8Encode('%PDF-1.7\ndeposit.tlog-proof'));
    expect([report.outcome, report.reason?.code]).to.deep.equal(['inconsistent', 'pdf-not-ours']);
  });
});
