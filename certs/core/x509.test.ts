/** Certificates: what parses, what is refused, and every single bit of one turned. */
import { expect } from 'chai';
import { base64Encode } from '../../ledger/core/bytes.ts';
import { certificates, codeOf, makePki, type TestPki, VALIDITY } from '../issue/testing.ts';
import { encodeAlgorithm } from './algorithms.ts';
import { type Der, parseDer } from './der.ts';
import { encode, encodeInteger, encodeOctets, encodeOid, encodeSequence, encodeUtf8 } from './der-write.ts';
import { OID } from './oids.ts';
import {
  CERTIFICATE_BYTES_MAX,
  certificateFromPem,
  formsOf,
  isSignedBy,
  nameText,
  parseCertificate,
  sameCertificate,
  type X509,
} from './x509.ts';

describe('X.509', () => {
  let pki: TestPki;
  before(async () => {
    pki = await makePki();
  });

  it('reads the profile that the CA writes', () => {
    const [signer] = certificates(pki.signer);
    const [root] = certificates(pki.root);
    expect(nameText(signer!.subject)).to.equal('C=CN, O=示范存证联盟, CN=存证平台 Platform');
    expect(signer!.issuer).to.deep.equal(pki.path[1]!.subject);
    expect([signer!.notBeforeMs, signer!.notAfterMs]).to.deep.equal([VALIDITY.notBeforeMs, VALIDITY.notAfterMs]);
    expect(signer!.publicKey?.type).to.equal('p256');
    expect(signer!.extensions).to.deep.equal({
      keyUsage: { critical: true, usages: ['digitalSignature', 'nonRepudiation'] },
      extKeyUsage: { critical: false, purposes: [OID.documentSigning, OID.emailProtection] },
      unknownCritical: [],
    });
    expect(root!.extensions.basicConstraints).to.deep.equal({ critical: true, ca: true, pathLen: 1 });
    expect(isSignedBy(root!, root!)).to.equal(true);
    expect(isSignedBy(signer!, root!)).to.equal(false);
    expect(sameCertificate(signer!, parseCertificate(signer!.der))).to.equal(true);
  });

  it('notices every single bit of a certificate turned: it no longer parses, or no longer verifies', () => {
    const [signer, intermediate] = pki.path;
    for (let at = 0; at < signer!.der.length; at += 1) {
      const turned = signer!.der.slice();
      turned[at] = turned[at]! ^ (1 << (at % 8));
      const code = codeOf(() => {
        if (isSignedBy(parseCertificate(turned), intermediate!)) throw new Error(`byte ${at} does not matter`);
      });
      expect(code === undefined || code === 'der-malformed' || code === 'x509-malformed', `byte ${at}`).to.equal(true);
    }
  });

  it('has exactly two forms, of which each leads to the other', () => {
    const [signer, intermediate] = pki.path;
    const verifying = (certificate: X509): Uint8Array[] =>
      formsOf(certificate).filter((der) => isSignedBy(parseCertificate(der), intermediate!));
    const [own, second, ...more] = verifying(signer!);
    expect(own).to.deep.equal(signer!.der);
    expect(second).not.to.deep.equal(own);
    expect(more).to.deep.equal([]);
    expect(verifying(parseCertificate(second!))).to.deep.equal([second, own]);
  });

  it('lets nothing verify under a key of a type it does not know', () => {
    const [signer, intermediate] = pki.path;
    expect(isSignedBy(signer!, intermediate!)).to.equal(true);
    expect(isSignedBy(signer!, { ...intermediate!, publicKey: undefined })).to.equal(false);
  });

  describe('refuses', () => {
    /** The signer's certificate with some fields of its signed part replaced; the signature no longer matters. */
    const rebuilt = (change: (fields: Uint8Array[], tbs: Der) => Uint8Array[]): Uint8Array => {
      const [tbs, algorithm, signature] = parseDer(pki.path[0]!.der).children;
      const fields = change(
        tbs!.children.map(({ bytes }) => bytes),
        tbs!,
      );
      return encodeSequence(encodeSequence(...fields), algorithm!.bytes, signature!.bytes);
    };
    const extension = (oid: string, value: Uint8Array, critical?: number): Uint8Array =>
      encodeSequence(
        encodeOid(oid),
        ...(critical === undefined ? [] : [encode(0x01, Uint8Array.of(critical))]),
        encodeOctets(value),
      );
    const withExtensions = (...extensions: Uint8Array[]): Uint8Array =>
      rebuilt((fields) => [...fields.slice(0, 7), encode(0xa3, encodeSequence(...extensions))]);

    const refused: [what: string, der: () => Uint8Array][] = [
      ['version 1', () => rebuilt((fields) => fields.slice(1))],
      ['version 2', () => rebuilt((fields) => [encode(0xa0, encodeInteger(1)), ...fields.slice(1)])],
      ['no extensions', () => rebuilt((fields) => fields.slice(0, 7))],
      ['serial number zero', () => rebuilt((fields) => [fields[0]!, encodeInteger(0), ...fields.slice(2)])],
      ['a negative serial number', () => rebuilt((fields) => [fields[0]!, encodeInteger(-5), ...fields.slice(2)])],
      [
        'a serial number of 21 bytes',
        () => rebuilt((fields) => [fields[0]!, encodeInteger(1n << 160n), ...fields.slice(2)]),
      ],
      [
        'another algorithm inside than outside',
        () =>
          rebuilt((fields) => [
            ...fields.slice(0, 2),
            encodeAlgorithm({ oid: OID.ecdsaWithSHA384 }),
            ...fields.slice(3),
          ]),
      ],
      [
        'a unique identifier',
        () => rebuilt((fields) => [...fields.slice(0, 7), encode(0x81, Uint8Array.of(0, 1)), fields[7]!]),
      ],
      [
        'an extension twice',
        () => withExtensions(extension('1.2.3', encodeInteger(1)), extension('1.2.3', encodeInteger(1))),
      ],
      ['critical FALSE written out', () => withExtensions(extension('1.2.3', encodeInteger(1), 0))],
      ['an empty list of purposes', () => withExtensions(extension(OID.extKeyUsage, encodeSequence()))],
      ['no key usage at all', () => withExtensions(extension(OID.keyUsage, encode(0x03, Uint8Array.of(0))))],
      ['an unknown key usage', () => withExtensions(extension(OID.keyUsage, encode(0x03, Uint8Array.of(5, 0, 0x20))))],
      [
        'a path length on what is no CA',
        () => withExtensions(extension(OID.basicConstraints, encodeSequence(encodeInteger(0)))),
      ],
      [
        'a point that is not on the curve',
        () =>
          rebuilt((fields, tbs) => {
            const key = tbs.children[6]!.bytes.slice();
            key[key.length - 1] = key.at(-1)! ^ 1;
            return [...fields.slice(0, 6), key, fields[7]!];
          }),
      ],
      [
        'a certificate longer than the limit',
        () => withExtensions(extension('1.2.3', encodeOctets(new Uint8Array(CERTIFICATE_BYTES_MAX)))),
      ],
    ];
    for (const [what, der] of refused) {
      it(what, () => expect(codeOf(() => parseCertificate(der()))).to.be.oneOf(['x509-malformed', 'der-malformed']));
    }

    it('but not the unchanged control', () => {
      expect(codeOf(() => parseCertificate(rebuilt((fields) => fields)))).to.equal(undefined);
      expect(codeOf(() => parseCertificate(withExtensions(extension('1.2.3', encodeInteger(1)))))).to.equal(undefined);
    });
  });

  it('reads PEM: one section, nothing before or behind', () => {
    const pem = pki.root.certificate;
    expect(codeOf(() => certificateFromPem(pem))).to.equal(undefined);
    expect(codeOf(() => certificateFromPem(pem.replaceAll('\n', '\r\n')))).to.equal(undefined);
    const key = `-----BEGIN PRIVATE KEY-----\n${base64Encode(encodeUtf8('x'))}\n-----END PRIVATE KEY-----\n`;
    for (const other of ['', 'x', `x\n${pem}`, `${pem}x`, pem + pem, pem.replace('M', '*'), key]) {
      expect(
        codeOf(() => certificateFromPem(other)),
        other,
      ).to.equal('x509-malformed');
    }
  });

  it('shows a name that has no known label or text', () => {
    const name = encodeSequence(encode(0x31, encodeSequence(encodeOid('1.2.3'), encodeInteger(1))));
    expect(nameText(name)).to.equal('1.2.3=#020101');
  });
});
