/** Signing a rendered certificate: in its place, of the same length, or not at all. */
import { expect } from 'chai';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { createConsortium, type TestCertificate, type TestConsortium } from '../../verifier/testing.ts';
import { checkDocumentSignature, checkSignatureTimestamp } from '../core/document-signature.ts';
import { readCertificatePdf } from '../core/pdf-read.ts';
import { nodeFonts } from '../render/fonts-node.ts';
import { type RenderedPdf, renderCertificate } from '../render/render.ts';
import { signPdf } from './sign.ts';
import { makePki, NOW_MS, signerOf, type TestPki } from './testing.ts';

describe('signing a certificate', () => {
  let pki: TestPki;
  let consortium: TestConsortium;
  let certificate: TestCertificate;
  before(async () => {
    [pki, consortium] = await Promise.all([makePki(), createConsortium()]);
    certificate = await consortium.certify();
  });

  const render = ({ recordBytes, proofBytes }: TestCertificate, contentsBytes: number): Promise<RenderedPdf> =>
    renderCertificate(
      { record: recordBytes, proof: proofBytes, signedAt: '2026-11-22T03:04:05Z', contentsBytes },
      nodeFonts(),
    );

  it('fills the placeholder and changes nothing else', async () => {
    const rendered = await render(certificate, 6_144);
    const signed = await signPdf(rendered, signerOf(pki));
    expect(signed.length).to.equal(rendered.bytes.length);
    expect(signed.subarray(0, rendered.contentsStart + 1)).to.deep.equal(
      rendered.bytes.subarray(0, rendered.contentsStart + 1),
    );
    expect(signed.subarray(rendered.contentsEnd - 1)).to.deep.equal(rendered.bytes.subarray(rendered.contentsEnd - 1));
    const signature = checkDocumentSignature(readCertificatePdf(signed));
    expect(signature.signer).to.deep.equal(pki.path[0]);
    expect(checkSignatureTimestamp(signature, pki.roots).timeMs).to.equal(NOW_MS);
  });

  it('needs the room that the signature takes, and says so when there is less', async () => {
    // An ECDSA signature takes 68 to 71 bytes, so the next one may be a few bytes longer.
    const { cms } = readCertificatePdf(await signPdf(await render(certificate, 6_144), signerOf(pki)));
    expect(
      readCertificatePdf(await signPdf(await render(certificate, cms.length + 16), signerOf(pki))).contentsBytes,
    ).to.equal(cms.length + 16);
    const outcome = await signPdf(await render(certificate, 2_000), signerOf(pki)).catch(
      (error: Error) => error.message,
    );
    expect(outcome).to.match(/^the signature has \d+ bytes, the placeholder only 2000$/);
  });

  it('is not led astray by a record that looks like a placeholder', async () => {
    const names = [
      '/ByteRange [0 /********** /********** /**********]',
      '/Contents <0000000000000000>',
      '8 0 obj << >> endobj',
      ') endobj trailer startxref',
    ];
    const tricky = await consortium.certify({ files: names.map((name) => ({ name, bytes: utf8Encode(name) })) });
    const signed = await signPdf(await render(tricky, 6_144), signerOf(pki));
    expect(readCertificatePdf(signed).attachments['record.json']).to.deep.equal(tricky.recordBytes);
    expect(checkDocumentSignature(readCertificatePdf(signed)).signer).to.deep.equal(pki.path[0]);
  });

  it('gives nothing when the key or the timestamp authority fails', async () => {
    const rendered = await render(certificate, 6_144);
    const failing = async (): Promise<never> => Promise.reject(new Error('out of order'));
    for (const signer of [
      { ...signerOf(pki), sign: failing },
      { ...signerOf(pki), timestamp: failing },
    ]) {
      expect(await signPdf(rendered, signer).catch((error: Error) => error.message)).to.equal('out of order');
    }
  });
});
