/** Every hostile PDF is refused, and by the check that should: the structure even when the issuer himself signs it again. */
import { expect } from 'chai';
import { type Hostile, hostileCertificates, insiderCertificates } from '../../fixtures/hostile/make.ts';
import { createConsortium } from '../../verifier/testing.ts';
import { signPdf } from '../issue/sign.ts';
import { codeOf, makePki, signerOf, type TestPki } from '../issue/testing.ts';
import { nodeFonts } from '../render/fonts-node.ts';
import { renderCertificate } from '../render/render.ts';
import { checkDocumentSignature, checkSignatureTimestamp, checkSigner } from './document-signature.ts';
import { readCertificatePdf } from './pdf-read.ts';

describe('hostile PDFs', () => {
  let pki: TestPki;
  let real: Uint8Array;
  let hostile: Hostile[];
  before(async () => {
    pki = await makePki();
    const consortium = await createConsortium();
    const certify = async (id: string): Promise<Uint8Array> => {
      const { recordBytes, proofBytes } = await consortium.certify({ id });
      const input = { record: recordBytes, proof: proofBytes, signedAt: '2026-11-22T03:04:05Z', contentsBytes: 6_144 };
      return signPdf(await renderCertificate(input, nodeFonts()), signerOf(pki));
    };
    real = await certify('019690f1-c123-7abc-8def-0123456789ab');
    const other = await certify('019690f1-c123-7abc-8def-0123456789ac');
    hostile = [...(await hostileCertificates(real, other)), ...(await insiderCertificates(real, pki))];
  });

  const verdict = (bytes: Uint8Array): string | undefined =>
    codeOf(() => {
      const signature = checkDocumentSignature(readCertificatePdf(bytes));
      checkSigner(signature, pki.roots, checkSignatureTimestamp(signature, pki.roots).timeMs);
    });

  it('the real one is taken: the control', () => expect(verdict(real)).to.equal(undefined));

  it('are at least 80 files with names of their own, none of them the real one', () => {
    console.log(`      ${hostile.length} files`);
    expect(hostile.length).to.be.at.least(80);
    expect(new Set(hostile.map(({ name }) => name)).size).to.equal(hostile.length);
    for (const { name, bytes } of hostile) expect(bytes, name).not.to.deep.equal(real);
  });

  it('are all refused, each by the check that should', () => {
    const wrong = hostile.filter(({ bytes, refusedBy }) => {
      const structure = codeOf(() => readCertificatePdf(bytes));
      if (refusedBy === 'structure') return structure?.startsWith('pdf-') !== true;
      return structure !== undefined || verdict(bytes) === undefined;
    });
    expect(wrong.map(({ name, bytes }) => `${name}: ${verdict(bytes)}`)).to.deep.equal([]);
  });
});
