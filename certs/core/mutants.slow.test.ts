/** A hundred thousand changed certificates, and one bit of every fourth byte: none is taken, none crashes the reader. */
import { expect } from 'chai';
import { randomFrom } from '../../fixtures/random.ts';
import { rounds, stride } from '../../fixtures/slow.ts';
import { concat } from '../../ledger/core/bytes.ts';
import { createConsortium } from '../../verifier/testing.ts';
import { codeOf } from '../issue/testing.ts';
import { checkDocumentSignature } from './document-signature.ts';
import { readCertificatePdf } from './pdf-read.ts';

const SEED = 20261122;
const MUTANTS = rounds(100_000);

describe('changed certificates', () => {
  let pdf: Uint8Array;
  let signatureStart: number;
  let signatureEnd: number;
  before(async () => {
    pdf = (await (await createConsortium()).certify()).pdf;
    const found = readCertificatePdf(pdf);
    signatureStart = found.signatureByteRange[1] + 1;
    signatureEnd = signatureStart + 2 * found.cms.length;
  });

  /** The code that refuses; the timestamp token inside the signature is document-signature.test.ts's. */
  const check = (bytes: Uint8Array): string | undefined =>
    codeOf(() => checkDocumentSignature(readCertificatePdf(bytes)));

  it('one bit of every fourth byte', () => {
    for (let at = 0; at < pdf.length; at += 4 * stride()) {
      if (at >= signatureStart && at < signatureEnd) continue;
      const turned = pdf.slice();
      turned[at] = turned[at]! ^ (1 << ((at / 4) % 8));
      expect(check(turned), `byte ${at}`).to.be.a('string');
    }
  });

  it(`${MUTANTS} mutants of seed ${SEED}: bytes set, runs copied, swapped, cut out, repeated, digits changed`, () => {
    const next = randomFrom(SEED);
    const run = (): [number, number] => {
      const start = next(pdf.length);
      return [start, Math.min(pdf.length, start + 1 + next(1 << next(14)))];
    };
    const mutations: (() => Uint8Array)[] = [
      () => set(next(pdf.length), next(256)),
      () => copied(run(), next(pdf.length)),
      () => {
        const [start, end] = run();
        return concat(pdf.subarray(0, start), pdf.subarray(end));
      },
      () => {
        const [start, end] = run();
        return concat(pdf.subarray(0, end), pdf.subarray(start));
      },
      () => digitChanged(next(pdf.length), 0x30 + next(10)),
    ];
    const set = (at: number, byte: number): Uint8Array => {
      const mutant = pdf.slice();
      mutant[at] = byte;
      return mutant;
    };
    const copied = ([start, end]: [number, number], to: number): Uint8Array => {
      const mutant = pdf.slice();
      mutant.set(pdf.subarray(start, Math.min(end, start + pdf.length - to)), to);
      return mutant;
    };
    const digitChanged = (from: number, digit: number): Uint8Array => {
      let at = from;
      while (at < pdf.length - 1 && (pdf[at]! < 0x30 || pdf[at]! > 0x39)) at += 1;
      return set(at, digit);
    };
    let same = 0;
    for (let i = 0; i < MUTANTS; i += 1) {
      const mutant = (mutations[i % mutations.length] as () => Uint8Array)();
      const unchanged =
        mutant.length === pdf.length &&
        mutant.every((byte, at) => byte === pdf[at] || (at >= signatureStart && at < signatureEnd));
      if (unchanged) same += 1;
      else expect(check(mutant), `mutant ${i}`).to.be.a('string');
    }
    expect(same, 'mutations that change nothing, or only the signature value').to.be.below(MUTANTS / 4);
  });
});
