/** Keys and signature algorithms: agreement with node:crypto, and everything that only looks like a signature. */
import { constants, generateKeyPairSync, type KeyObject, privateEncrypt, sign } from 'node:crypto';
import { expect } from 'chai';
import { concat, utf8Encode } from '../../ledger/core/bytes.ts';
import { codeOf, sha256 } from '../issue/testing.ts';
import {
  type Algorithm,
  digestName,
  type PublicKey,
  readAlgorithm,
  readPublicKey,
  sameAlgorithm,
  secondForms,
  verifySignature,
} from './algorithms.ts';
import { parseDer, readInteger } from './der.ts';
import { encode, encodeInteger, encodeOctets, encodeOid, encodeSequence } from './der-write.ts';
import { OID } from './oids.ts';
import { bigEndian } from './rsa.ts';

const MESSAGE = utf8Encode('message');
const NULL = encode(0x05);
const RSA_SHA256: Algorithm = { oid: OID.sha256WithRSAEncryption, parameters: NULL };

const spkiOf = (key: KeyObject): Uint8Array => new Uint8Array(key.export({ type: 'spki', format: 'der' }));
const keyOf = (key: KeyObject): PublicKey => readPublicKey(parseDer(spkiOf(key))) as PublicKey;
const verify = (key: PublicKey, algorithm: Algorithm, signature: Uint8Array, o = { lowS: false }): boolean =>
  verifySignature(key, algorithm, MESSAGE, signature, o);

