// A revoked certificate stays revoked in the second form of its issuer's ECDSA signature, which a thief of its key can write: (r, n − s);
// and it stands for no other certificate, not even one of the same name and key.
// Times and epochs of revocations: ../lifecycle.
import { expect } from 'chai';
import { Fields, parseDer, readBits, readInteger } from '../../certs/core/der.ts';
import { encode, encodeInteger, encodeSequence } from '../../certs/core/der-write.ts';
import { parseCertificate, type X509 } from '../../certs/core/x509.ts';
import type { Issued } from '../../certs/issue/ca.ts';
import { certificates, renewRoot, VALIDITY } from '../../certs/issue/testing.ts';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { digestOf } from '../lifecycle/testing.ts';
import {
  consortiumOf,
  createConsortium,
  inputFor,
  type Parts,
  SMALL,
  type TestCertificate,
  type TestConsortium,
} from '../testing.ts';
import type { CheckId } from './report.ts';
import type { TrustBundle } from './trust.ts';
import { verify } from './verify.ts';

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
/** Before anything was signed. */
const AT = '2026-01-02T00:00:00Z';

function secondForm(certificate: X509): X509 {
  const [tbs, algorithm, signature] = parseDer(certificate.der).children;
  const numbers = new Fields(parseDer(readBits(signature!)), 'signature');
  const [r, s] = [readInteger(numbers.take()), readInteger(numbers.take())];
  const second = encodeSequence(encodeInteger(r), encodeInteger(P256_ORDER - s));
  return parseCertificate(encodeSequence(tbs!.bytes, algorithm!.bytes, encode(0x03, Uint8Array.of(0), second)));
}

describe('verifier/core revocation', function () {
  this.timeout(60_000);
  let consortium: TestConsortium;
  before(async () => {
    consortium = await createConsortium('test', SMALL);
  });

  /** The verdict on what is signed and stamped with these certificates, one of them revoked. */
  const verdict = async (changes: Partial<Parts>, revoked: X509): Promise<string> => {
    const certificate = await consortiumOf({ ...consortium.parts, ...changes }).certify();
    return judge(certificate, { revoked: [{ key: digestOf(revoked), at: AT }] });
  };
  const judge = async (certificate: TestCertificate, changes: Partial<TrustBundle>): Promise<string> => {
    const trust = utf8Encode(JSON.stringify({ ...consortium.trust, ...changes }));
    const { outcome, reason } = await verify({ ...inputFor(consortium, certificate), trust });
    return reason === undefined ? outcome : `${outcome} ${reason.check} ${reason.code}`;
  };

  const cases: [what: string, check: CheckId, revoked: () => X509, used: (revoked: X509) => Partial<Parts>][] = [
    [
      'signer',
      'pdf-chain',
      () => consortium.pki.path[0]!,
      (signer) => ({ pki: { ...consortium.pki, path: [signer, consortium.pki.path[1]!] } }),
    ],
    [
      'timestamp authority',
      'timestamp',
      () => consortium.pki.tsaPath[0]!,
      (tsa) => ({ stamps: { ...consortium.pki, tsaPath: [tsa, consortium.pki.tsaPath[1]!] } }),
    ],
    [
      'intermediate',
      'pdf-chain',
      () => consortium.pki.path[1]!,
      (ca) => ({ pki: { ...consortium.pki, path: [consortium.pki.path[0]!, ca] } }),
    ],
  ];
  for (const [what, check, revoked, used] of cases) {
    it(`of the ${what} holds for both forms of its certificate, whichever it names`, async () => {
      const own = revoked();
      const second = secondForm(own);
      expect(digestOf(second)).not.to.equal(digestOf(own));
      expect(await verdict(used(own), own)).to.equal(`unverifiable ${check} certificate-revoked`);
      expect(await verdict(used(second), own)).to.equal(`unverifiable ${check} certificate-revoked`);
      expect(await verdict(used(own), second)).to.equal(`unverifiable ${check} certificate-revoked`);
    });
  }

  it('of a root, or its end, hides no other root of its name and key', async () => {
    const { pki } = consortium;
    const old = await renewRoot(pki.root, { notBeforeMs: Date.UTC(2016, 0, 1), notAfterMs: Date.UTC(2026, 1, 1) });
    const same = await renewRoot(pki.root, VALIDITY);
    const revoked = [{ key: digestOf(certificates(same)[0]!), at: AT }];
    const certificate = await consortium.certify();
    for (const [list, check] of [
      ['pdfRoots', 'pdf-chain'],
      ['timestampRoots', 'timestamp'],
    ] as const) {
      const under = (...roots: Issued[]): Promise<string> =>
        judge(certificate, { revoked, [list]: roots.map((root) => root.certificate) });
      expect(await under(old, same, pki.root)).to.equal('consistent');
      expect(await under(same, pki.root, old)).to.equal('consistent');
      expect(await under(same)).to.equal(`unverifiable ${check} certificate-revoked`);
      expect(await under(old)).to.equal(`inconsistent ${check} x509-expired`);
    }
  });

  it('is of one certificate alone: outside authorities sign in either form, and neither is held against them', async () => {
    const [signer, ca] = consortium.pki.path;
    const used = { pki: { ...consortium.pki, path: [secondForm(signer!), ca!] } };
    const [other] = (await createConsortium('other', SMALL)).pki.path;
    expect(await verdict(used, other!)).to.equal('consistent');
  });
});
