// What takes minutes: every byte of a certificate changed, 20,000 damaged certificates, files larger than memory.
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readCertificatePdf } from '../certs/core/pdf-read.ts';
import { rounds, stride } from '../fixtures/slow.ts';
import { equal, utf8Encode } from '../ledger/core/bytes.ts';
import { PRINT_MEMORY, runProgram } from './cli/testing.ts';
import type { Report } from './core/report.ts';
import { changeByte, mutate, randomOf } from './core/testing.ts';
import { verify } from './core/verify.ts';
import { createConsortium, inputFor, SMALL, type TestCertificate, type TestConsortium } from './testing.ts';

/** Tests over which the bytes of the certificate are spread. */
const PARTS = 16;
const MUTANTS = rounds(20_000);

describe('verifier, the long way', () => {
  let consortium: TestConsortium;
  let certificate: TestCertificate;
  before(async () => {
    consortium = await createConsortium('small', SMALL);
    certificate = await consortium.certify();
  });

  const check = (pdf: Uint8Array, trust = consortium.trustBytes): Promise<Report> =>
    verify({ ...inputFor(consortium, certificate), certificate: pdf, trust });

  /** Changes every byte in turn. @param trust a bundle, or none: what was altered is altered whoever is believed */
  async function changeAll(from: number, to: number, trust: Uint8Array): Promise<void> {
    const random = randomOf(from);
    for (let at = from; at < to; at += stride()) {
      const { outcome, reason } = await check(changeByte(certificate.pdf, at, random), trust);
      if (outcome !== 'inconsistent') expect.fail(`byte ${at}: ${outcome}, ${reason?.code}`);
    }
  }

  it('finds every byte of the signature changed inconsistent', async () => {
    const [, start, end] = readCertificatePdf(certificate.pdf).signatureByteRange;
    await changeAll(start, end, consortium.trustBytes);
  });

  for (let part = 0; part < PARTS; part += 1) {
    it(`finds every byte changed inconsistent, even without a trust bundle: part ${part + 1} of ${PARTS}`, async () => {
      const { pdf } = certificate;
      const [, start, end] = readCertificatePdf(pdf).signatureByteRange;
      const [from, to] = [part, part + 1].map((n) => Math.floor((pdf.length * n) / PARTS)) as [number, number];
      await changeAll(from, Math.min(to, start), utf8Encode('{}'));
      await changeAll(Math.max(from, end), Math.max(to, end), utf8Encode('{}'));
    });
  }

  it(`never finds any of ${MUTANTS} damaged files consistent, nor breaks`, async () => {
    const other = await consortium.certify({ id: '019690f1-c123-7abc-8def-000000000000', index: 5 });
    const random = randomOf(4);
    for (let i = 0; i < MUTANTS; i += 1) {
      const mutant = mutate(certificate.pdf, random, other.pdf);
      if (equal(mutant, certificate.pdf) || equal(mutant, other.pdf)) continue;
      const { outcome, reason } = await check(mutant);
      if (outcome === 'consistent' || reason?.code === 'internal')
        expect.fail(`mutant ${i}: ${outcome}, ${reason?.code}`);
    }
  });

  it('compares a file of 2 GB in less than 512 MiB', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'probata-verify-large-'));
    const at = (name: string): string => join(folder, name);
    await writeFile(at('certificate.pdf'), certificate.pdf);
    await writeFile(at('trust.json'), consortium.trustBytes);
    const large = await open(at('large.bin'), 'w');
    await large.truncate(2 * 1024 ** 3);
    await large.close();
    const args = [at('certificate.pdf'), at('large.bin'), '--trust', at('trust.json'), '--json'];
    const { code, stdout, stderr } = await runProgram(args, PRINT_MEMORY);
    await rm(folder, { recursive: true });
    expect([code, JSON.parse(stdout).reason.code]).to.deep.equal([1, 'file-not-in-record']);
    expect(Number(stderr), 'MiB').to.be.within(1, 512);
  });
});