describe('signature algorithms', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });

  it('verify what node:crypto signs, with every hash, and only under the right key and algorithm', () => {
    const ecdsa = { sha256: OID.ecdsaWithSHA256, sha384: OID.ecdsaWithSHA384, sha512: OID.ecdsaWithSHA512 };
    for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
      const signers: [KeyObject, KeyObject, Algorithm][] = [
        [rsa.privateKey, rsa.publicKey, { oid: OID[`${hash}WithRSAEncryption`], parameters: NULL }],
        [p256.privateKey, p256.publicKey, { oid: ecdsa[hash] }],
        [p384.privateKey, p384.publicKey, { oid: ecdsa[hash] }],
      ];
      for (const [secret, key, algorithm] of signers) {
        const signature = new Uint8Array(sign(hash, MESSAGE, secret));
        for (const [, otherKey, otherAlgorithm] of signers) {
          const right = key === otherKey && algorithm === otherAlgorithm;
          expect(verify(keyOf(otherKey), otherAlgorithm, signature)).to.equal(right);
        }
        expect(verifySignature(keyOf(key), algorithm, utf8Encode('massage'), signature, { lowS: false })).to.equal(
          false,
        );
      }
    }
  });

  it('have the parameters their specification gives them, and no others', () => {
    const rsaSignature = new Uint8Array(sign('sha256', MESSAGE, rsa.privateKey));
    const ecSignature = new Uint8Array(sign('sha256', MESSAGE, p256.privateKey));
    expect(verify(keyOf(rsa.publicKey), { oid: OID.sha256WithRSAEncryption }, rsaSignature)).to.equal(false);
    expect(verify(keyOf(p256.publicKey), { oid: OID.ecdsaWithSHA256, parameters: NULL }, ecSignature)).to.equal(false);
    expect(verify(keyOf(p256.publicKey), { oid: '1.2.840.10045.4.1' }, ecSignature)).to.equal(false);
    expect(verify(keyOf(rsa.publicKey), { oid: OID.rsaEncryption, parameters: NULL }, rsaSignature)).to.equal(false);
    expect(digestName({ oid: OID.sha256, parameters: encodeInteger(1) })).to.equal(undefined);
    expect(digestName({ oid: OID.sha384, parameters: NULL })).to.equal('sha384');
    expect(sameAlgorithm({ oid: OID.sha256 }, { oid: OID.sha256, parameters: NULL })).to.equal(false);
    expect(codeOf(() => readAlgorithm(parseDer(encodeSequence(encodeOid(OID.sha256), NULL, NULL))))).to.equal(
      'der-malformed',
    );
  });

  it('ECDSA has two forms of each signature, RSA one', () => {
    for (const { privateKey, publicKey } of [p256, p384]) {
      const signature = new Uint8Array(sign('sha256', MESSAGE, privateKey));
      const fitting = secondForms(signature).filter((second) =>
        verify(keyOf(publicKey), { oid: OID.ecdsaWithSHA256 }, second),
      );
      expect(fitting).to.have.length(1);
      expect(fitting[0]).not.to.deep.equal(signature);
      expect(secondForms(fitting[0]!)).to.deep.include(signature);
    }
    expect(secondForms(new Uint8Array(sign('sha256', MESSAGE, rsa.privateKey)))).to.deep.equal([]);
  });

  it('ECDSA refuses numbers that would fit only after being cut off', () => {
    const key = keyOf(p256.publicKey);
    const signature = new Uint8Array(sign('sha256', MESSAGE, p256.privateKey));
    const [r, s] = parseDer(signature).children.map(readInteger) as [bigint, bigint];
    const check = (...numbers: bigint[]): boolean =>
      verify(key, { oid: OID.ecdsaWithSHA256 }, encodeSequence(...numbers.map((n) => encodeInteger(n))));
    expect(check(r, s)).to.equal(true);
    for (const wrong of [
      [r + 2n ** 256n, s],
      [r, s + 2n ** 256n],
      [r - 2n ** 256n, s],
      [r, s - 2n ** 256n],
      [0n, s],
      [r, 0n],
    ]) {
      expect(check(...wrong)).to.equal(false);
    }
  });

  describe('RSA refuses', () => {
    const key = keyOf(rsa.publicKey);
    const raw = (block: Uint8Array): Uint8Array =>
      new Uint8Array(privateEncrypt({ key: rsa.privateKey, padding: constants.RSA_NO_PADDING }, block));
    const info = (algorithm: Uint8Array, digest = sha256(MESSAGE)): Uint8Array =>
      encodeSequence(algorithm, encodeOctets(digest));
    const sha256Null = encodeSequence(encodeOid(OID.sha256), NULL);
    /** 00 ‖ type ‖ padding ‖ 00 ‖ info ‖ behind. */
    const block = (digestInfo: Uint8Array, o: { type?: number; fill?: number; behind?: number } = {}): Uint8Array => {
      const behind = new Uint8Array(o.behind ?? 0);
      const padding = new Uint8Array(256 - 3 - digestInfo.length - behind.length).fill(o.fill ?? 0xff);
      return concat(Uint8Array.of(0, o.type ?? 1), padding, Uint8Array.of(0), digestInfo, behind);
    };
    const cases: [what: string, signature: () => Uint8Array][] = [
      ['garbage behind the digest', () => raw(block(info(sha256Null), { behind: 20 }))],
      ['another block type', () => raw(block(info(sha256Null), { type: 2 }))],
      ['other padding', () => raw(block(info(sha256Null), { fill: 0xfe }))],
      ['a digest algorithm without parameters', () => raw(block(info(encodeSequence(encodeOid(OID.sha256)))))],
      [
        'garbage in the parameters',
        () => raw(block(info(encodeSequence(encodeOid(OID.sha256), encodeOctets(new Uint8Array(20)))))),
      ],
      ['another digest', () => raw(block(info(sha256Null, sha256(utf8Encode('other')))))],
      ['a bare digest', () => raw(block(sha256(MESSAGE)))],
      [
        'PSS',
        () =>
          new Uint8Array(sign('sha256', MESSAGE, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING })),
      ],
      ['a signature too short', () => raw(block(info(sha256Null))).subarray(1)],
      ['a signature too long', () => concat(Uint8Array.of(0), raw(block(info(sha256Null))))],
      ['a number beyond the modulus', () => new Uint8Array(256).fill(0xff)],
      ['zero', () => new Uint8Array(256)],
    ];
    for (const [what, signature] of cases) it(what, () => expect(verify(key, RSA_SHA256, signature())).to.equal(false));

    it('the signature plus the modulus, which is the same number modulo it', () => {
      const { n } = rsa.publicKey.export({ format: 'jwk' });
      const modulus = BigInt(`0x${Buffer.from(n as string, 'base64url').toString('hex')}`);
      for (let i = 0; ; i += 1) {
        const message = utf8Encode(`message ${i}`);
        const signature = new Uint8Array(sign('sha256', message, rsa.privateKey));
        const larger = BigInt(`0x${Buffer.from(signature).toString('hex')}`) + modulus;
        if (larger >= 1n << 2_048n) continue;
        const check = (bytes: Uint8Array): boolean => verifySignature(key, RSA_SHA256, message, bytes, { lowS: false });
        expect([check(signature), check(bigEndian(larger, 256))]).to.deep.equal([true, false]);
        return;
      }
    });

    it('but not the control', () => expect(verify(key, RSA_SHA256, raw(block(info(sha256Null))))).to.equal(true));

    it('keys too small, too large, or with another exponent', () => {
      const spki = (modulus: bigint, exponent: bigint): Uint8Array =>
        encodeSequence(
          encodeSequence(encodeOid(OID.rsaEncryption), NULL),
          encode(0x03, Uint8Array.of(0), encodeSequence(encodeInteger(modulus), encodeInteger(exponent))),
        );
      const code = (modulus: bigint, exponent = 65_537n): string | undefined =>
        codeOf(() => readPublicKey(parseDer(spki(modulus, exponent))));
      expect(code(2n ** 2_048n - 1n)).to.equal(undefined);
      expect(code(2n ** 8_192n - 1n)).to.equal(undefined);
      expect(code(2n ** 2_047n - 1n)).to.equal('x509-malformed');
      expect(code(2n ** 8_192n + 1n)).to.equal('x509-malformed');
      expect(code(2n ** 2_048n - 1n, 3n)).to.equal('x509-malformed');
      expect(code(-(2n ** 2_048n))).to.equal('x509-malformed');
    });
  });

  it('refuse points that are compressed, at infinity, or on no curve, and leave unknown keys unknown', () => {
    const algorithm = (curve: string): Uint8Array => encodeSequence(encodeOid(OID.ecPublicKey), encodeOid(curve));
    const spki = (point: Uint8Array, curve: string = OID.prime256v1): Uint8Array =>
      encodeSequence(algorithm(curve), encode(0x03, Uint8Array.of(0), point));
    const point = spkiOf(p256.publicKey).slice(-65);
    const code = (bytes: Uint8Array): string | undefined => codeOf(() => readPublicKey(parseDer(bytes)));
    expect(code(spki(point))).to.equal(undefined);
    const compressed = concat(Uint8Array.of(2 + (point[64]! & 1)), point.subarray(1, 33));
    const off = point.slice();
    off[64] = off[64]! ^ 1;
    const hybrid = concat(Uint8Array.of(6 + (point[64]! & 1)), point.subarray(1));
    for (const wrong of [
      compressed,
      off,
      hybrid,
      Uint8Array.of(0),
      point.subarray(0, 64),
      new Uint8Array(65).fill(4, 0, 1),
    ]) {
      expect(code(spki(wrong))).to.equal('x509-malformed');
    }
    expect(code(spki(point, OID.secp384r1))).to.equal('x509-malformed');
    expect(readPublicKey(parseDer(spki(point, '1.3.132.0.10')))).to.equal(undefined);
    const { publicKey } = generateKeyPairSync('ed25519');
    expect(readPublicKey(parseDer(spkiOf(publicKey)))).to.equal(undefined);
  });
});
