/** The CA: what it issues is what the path check demands, whatever the names look like. (Profiles: certs/core/x509*.test.ts.) */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { certificateFromPem, nameText } from '../core/x509.ts';
import { checkPath } from '../core/x509-path.ts';
import { createRoot, issueDocumentSigner, issueIntermediate, issueTsa, type Subject } from './ca.ts';
import { certificates, NOW_MS, VALIDITY } from './testing.ts';

describe('certification authority', () => {
  const names: Subject[] = [
    { country: 'CN', organization: '示范存证联盟', commonName: '根' },
    { country: 'CN', organization: '#0c0141', commonName: 'a, b="c"\\+<d>;\n e ' },
    { country: 'CN', organization: 'Ünïcode 𠮷 🏛', commonName: 'x'.repeat(200) },
  ];
  for (const subject of names) {
    it(`issues a path for ${JSON.stringify(subject.organization)}`, async () => {
      const root = await createRoot(subject, VALIDITY);
      const intermediate = await issueIntermediate(root, { ...subject, country: 'HK' }, VALIDITY);
      const signer = await issueDocumentSigner(intermediate, subject, VALIDITY);
      const tsa = await issueTsa(intermediate, subject, VALIDITY);
      const [r, i, s, t] = certificates(root, intermediate, signer, tsa);
      expect(checkPath(s!, [i!], [r!], NOW_MS, 'document-signing')).to.have.length(3);
      expect(checkPath(t!, [i!], [r!], NOW_MS, 'time-stamping')).to.have.length(3);
      expect(nameText(s!.subject)).to.equal(`C=CN, O=${subject.organization}, CN=${subject.commonName}`);
      const key = createPublicKey(createPrivateKey(signer.key)).export({ type: 'spki', format: 'der' });
      expect(new X509Certificate(signer.certificate).publicKey.export({ type: 'spki', format: 'der' })).to.deep.equal(
        key,
      );
    });
  }

  it('gives every certificate another serial number of 16 bytes, and another key', async () => {
    const issued = await Promise.all(Array.from({ length: 8 }, () => createRoot(names[0]!, VALIDITY)));
    const serials = issued.map(({ certificate }) => certificateFromPem(certificate).serial);
    expect(new Set(serials).size).to.equal(8);
    for (const serial of serials) expect(serial.toString(16)).to.have.length(32);
    expect(new Set(issued.map(({ key }) => key)).size).to.equal(8);
  });

  it('cuts times to whole seconds, before and after 2050', async () => {
    const validity = {
      notBeforeMs: Date.UTC(2049, 11, 31, 23, 59, 59, 999),
      notAfterMs: Date.UTC(2050, 0, 1, 0, 0, 0, 1),
    };
    const [root] = certificates(await createRoot(names[0]!, validity));
    expect([root!.notBeforeMs, root!.notAfterMs]).to.deep.equal([
      Date.UTC(2049, 11, 31, 23, 59, 59),
      Date.UTC(2050, 0, 1),
    ]);
  });
});
