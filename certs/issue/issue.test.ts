import { expect } from 'chai';
import { formatVkey } from '../../ledger/core/note.ts';
import type { TlogProof } from '../../ledger/core/tlog-proof.ts';
import { verify } from '../../verifier/core/verify.ts';
import { readCertificatePdf } from '../core/pdf-read.ts';
import { formatRecord, header, type ShownRecord } from '../core/record.ts';
import { nodeFonts } from '../render/fonts-node.ts';
import { renderCertificate } from '../render/render.ts';
import { MEMBERS, sampleFacts, sampleFile, sampleProof, sampleRecord, seededSigner } from '../testing.ts';
import { CONTENTS_BYTES, issueCertificate } from './issue.ts';
import { showFiles } from './record-builder.ts';
import { makePki, makeTsa, signerOf, VALIDITY } from './testing.ts';

const pki = await makePki();
const tsa = makeTsa(pki, Date.parse('2026-11-22T07:52:42.000Z'));
const NOW_MS = Date.parse('2026-11-22T08:00:00.000Z');

/** A judge's trust bundle for the consortium of certs/testing.ts: three of four courts, any arbitration body. */
function trustBundle(): Uint8Array {
  const { origin } = sampleFacts();
  const witness = (name: string, keyName: string, type: 0x04 | 0x06) =>
    `witness ${name} ${formatVkey(seededSigner(keyName, type).key)}`;
  const policy = [
    `log ${formatVkey(seededSigner(origin, 0x01).key)}`,
    ...MEMBERS.flatMap(({ member, keyName }) => [
      witness(`${member}.ed25519`, keyName, 0x04),
      witness(`${member}.ml-dsa-44`, keyName, 0x06),
      `group ${member} all ${member}.ed25519 ${member}.ml-dsa-44`,
    ]),
    'group courts 3 court-1 court-2 court-3 court-4',
    'group arbitration any arbitration-1 arbitration-2',
    'group consortium all courts arbitration',
    'quorum consortium',
    '',
  ].join('\n');
  const bundle = {
    policy,
    pdfRoots: [pki.root.certificate],
    timestampRoots: [pki.root.certificate],
    notBefore: new Date(VALIDITY.notBeforeMs).toISOString(),
    notAfter: new Date(VALIDITY.notAfterMs).toISOString(),
    members: MEMBERS.map(({ member, kind, name, nameEn }) => ({ member, kind, name, nameEn })),
    receiptKeys: [formatVkey(seededSigner(`${origin}/receipt`, 0x01).key)],
  };
  return new TextEncoder().encode(JSON.stringify(bundle));
}

const trust = trustBundle();

const issue = (record: ShownRecord, proof: TlogProof): Promise<Uint8Array> =>
  issueCertificate({
    record,
    proof,
    signedAt: '2026-11-22T07:52:41Z',
    fonts: nodeFonts(),
    signer: signerOf(pki, tsa),
    verify: (certificate) =>
      verify({
        certificate,
        trust,
        evidence: [],
        certificateOnly: true,
        nowMs: NOW_MS,
        rerender: async (source) => (await renderCertificate(source, nodeFonts())).bytes,
      }),
  });

describe('certs/issue/issue', function () {
  this.timeout(120_000);
  const trap =
    '/ByteRange [0 /********** /********** /**********] /Contents <00> endobj\n8 0 obj\n<</Type /Sig>>\nstream\nendstream';
  const declared = { ...sampleFacts().declared, source: trap, storage: 'R&D <b>]]>&amp;' };
  const built = sampleRecord([sampleFile('张喆 𠮷 عقد 👍🏽.pdf'), sampleFile(`${'x'.repeat(200)}.pdf`)], { declared });

  it('issues what the verifier finds consistent, with record and proof inside', async () => {
    const certificate = await issue(built.record, await sampleProof(built, ['court-4']));
    const { attachments, signedAt, contentsBytes } = readCertificatePdf(certificate);
    expect(attachments['record.json']).to.deep.equal(built.bytes);
    expect({ signedAt, contentsBytes }).to.deep.equal({
      signedAt: '2026-11-22T07:52:41Z',
      contentsBytes: CONTENTS_BYTES,
    });
  });

  it('issues a certificate of one file of a bundle alone', async () => {
    const shown = showFiles(built.record, [2]);
    const certificate = await issue(shown, await sampleProof(built));
    expect(readCertificatePdf(certificate).attachments['record.json']).to.deep.equal(formatRecord(shown));
    expect(Buffer.from(certificate).toString('latin1')).not.to.include(built.record.shown[1]?.content.salt ?? '');
  });

  it('issues nothing without a quorum', async () => {
    const proof = await sampleProof(built, ['court-3', 'court-4']);
    const failure = await issue(built.record, proof).catch((error: Error) => error);
    expect(failure).to.be.instanceOf(Error).with.property('message').that.includes('unverifiable: ');
    expect((failure as Error).cause).to.have.property('checks');
  });

  it('issues nothing for a record that is not the one on the ledger', async () => {
    const other = sampleRecord([sampleFile('another.pdf')]);
    expect(header(other.record).id).to.equal(header(built.record).id);
    const failure = await issue(other.record, await sampleProof(built)).catch((error: Error) => error);
    expect(failure).to.be.instanceOf(Error).with.property('message').that.includes('inconsistent: ');
  });
});
