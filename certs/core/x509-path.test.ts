/** Paths: every way in which a certificate may not be what it must be. */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { expect } from 'chai';
import {
  createRoot,
  type Issued,
  issue,
  issueDocumentSigner,
  issueIntermediate,
  issueTsa,
  type Validity,
} from '../issue/ca.ts';
import { certificates, codeOf, makePki, NOW_MS, renewRoot, subject, type TestPki, VALIDITY } from '../issue/testing.ts';
import { OID } from './oids.ts';
import type { X509 } from './x509.ts';
import { checkPath, type Purpose } from './x509-path.ts';

const { digitalSignature, nonRepudiation, keyCertSign, cRLSign, keyEncipherment } = x509.KeyUsageFlags;
const signing = new x509.KeyUsagesExtension(digitalSignature | nonRepudiation, true);
const certSign = new x509.KeyUsagesExtension(keyCertSign | cRLSign, true);
const documentPurposes = new x509.ExtendedKeyUsageExtension([OID.documentSigning, OID.emailProtection]);
const ca = (pathLength?: number): x509.Extension => new x509.BasicConstraintsExtension(true, pathLength, true);

describe('certification path', () => {
  let pki: TestPki;
  before(async () => {
    pki = await makePki();
  });

  const check = (
    issued: readonly Issued[],
    purpose: Purpose = 'document-signing',
    atMs = NOW_MS,
  ): string | undefined => {
    const [leaf, ...bag] = certificates(...issued);
    return codeOf(() => checkPath(leaf!, bag, pki.roots, atMs, purpose));
  };
  /** A leaf of any profile under the PKI's intermediate. */
  const leaf = (...extensions: x509.Extension[]): Promise<Issued> =>
    issue(pki.intermediate, subject('叶'), VALIDITY, extensions);

  it('goes from the signer and from the court to the root', () => {
    expect(check([pki.signer, pki.intermediate])).to.equal(undefined);
    expect(check([pki.tsa, pki.intermediate], 'time-stamping')).to.equal(undefined);
    const [signer, intermediate] = pki.path;
    const path = checkPath(signer!, [intermediate!], pki.roots, NOW_MS, 'document-signing');
    expect(path).to.deep.equal([signer, intermediate, pki.roots[0]]);
  });

  it('takes the intermediates in any order, and a signer right under the root', async () => {
    const top = await issue(undefined, subject('顶'), VALIDITY, [ca(), certSign]);
    const upper = await issue(top, subject('上'), VALIDITY, [ca(1), certSign]);
    const lower = await issue(upper, subject('下'), VALIDITY, [ca(0), certSign]);
    const [leaf, one, two, root] = certificates(
      await issueDocumentSigner(lower, subject('叶'), VALIDITY),
      lower,
      upper,
      top,
    );
    for (const bag of [
      [one!, two!],
      [two!, one!],
    ]) {
      expect(checkPath(leaf!, bag, [...pki.roots, root!], NOW_MS, 'document-signing')).to.deep.equal([
        leaf,
        one,
        two,
        root,
      ]);
    }
    expect(check([await issueDocumentSigner(pki.root, subject('叶'), VALIDITY)])).to.equal(undefined);
  });

  it('takes four intermediates and no fifth', async () => {
    const top = await issue(undefined, subject('顶'), VALIDITY, [ca(), certSign]);
    const levels = [top];
    for (let i = 1; i <= 5; i += 1)
      levels.push(await issue(levels.at(-1), subject(`第${i}级`), VALIDITY, [ca(), certSign]));
    const codeAt = async (level: number): Promise<string | undefined> => {
      const leaf = await issueDocumentSigner(levels[level] as Issued, subject('叶'), VALIDITY);
      const [one, ...bag] = certificates(leaf, ...levels.slice(1, level + 1));
      return codeOf(() => checkPath(one!, bag, certificates(top), NOW_MS, 'document-signing'));
    };
    expect(await codeAt(4)).to.equal(undefined);
    expect(await codeAt(5)).to.equal('x509-untrusted');
  });

  describe('has no trust without', () => {
    it('a root pinned: another root of the same name', async () => {
      const other = await makePki();
      expect(check([other.signer, other.intermediate])).to.equal('x509-untrusted');
      expect(check([other.signer, pki.intermediate])).to.equal('x509-untrusted');
      expect(codeOf(() => checkPath(pki.path[0]!, [pki.path[1]!], [], NOW_MS, 'document-signing'))).to.equal(
        'x509-untrusted',
      );
    });

    it('every intermediate, and with one more than needed', async () => {
      expect(check([pki.signer])).to.equal('x509-untrusted');
      const spare = await issueIntermediate(pki.root, subject('多余'), VALIDITY);
      expect(check([pki.signer, pki.intermediate, spare])).to.equal('x509-untrusted');
      expect(check([pki.signer, pki.intermediate, pki.root])).to.equal('x509-untrusted');
      expect(check([pki.signer, pki.intermediate, pki.intermediate])).to.equal('x509-untrusted');
      expect(check([pki.signer, ...Array(5).fill(pki.intermediate)])).to.equal('x509-untrusted');
    });

    it('the right order: a CA is no signer, a signer no CA', async () => {
      expect(check([pki.intermediate, pki.signer])).to.equal('x509-untrusted');
      expect(check([pki.intermediate])).to.equal('x509-purpose');
      const below = await issueDocumentSigner(pki.signer, subject('叶'), VALIDITY);
      expect(check([below, pki.signer, pki.intermediate])).to.equal('x509-purpose');
    });
  });

  describe('is only as long as every certificate is valid', () => {
    it('to the second, at both ends', () => {
      const ends: [number, string | undefined][] = [
        [VALIDITY.notBeforeMs - 1, 'x509-expired'],
        [VALIDITY.notBeforeMs, undefined],
        [VALIDITY.notAfterMs + 999, undefined],
        [VALIDITY.notAfterMs + 1_000, 'x509-expired'],
      ];
      for (const [atMs, code] of ends)
        expect(check([pki.signer, pki.intermediate], 'document-signing', atMs)).to.equal(code);
    });

    it('leaf, intermediate and root alike', async () => {
      const past: Validity = { notBeforeMs: Date.UTC(2020, 0, 1), notAfterMs: Date.UTC(2025, 0, 1) };
      expect(check([await issueDocumentSigner(pki.intermediate, subject('叶'), past), pki.intermediate])).to.equal(
        'x509-expired',
      );
      const old = await issueIntermediate(pki.root, subject('旧'), past);
      expect(check([await issueDocumentSigner(old, subject('叶'), VALIDITY), old])).to.equal('x509-expired');
      const oldRoot = await createRoot(subject('旧根'), past);
      const [signer, root] = certificates(await issueDocumentSigner(oldRoot, subject('叶'), VALIDITY), oldRoot);
      expect(codeOf(() => checkPath(signer!, [], [root!], NOW_MS, 'document-signing'))).to.equal('x509-expired');
    });
  });

  describe('of several roots of one name and key', () => {
    const ended: Validity = { notBeforeMs: Date.UTC(2016, 0, 1), notAfterMs: Date.UTC(2026, 1, 1) };
    const under = (...roots: X509[]): X509[] => {
      const [signer, intermediate] = pki.path;
      return checkPath(signer!, [intermediate!], roots, NOW_MS, 'document-signing');
    };
    let good: X509;
    let old: X509;
    let noCa: X509;
    before(async () => {
      [good, old, noCa] = certificates(
        pki.root,
        await renewRoot(pki.root, ended),
        await renewRoot(pki.root, VALIDITY, [ca()]),
      ) as [X509, X509, X509];
    });

    it('takes the one with which the path holds, wherever it stands', () => {
      for (const roots of [
        [good, old, noCa],
        [old, good, noCa],
        [noCa, old, good],
      ])
        expect(under(...roots).at(-1)).to.equal(good);
    });

    it('names the first when it holds with none', () => {
      expect(codeOf(() => under(old, noCa))).to.equal('x509-expired');
      expect(codeOf(() => under(noCa, old))).to.equal('x509-purpose');
    });
  });

  describe('refuses a signer of documents', () => {
    const cases: [what: string, extensions: x509.Extension[]][] = [
      ['that is the court’s', [signing, new x509.ExtendedKeyUsageExtension([OID.timeStamping], true)]],
      ['without key usage', [documentPurposes]],
      [
        'whose key usage is not critical',
        [new x509.KeyUsagesExtension(digitalSignature | nonRepudiation), documentPurposes],
      ],
      ['for digitalSignature alone', [new x509.KeyUsagesExtension(digitalSignature, true), documentPurposes]],
      [
        'for keyEncipherment too',
        [new x509.KeyUsagesExtension(digitalSignature | nonRepudiation | keyEncipherment, true), documentPurposes],
      ],
      ['without purposes', [signing]],
      ['for emailProtection alone', [signing, new x509.ExtendedKeyUsageExtension([OID.emailProtection])]],
      ['for documentSigning alone', [signing, new x509.ExtendedKeyUsageExtension([OID.documentSigning])]],
      ['for everything', [signing, new x509.ExtendedKeyUsageExtension([OID.anyExtendedKeyUsage])]],
      [
        'for timeStamping too',
        [signing, new x509.ExtendedKeyUsageExtension([OID.documentSigning, OID.emailProtection, OID.timeStamping])],
      ],
      ['that is a CA', [signing, documentPurposes, ca()]],
      [
        'with an unknown critical extension',
        [signing, documentPurposes, new x509.Extension('1.2.3.4', true, Uint8Array.of(5, 0))],
      ],
    ];
    for (const [what, extensions] of cases) {
      it(what, async () => expect(check([await leaf(...extensions), pki.intermediate])).to.equal('x509-purpose'));
    }
    it('but not the control, nor one with an unknown extension that is not critical', async () => {
      expect(check([await leaf(signing, documentPurposes), pki.intermediate])).to.equal(undefined);
      const unknown = new x509.Extension('1.2.3.4', false, Uint8Array.of(5, 0));
      expect(check([await leaf(signing, documentPurposes, unknown), pki.intermediate])).to.equal(undefined);
    });
  });

  describe('refuses a timestamp authority', () => {
    const stamping = new x509.ExtendedKeyUsageExtension([OID.timeStamping], true);
    const cases: [what: string, extensions: x509.Extension[]][] = [
      ['that is the platform’s', [signing, documentPurposes]],
      ['whose purpose is not critical', [signing, new x509.ExtendedKeyUsageExtension([OID.timeStamping])]],
      [
        'with a second purpose',
        [signing, new x509.ExtendedKeyUsageExtension([OID.timeStamping, OID.emailProtection], true)],
      ],
      ['without purposes', [signing]],
      [
        'whose key may do more than sign',
        [new x509.KeyUsagesExtension(digitalSignature | keyEncipherment, true), stamping],
      ],
      ['that is a CA', [signing, stamping, ca()]],
    ];
    for (const [what, extensions] of cases) {
      it(what, async () =>
        expect(check([await leaf(...extensions), pki.intermediate], 'time-stamping')).to.equal('x509-purpose'),
      );
    }
    it('but not one without key usage', async () => {
      expect(check([await leaf(stamping), pki.intermediate], 'time-stamping')).to.equal(undefined);
    });
  });

  describe('refuses a CA', () => {
    const under = async (...extensions: x509.Extension[]): Promise<string | undefined> => {
      const intermediate = await issue(pki.root, subject('中'), VALIDITY, extensions);
      return check([await issueDocumentSigner(intermediate, subject('叶'), VALIDITY), intermediate]);
    };
    it('without basicConstraints', async () => expect(await under(certSign)).to.equal('x509-purpose'));
    it('that says it is none', async () =>
      expect(await under(new x509.BasicConstraintsExtension(false, undefined, true), certSign)).to.equal(
        'x509-purpose',
      ));
    it('without keyCertSign', async () => expect(await under(ca(), signing)).to.equal('x509-purpose'));
    it('without key usage', async () => expect(await under(ca())).to.equal('x509-purpose'));
    it('for another purpose', async () =>
      expect(await under(ca(), certSign, new x509.ExtendedKeyUsageExtension([OID.timeStamping]))).to.equal(
        'x509-purpose',
      ));
    it('with an unknown critical extension', async () =>
      expect(await under(ca(), certSign, new x509.Extension('2.5.29.30', true, Uint8Array.of(0x30, 0)))).to.equal(
        'x509-purpose',
      ));
    it('but not one for this purpose or for any', async () => {
      expect(await under(ca(), certSign, documentPurposes)).to.equal(undefined);
      expect(await under(ca(), certSign, new x509.ExtendedKeyUsageExtension([OID.anyExtendedKeyUsage]))).to.equal(
        undefined,
      );
    });
    it('that may have no CA below it', async () => {
      const below = await issue(pki.intermediate, subject('再下'), VALIDITY, [ca(), certSign]);
      const signer = await issueDocumentSigner(below, subject('叶'), VALIDITY);
      expect(check([signer, below, pki.intermediate])).to.equal('x509-purpose');
      const tsa = await issueTsa(below, subject('叶'), VALIDITY);
      expect(check([tsa, below, pki.intermediate], 'time-stamping')).to.equal('x509-purpose');
    });
  });
});
