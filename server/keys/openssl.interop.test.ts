/**
 * Encrypted key files against OpenSSL, in both directions. `openssl pkcs8` gives scrypt 32 MiB, so it opens N 2^14 and not our 2^17; for
 * that, `openssl kdf` and `openssl enc` do the same two steps with the memory that they are given. What OPERATIONS.md prints is in
 * operations.interop.test.ts: there no passphrase may stand on a command line.
 */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { generateKey, newSeal, signerOf, writeKeyFile } from '../keys.ts';
import { decryptKey, encryptKey, newParameters, Passphrase, type ScryptParameters, scrypt } from './encryption.ts';
import { pemDecode, pemEncode } from './pem.ts';

const SECRET = 'correct horse';
/** What `openssl pkcs8` can pay for. */
const SMALL = 16_384;

describe('encrypted key files and OpenSSL', () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'probata-openssl-'));
  });
  after(() => rmSync(dir, { recursive: true }));

  const openssl = (args: readonly string[], input?: Uint8Array): Buffer =>
    execFileSync('openssl', args, { input, stdio: ['pipe', 'pipe', 'pipe'] });
  const freely = (parameters: ScryptParameters): Uint8Array => scrypt(SECRET, parameters);
  const p256 = (): string =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

  for (const [kind, make] of [
    ['Ed25519', () => generateKey(0x04)],
    ['P-256', p256],
  ] as const) {
    it(`openssl pkcs8 opens ${kind} keys of ours, and we open those of openssl`, () => {
      const pem = make();
      const [pkcs8] = pemDecode(pem, 'PRIVATE KEY') as [Uint8Array];
      const ours = join(dir, 'ours.pem');
      writeFileSync(ours, pemEncode('ENCRYPTED PRIVATE KEY', encryptKey(pkcs8, newParameters(SMALL), freely)));
      const opened = openssl(['pkcs8', '-in', ours, '-passin', `pass:${SECRET}`]).toString();
      expect(pemDecode(opened, 'PRIVATE KEY')).deep.equal([pkcs8]);
      const clear = join(dir, 'clear.pem');
      writeFileSync(clear, pem);
      const args = ['pkcs8', '-topk8', '-scrypt', '-v2', 'aes-256-cbc', '-in', clear, '-passout', `pass:${SECRET}`];
      const [theirs] = pemDecode(openssl(args).toString(), 'ENCRYPTED PRIVATE KEY') as [Uint8Array];
      expect(decryptKey(theirs, freely, 'it')).deep.equal(pkcs8);
      // What it writes by itself is too weak for us, and says so.
      expect(() => decryptKey(theirs, new Passphrase(SECRET).derive, 'it')).throw(/N 16384/);
    });
  }

  it('openssl kdf and enc open what we write for use, the ML-DSA-44 seed too', () => {
    const pem = generateKey(0x06);
    const path = join(dir, 'used.pem');
    writeKeyFile(path, pem, newSeal(new Passphrase(SECRET)));
    const text = readFileSync(path, 'utf8');
    const parsed = openssl(['asn1parse', '-in', path]).toString();
    expect(parsed)
      .match(/OBJECT\s+:PBES2/)
      .and.match(/OBJECT\s+:(id-)?scrypt/)
      .and.match(/OBJECT\s+:aes-256-cbc/);
    const strings = [...parsed.matchAll(/OCTET STRING\s+\[HEX DUMP\]:([0-9A-F]+)/g)].map((match) => match[1] as string);
    const [salt, iv, encrypted] = strings as [string, string, string];
    const kdf = ['kdf', '-keylen', '32', '-kdfopt', `pass:${SECRET}`, '-kdfopt', `hexsalt:${salt}`];
    const cost = ['n:131072', 'r:8', 'p:1', 'maxmem_bytes:200000000'].flatMap((option) => ['-kdfopt', option]);
    const key = openssl([...kdf, ...cost, 'SCRYPT'])
      .toString()
      .trim()
      .replaceAll(':', '');
    const clear = openssl(['enc', '-d', '-aes-256-cbc', '-K', key, '-iv', iv], Buffer.from(encrypted, 'hex'));
    const opened = pemEncode('PRIVATE KEY', new Uint8Array(clear));
    expect(signerOf(opened, 'x', 0x06).key).deep.equal(signerOf(pem, 'x', 0x06).key);
    expect(text).not.contain(pem.split('\n')[1]);
    // The limit that OPERATIONS.md warns of.
    const refused = (() => {
      try {
        return openssl(['pkcs8', '-in', path, '-passin', `pass:${SECRET}`]).toString();
      } catch (error) {
        return String((error as { stderr?: Buffer }).stderr);
      }
    })();
    expect(refused).match(/memory limit exceeded/);
  });
});
