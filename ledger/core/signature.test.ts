/** The one verifier against node:crypto, and the crafted signatures on which verifiers differ. */
import { createPrivateKey, sign as nodeSign } from 'node:crypto';
import { expect } from 'chai';
import { concat, hexDecode, utf8Encode } from './bytes.ts';
import { type VerifierKey, vkeyOf } from './note.ts';
import { signNote, verifySignature } from './signature.ts';
import { flipped, testSigner } from './testing.ts';

const message = utf8Encode('a message');
const hex = (text: string) => hexDecode(text) as Uint8Array;

describe('signature', () => {
  it('verifies RFC 8032 section 7.1, tests 1 to 3', () => {
    const tests: [publicKey: string, message: string, signature: string][] = [
      [
        'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
        '',
        'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
      ],
      [
        '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
        '72',
        '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
      ],
      [
        'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
        'af82',
        '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
      ],
    ];
    for (const [publicKey, signed, signature] of tests) {
      expect(verifySignature(vkeyOf('a', 0x01, hex(publicKey)), hex(signed), hex(signature))).to.equal(true);
    }
  });

  it('verifies what node:crypto signs, and signs the same bytes', async () => {
    const { key, sign } = testSigner('a', 0x01, 3);
    const der = concat(hex('302e020100300506032b657004220420'), new Uint8Array(32).fill(3));
    const privateKey = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
    const signature = Uint8Array.from(nodeSign(null, message, privateKey));
    expect(verifySignature(key, message, signature)).to.equal(true);
    expect(await sign(message)).to.deep.equal(signature);
  });

  for (const type of [0x01, 0x04, 0x06] as const) {
    it(`refuses another message, key or signature, type ${type}`, async () => {
      const { key, sign } = testSigner('a', type, 4);
      const signature = await sign(message);
      expect(verifySignature(key, message, signature)).to.equal(true);
      expect(verifySignature(key, utf8Encode('another'), signature)).to.equal(false);
      expect(verifySignature(testSigner('a', type, 5).key, message, signature)).to.equal(false);
      for (let at = 0; at < signature.length; at += type === 0x06 ? 101 : 7) {
        expect(verifySignature(key, message, flipped(signature, at, at % 8)), String(at)).to.equal(false);
      }
    });

    it(`refuses signatures of the wrong length without throwing, type ${type}`, async () => {
      const { key, sign } = testSigner('a', type, 4);
      const signature = await sign(message);
      for (const wrong of [signature.slice(1), concat(signature, Uint8Array.of(0)), Uint8Array.of()]) {
        expect(verifySignature(key, message, wrong)).to.equal(false);
      }
    });
  }

  describe('crafted Ed25519', () => {
    const zero = new Uint8Array(32);
    const identity = hex(`01${'00'.repeat(31)}`);
    const verifies = (publicKey: Uint8Array, r: Uint8Array, s: Uint8Array) =>
      verifySignature(vkeyOf('a', 0x01, publicKey), message, concat(r, s));

    it('refuses a public key of small order, under which one signature fits every message', () => {
      expect(verifies(identity, identity, zero)).to.equal(false);
    });

    it('refuses a public key that is not canonical or not a point', () => {
      const notCanonical = hex(`ee${'ff'.repeat(30)}7f`); // y = 2^255 - 18, the identity again
      expect(verifies(notCanonical, identity, zero)).to.equal(false);
      expect(verifies(hex(`02${'00'.repeat(31)}`), identity, zero)).to.equal(false);
    });

    it('refuses S = S + L, the same signature in another spelling', async () => {
      const { key, sign } = testSigner('a', 0x01, 3);
      const signature = await sign(message);
      const order = 2n ** 252n + 27742317777372353535851937790883648493n;
      let s = order;
      for (let i = 31; i >= 0; i--) s += BigInt(signature[32 + i] ?? 0) << BigInt(8 * i);
      const malleated = signature.slice();
      for (let i = 0; i < 32; i++) malleated[32 + i] = Number((s >> BigInt(8 * i)) & 0xffn);
      expect(verifySignature(key, message, malleated)).to.equal(false);
    });
  });

  it('makes note signatures with keys of type 0x01 only', async () => {
    const line = await signNote('text\n', testSigner('a', 0x01, 1));
    expect([line.name, line.signature.length]).to.deep.equal(['a', 64]);
    const failed = await signNote('text\n', testSigner('a', 0x04, 1)).then(String, (error: Error) => error.message);
    expect(failed).to.include('invariant');
  });

  it('does not verify across types with one key pair: the key ID tells them apart', () => {
    const keys: VerifierKey[] = [testSigner('a', 0x01, 1).key, testSigner('a', 0x04, 1).key];
    expect(keys[0]?.publicKey).to.deep.equal(keys[1]?.publicKey);
    expect(keys[0]?.id).to.not.equal(keys[1]?.id);
  });
});
