/** Keys on disk: refused when exposed, and the two Ed25519 signers give the same bytes. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ed25519 } from '@noble/curves/ed25519.js';
import { expect } from 'chai';
import { verifySignature } from '../../ledger/core/signature.ts';
import { generateKey, readChain, readP256Key, readSigner, signerOf, writeKeyFile } from '../keys.ts';

const NAME = 'court-1.demo.example';

function code(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
}

describe('server/keys', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'probata-keys-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('node:crypto and noble give the same Ed25519 signature bytes', async () => {
    for (let i = 0; i < 64; i++) {
      const pem = generateKey(0x01);
      const seed = Buffer.from(createPrivateKey(pem).export({ format: 'jwk' }).d ?? '', 'base64url');
      const message = new Uint8Array(randomBytes(i * 17));
      const signer = signerOf(pem, NAME, 0x01);
      const signature = await signer.sign(message);
      expect(signature).deep.equal(ed25519.sign(message, seed));
      expect(signer.key.publicKey).deep.equal(ed25519.getPublicKey(seed));
    }
  });

  for (const type of [0x01, 0x04, 0x06] as const) {
    it(`a written key of type ${type} reads back as the same key, and its signatures verify`, async () => {
      const path = join(dir, 'key.pem');
      const pem = generateKey(type);
      writeKeyFile(path, pem);
      expect(statSync(path).mode & 0o777).equal(0o600);
      const signer = readSigner(path, NAME, type);
      expect(signer.key).deep.equal(signerOf(pem, NAME, type).key);
      expect(signer.key).include({ name: NAME, type });
      const message = new Uint8Array([1, 2, 3]);
      const signature = await signer.sign(message);
      expect(verifySignature(signer.key, message, signature)).equal(true);
      expect(verifySignature(signer.key, new Uint8Array([1, 2, 4]), signature)).equal(false);
    });
  }

  it('never overwrites a key', () => {
    const path = join(dir, 'key.pem');
    writeKeyFile(path, generateKey(0x01));
    const before = readFileSync(path, 'utf8');
    expect(code(() => writeKeyFile(path, generateKey(0x01)))).equal('EEXIST');
    expect(readFileSync(path, 'utf8')).equal(before);
  });

  it('refuses a key that its group or everyone may read or write, and takes it once it is closed again', () => {
    const path = join(dir, 'key.pem');
    writeKeyFile(path, generateKey(0x01));
    for (const mode of [0o640, 0o620, 0o604, 0o602, 0o601, 0o644, 0o777]) {
      chmodSync(path, mode);
      expect(
        code(() => readSigner(path, NAME, 0x01)),
        mode.toString(8),
      ).equal('key-exposed');
    }
    chmodSync(path, 0o400);
    expect(readSigner(path, NAME, 0x01).key.name).equal(NAME);
  });

  it('refuses missing, truncated, oversized and wrong-algorithm keys by name', () => {
    const path = join(dir, 'key.pem');
    expect(code(() => readSigner(path, NAME, 0x01))).equal('key-missing');
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    const wrong = ['', 'x'.repeat(70_000), generateKey(0x01).slice(0, 60), generateKey(0x06).replace('MDQC', 'MDUC')];
    for (const key of [rsa, p384]) wrong.push(key.export({ type: 'pkcs8', format: 'pem' }) as string);
    for (const text of wrong) {
      writeFileSync(path, text, { mode: 0o600 });
      for (const type of [0x01, 0x06] as const) {
        expect(
          code(() => readSigner(path, NAME, type)),
          text.slice(0, 80),
        ).equal('key-malformed');
      }
      expect(code(() => readP256Key(path))).equal('key-malformed');
      expect(code(() => readChain(path))).equal('key-malformed');
    }
    expect(code(() => signerOf(generateKey(0x06), NAME, 0x01))).equal('key-malformed');
    expect(code(() => signerOf(generateKey(0x01), NAME, 0x06))).equal('key-malformed');
  });

  it('reads a P-256 key', () => {
    const path = join(dir, 'pdf.pem');
    const made = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeKeyFile(path, made.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
    const key = readP256Key(path);
    expect(createPublicKey(key).equals(made.publicKey)).equal(true);
  });
});
