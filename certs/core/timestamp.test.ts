/** Timestamp tokens: of our own courts, of outside authorities with RSA and P-384 keys, and everything that is neither. */
import { constants, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { expect } from 'chai';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { codeOf, makePki, makeTsa, NOW_MS, sha256, type TestPki, tokenOver } from '../issue/testing.ts';
import { type Algorithm, digest, type HashName } from './algorithms.ts';
import { type Attribute, formatSignedData, parseSignedData, type SignedData, signedBytes } from './cms.ts';
import { prepareOwnSignature } from './cms-profile.ts';
import { parseDer } from './der.ts';
import {
  encode,
  encodeGeneralizedTime,
  encodeInteger,
  encodeOctets,
  encodeOid,
  encodeSequence,
  encodeUtf8,
} from './der-write.ts';
import { OID } from './oids.ts';
import { checkTimestamp, encodeTstInfo, parseTimestampToken } from './timestamp.ts';
import { parseCertificate, type X509 } from './x509.ts';

const MESSAGE = utf8Encode('a signature value');
const NULL = encode(0x05);
const OUTSIDE_POLICY = '1.2.3.4.5';

describe('timestamp token', () => {
  let pki: TestPki;
  let data: SignedData;
  let info: readonly Uint8Array[];
  before(async () => {
    pki = await makePki();
    data = parseSignedData(await tokenOver(makeTsa(pki), MESSAGE));
    info = parseDer(data.content!).children.map(({ bytes }) => bytes);
  });

  it('of a court says when, how exactly, by whom, and under which serial number', async () => {
    const tsa = makeTsa(pki);
    const first = checkTimestamp(await tokenOver(tsa, MESSAGE), MESSAGE, pki.roots);
    const second = checkTimestamp(await tokenOver(tsa, MESSAGE), MESSAGE, pki.roots);
    expect(first.timeMs).to.equal(NOW_MS);
    expect(first.accuracyMs).to.equal(1_000);
    expect(first.policy).to.equal(OID.courtTimestampPolicy);
    expect(first.imprint.digest).to.deep.equal(sha256(MESSAGE));
    expect(first.authority).to.deep.equal(pki.tsaPath[0]);
    expect(first.path).to.have.length(3);
    expect([first.serial, second.serial]).to.deep.equal([1n, 2n]);
  });

  // ---- an authority of any kind -----------------------------------------------------------------------------------

  interface Authority {
    readonly certificate: X509;
    readonly root: X509;
    sign(bytes: Uint8Array): Uint8Array;
    readonly signatureAlgorithm: Algorithm;
    readonly digestAlgorithm: Algorithm;
    readonly hash: HashName;
  }
  const name = (text: string): Uint8Array =>
    encodeSequence(encode(0x31, encodeSequence(encodeOid('2.5.4.3'), encodeUtf8(text))));

  /** A certificate signed by hand: @peculiar/x509 stays out, so that two writers meet one reader. */
  function certificate(
    subject: string,
    issuer: string,
    key: KeyObject,
    signed: Authority['sign'],
    algorithm: Uint8Array,
    ...extensions: Uint8Array[]
  ): X509 {
    const spki = new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));
    const validity = encodeSequence(
      encodeGeneralizedTime(Date.UTC(2020, 0, 1)),
      encodeGeneralizedTime(Date.UTC(2060, 0, 1)),
    );
    const tbs = encodeSequence(
      encode(0xa0, encodeInteger(2)),
      encodeInteger(BigInt(subject.length)), // another serial number for another subject
      algorithm,
      name(issuer),
      validity,
      name(subject),
      spki,
      encode(0xa3, encodeSequence(...extensions)),
    );
    return parseCertificate(encodeSequence(tbs, algorithm, encode(0x03, Uint8Array.of(0), signed(tbs))));
  }
  const critical = (oid: string, value: Uint8Array): Uint8Array =>
    encodeSequence(encodeOid(oid), encode(0x01, Uint8Array.of(0xff)), encodeOctets(value));

  function authority(kind: 'rsa' | 'P-256' | 'P-384', hash: HashName): Authority {
    const pair =
      kind === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
        : generateKeyPairSync('ec', { namedCurve: kind });
    const key = createPrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const numbers = { sha256: 256, sha384: 384, sha512: 512 } as const;
    const oid = kind === 'rsa' ? OID[`${hash}WithRSAEncryption`] : OID[`ecdsaWithSHA${numbers[hash]}`];
    const signatureAlgorithm = kind === 'rsa' ? { oid, parameters: NULL } : { oid };
    const algorithm = kind === 'rsa' ? encodeSequence(encodeOid(oid), NULL) : encodeSequence(encodeOid(oid));
    const signed = (bytes: Uint8Array): Uint8Array =>
      new Uint8Array(sign(hash, bytes, { key, padding: constants.RSA_PKCS1_PADDING }));
    const root = certificate(
      'root',
      'root',
      key,
      signed,
      algorithm,
      critical(OID.basicConstraints, encodeSequence(encode(0x01, Uint8Array.of(0xff)))),
      critical(OID.keyUsage, encode(0x03, Uint8Array.of(2, 4))),
    );
    const leaf = certificate(
      'tsa',
      'root',
      key,
      signed,
      algorithm,
      critical(OID.extKeyUsage, encodeSequence(encodeOid(OID.timeStamping))),
    );
    return { certificate: leaf, root, sign: signed, signatureAlgorithm, digestAlgorithm: { oid: OID[hash] }, hash };
  }

  interface Said {
    readonly policy?: string;
    readonly imprint?: Uint8Array;
    readonly imprintAlgorithm?: Uint8Array;
    /** Fields after the time. */
    readonly more?: readonly Uint8Array[];
    readonly attributes?: readonly Attribute[];
    /** Value of signing-certificate-v2. */
    readonly ess?: Uint8Array;
    readonly over?: Partial<SignedData>;
  }
  function token(by: Authority, said: Said = {}): Uint8Array {
    const imprint = encodeSequence(
      said.imprintAlgorithm ?? encodeSequence(encodeOid(OID.sha512), NULL),
      encodeOctets(said.imprint ?? digest('sha512', [MESSAGE])),
    );
    const content = encodeSequence(
      encodeInteger(1),
      encodeOid(said.policy ?? OUTSIDE_POLICY),
      imprint,
      encodeInteger(99),
      encodeGeneralizedTime(NOW_MS),
      ...(said.more ?? []),
    );
    const ess = encodeSequence(encodeSequence(encodeSequence(encodeOctets(sha256(by.certificate.der)))));
    const signedAttributes = [
      { type: OID.contentType, value: encodeOid(OID.tstInfo) },
      { type: OID.messageDigest, value: encodeOctets(digest(by.hash, [content])) },
      { type: OID.signingCertificateV2, value: said.ess ?? ess },
      ...(said.attributes ?? [{ type: OID.signingTime, value: encodeGeneralizedTime(NOW_MS) }]),
    ];
    return formatSignedData({
      contentType: OID.tstInfo,
      content,
      certificates: [by.certificate.der],
      digestAlgorithm: by.digestAlgorithm,
      signatureAlgorithm: by.signatureAlgorithm,
      signer: { issuer: by.certificate.issuer, serial: by.certificate.serial },
      signedAttributes,
      signature: by.sign(signedBytes(signedAttributes)),
      unsignedAttributes: [],
      ...said.over,
    });
  }

  describe('of an outside authority', () => {
    const kinds = [
      ['rsa', 'sha256', true],
      ['rsa', 'sha384', false],
      ['rsa', 'sha512', false],
      ['P-256', 'sha256', false],
      ['P-384', 'sha384', true],
      ['P-384', 'sha512', false],
    ] as const;
    for (const [kind, hash, turns] of kinds) {
      it(`with ${kind} and ${hash}${turns ? ': refused with one bit of any byte turned' : ''}`, () => {
        const by = authority(kind, hash);
        const good = token(by);
        const check = (bytes: Uint8Array): string | undefined =>
          codeOf(() => checkTimestamp(bytes, MESSAGE, [by.root]));
        expect(check(good)).to.equal(undefined);
        for (let at = 0; turns && at < good.length; at += 1) {
          const turned = good.slice();
          turned[at] = turned[at]! ^ (0x80 >> (at % 8));
          expect(check(turned), `byte ${at}`).to.be.a('string');
        }
      });
    }

    it('with plain rsaEncryption as the signature algorithm, as many write it', () => {
      const by = { ...authority('rsa', 'sha256'), signatureAlgorithm: { oid: OID.rsaEncryption, parameters: NULL } };
      expect(codeOf(() => checkTimestamp(token(by), MESSAGE, [by.root]))).to.equal(undefined);
      const bare = { ...by, signatureAlgorithm: { oid: OID.rsaEncryption } };
      expect(codeOf(() => checkTimestamp(token(bare), MESSAGE, [by.root]))).to.equal('cms-bad-signature');
    });

    it('with all that RFC 3161 lets it say', () => {
      const by = authority('P-256', 'sha256');
      const accuracy = encodeSequence(encodeInteger(2), encodeInteger(250, 0x80), encodeInteger(1, 0x81));
      const extension = encodeSequence(encodeOid('1.2.3'), encodeOctets(NULL));
      const more = [
        accuracy,
        encode(0x01, Uint8Array.of(0xff)),
        encodeInteger(-5),
        encode(0xa0, encode(0xa4, by.certificate.subject)),
        encode(0xa1, extension),
      ];
      const { accuracyMs, nonce, tsa, serial } = checkTimestamp(token(by, { more }), MESSAGE, [by.root]);
      expect({ accuracyMs, nonce, tsa, serial }).to.deep.equal({
        accuracyMs: 2_251,
        nonce: -5n,
        tsa: by.certificate.subject,
        serial: 99n,
      });
    });

    it('only when it names the certificate that signed it', () => {
      const by = authority('P-256', 'sha256');
      const named = (...id: Uint8Array[]): string | undefined => {
        const bytes = token(by, { ess: encodeSequence(encodeSequence(encodeSequence(...id))) });
        return codeOf(() => checkTimestamp(bytes, MESSAGE, [by.root]));
      };
      const { der } = by.certificate;
      expect(named(encodeOctets(sha256(der)))).to.equal(undefined);
      expect(named(encodeSequence(encodeOid(OID.sha512)), encodeOctets(digest('sha512', [der])))).to.equal(undefined);
      expect(named(encodeOctets(sha256(by.root.der)))).to.equal('cms-malformed');
      expect(named(encodeSequence(encodeOid('1.3.14.3.2.26')), encodeOctets(sha256(der)))).to.equal('cms-malformed');
    });

    it('with its root beside it, as many send it', () => {
      const by = authority('P-256', 'sha256');
      const certificates = [by.certificate.der, by.root.der];
      expect(checkTimestamp(token(by, { over: { certificates } }), MESSAGE, [by.root]).path).to.have.length(2);
    });

    it('in either form of an ECDSA signature, unless it claims the policy of our courts', () => {
      const by = authority('P-256', 'sha256');
      // Both forms turn up within a few tries; under our policy every token of this authority lacks the profile.
      for (let i = 0; i < 12; i += 1) {
        expect(codeOf(() => checkTimestamp(token(by), MESSAGE, [by.root]))).to.equal(undefined);
        expect(
          codeOf(() => checkTimestamp(token(by, { policy: OID.courtTimestampPolicy }), MESSAGE, [by.root])),
        ).to.equal('cms-malformed');
      }
    });

    const refused: [what: string, code: string, said: (by: Authority) => Said][] = [
      ['the imprint of other bytes', 'timestamp-bad', () => ({ imprint: digest('sha512', [utf8Encode('other')]) })],
      [
        'an unknown imprint algorithm',
        'timestamp-malformed',
        () => ({ imprintAlgorithm: encodeSequence(encodeOid('1.3.14.3.2.26')) }),
      ],
      ['a critical extension', 'timestamp-malformed', () => ({ more: [encode(0xa1, critical('1.2.3', NULL))] })],
      [
        'another name than its certificate’s',
        'timestamp-malformed',
        () => ({ more: [encode(0xa0, encode(0xa4, name('somebody')))] }),
      ],
      ['ordering FALSE written out', 'timestamp-malformed', () => ({ more: [encode(0x01, Uint8Array.of(0))] })],
      ['1,000 milliseconds', 'timestamp-malformed', () => ({ more: [encodeSequence(encodeInteger(1_000, 0x80))] })],
      [
        'an accuracy that is not minimal',
        'der-malformed',
        () => ({ more: [encodeSequence(encode(0x80, Uint8Array.of(0, 1)))] }),
      ],
      ['more than RFC 3161 knows', 'der-malformed', () => ({ more: [encode(0xa2)] })],
      ['an unknown signed attribute', 'timestamp-malformed', () => ({ attributes: [{ type: '1.2.3', value: NULL }] })],
      [
        'a signed attribute twice',
        'timestamp-malformed',
        () => ({ attributes: [1, 2].map((n) => ({ type: OID.signingTime, value: encodeGeneralizedTime(n) })) }),
      ],
      [
        'an unsigned attribute',
        'timestamp-malformed',
        () => ({ over: { unsignedAttributes: [{ type: '1.2.3', value: NULL }] } }),
      ],
      [
        'a certificate nobody needs',
        'x509-untrusted',
        (by) => ({ over: { certificates: [by.certificate.der, pki.path[1]!.der] } }),
      ],
      ['no certificate', 'cms-malformed', () => ({ over: { certificates: [] } })],
      ['no content', 'timestamp-malformed', () => ({ over: { content: utf8Encode('') } })],
    ];
    for (const [what, code, said] of refused) {
      it(`refused with ${what}`, () => {
        const by = authority('P-256', 'sha256');
        const bytes = token(by, said(by));
        const found = codeOf(() => checkTimestamp(bytes, MESSAGE, [by.root]));
        expect(found).to.equal(what === 'no content' ? 'der-malformed' : code);
      });
    }
  });

  it('of a court is signed with P-256 and nothing else', () => {
    const by = authority('P-384', 'sha256');
    const content = encodeTstInfo({
      policy: OID.courtTimestampPolicy,
      imprint: { algorithm: { oid: OID.sha256 }, digest: sha256(MESSAGE) },
      serial: 1n,
      timeMs: NOW_MS,
      accuracySeconds: 1,
    });
    const { parts, toSign } = prepareOwnSignature(OID.tstInfo, [content], [by.certificate]);
    // The key gives both forms of a signature; the low one verifies, and is refused for its curve.
    const codes = Array.from({ length: 20 }, () => {
      const bytes = formatSignedData({ ...parts, content, signature: by.sign(toSign) });
      return codeOf(() => checkTimestamp(bytes, MESSAGE, [by.root]));
    });
    expect([...new Set(codes)].sort()).to.deep.equal(['cms-bad-signature', 'cms-malformed']);
    expect(() => prepareOwnSignature(OID.tstInfo, [content], [])).to.throw('invariant');
  });

  it('refuses a court’s token whose TSTInfo says version 2, or is no TSTInfo', () => {
    const parse = (content: Uint8Array): string | undefined =>
      codeOf(() => parseTimestampToken(formatSignedData({ ...data, content })));
    expect(parse(encodeSequence(...info))).to.equal(undefined);
    expect(parse(encodeSequence(encodeInteger(2), ...info.slice(1)))).to.equal('timestamp-malformed');
    expect(parse(encodeSequence(...info.slice(0, 4)))).to.equal('der-malformed');
    expect(codeOf(() => parseTimestampToken(formatSignedData({ ...data, contentType: OID.data })))).to.equal(
      'timestamp-malformed',
    );
  });
});
