/** T51, files: what lies on disk, who may read it, and every way in which it does not open. With SoftHSM: hsm.interop.test.ts. */
import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scrypt as nobleScrypt } from '@noble/hashes/scrypt.js';
import { expect } from 'chai';
import { parseCertificate, type X509 } from '../../certs/core/x509.ts';
import { decryptKeys } from '../commands/key.ts';
import { KEY_FILES, readConfig } from '../config.ts';
import { generateKey, Keyring, newSeal, readChain, readSigner, type Seal, signerOf, writeKeyFile } from '../keys.ts';
import { cosignerSigners } from '../roles/cosigner-setup.ts';
import { initConsortium } from '../roles/init.ts';
import { readKeys, readTrust } from '../roles/platform-setup.ts';
import { decryptKey, encryptKey, Passphrase, SCRYPT_COST, type ScryptParameters, scrypt } from './encryption.ts';
import { formatKey, parseKey } from './files.ts';
import { pemDecode, pemEncode } from './pem.ts';
import { finishRewrite, rewriteKeys } from './rewrite.ts';
import { type Env, keySecrets, readSecret, takeSecrets } from './secrets.ts';
import { COURT_NAME, codeOf, courtKeys } from './testing.ts';

const SECRET = 'correct horse 正确 battery';
const RIGHT: Env = { PROBATA_PASSPHRASE: SECRET };
const code = (run: () => unknown): Promise<unknown> => codeOf(run, SECRET);

describe('server/keys at rest (T51)', () => {
  const passphrase = new Passphrase(SECRET);
  let made: string;
  let data: string;
  let court: string;
  /** A P-256 key that no certificate is about. */
  let p256: string;
  before(async () => {
    made = mkdtempSync(join(tmpdir(), 'probata-at-rest-'));
    const members = { courts: 1, mirrors: 1, name: 'demo' };
    await initConsortium({ data: join(made, 'whole'), port: 9000, ...members, nowMs: Date.now(), passphrase });
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    p256 = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  });
  beforeEach(() => {
    data = mkdtempSync(join(made, 'case-'));
    cpSync(join(made, 'whole'), data, { recursive: true });
    court = join(data, 'court-1');
  });
  after(() => rmSync(made, { recursive: true }));

  const opens = (by?: Passphrase): string[] => courtKeys(court, by);

  /** The seal under which a key file lies: its salt has been paid for already. */
  function sealOf(path: string): Seal {
    const found: ScryptParameters[] = [];
    const [der] = pemDecode(readFileSync(path, 'utf8'), 'ENCRYPTED PRIVATE KEY') as [Uint8Array];
    decryptKey(
      der,
      (parameters) => {
        found.push(parameters);
        return passphrase.derive(parameters);
      },
      path,
    );
    return { passphrase, parameters: found[0] as ScryptParameters };
  }

  it('1. every private key that init writes with a passphrase is PBES2 with scrypt N 2^17, one salt a member, an IV each', () => {
    const files = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((path) =>
      /keys.(?!.*chain).*\.pem$/.test(path),
    );
    expect(files).lengthOf(8);
    const salts = new Map<string, Set<string>>();
    const derived: ScryptParameters[] = [];
    for (const path of files) {
      const text = readFileSync(join(data, path), 'utf8');
      expect(text, path).match(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
      expect(statSync(join(data, path)).mode & 0o777, path).equal(0o600);
      const [der] = pemDecode(text, 'ENCRYPTED PRIVATE KEY');
      decryptKey(
        der as Uint8Array,
        (parameters) => {
          derived.push(parameters);
          const member = path.split('/')[0] as string;
          const salt = Buffer.from(parameters.salt).toString('hex');
          salts.set(member, (salts.get(member) ?? new Set()).add(salt));
          return passphrase.derive(parameters);
        },
        path,
      );
    }
    expect([...salts.values()].map(({ size }) => size)).deep.equal([1, 1, 1]);
    expect(new Set([...salts.values()].flatMap((set) => [...set])).size).equal(3);
    for (const parameters of derived) expect(parameters).include({ cost: 131_072, blockSize: 8, parallelization: 1 });
  });

  it('2. a key file or a passphrase file that others may read is refused', async () => {
    const key = join(court, KEY_FILES.ed25519);
    const file = join(data, 'passphrase');
    writeFileSync(file, `${SECRET}\n`, { mode: 0o600 });
    const env = { PROBATA_PASSPHRASE_FILE: file };
    expect(readSecret(env, 'PROBATA_PASSPHRASE'), 'its newline left out').equal(SECRET);
    for (const mode of [0o640, 0o604, 0o620, 0o602, 0o601]) {
      chmodSync(file, mode);
      expect(await code(() => Keyring.open(court, undefined, env))).equal('secret-exposed');
      chmodSync(file, 0o600);
      chmodSync(key, mode);
      expect(await code(() => opens(passphrase))).equal('key-exposed');
      chmodSync(key, 0o600);
    }
    const keyring = await Keyring.open(court, undefined, env);
    expect(keyring.signer('ed25519', COURT_NAME, 0x04).key.name).equal(COURT_NAME);
  });

  it('3. a wrong passphrase is refused, for each kind of key', async () => {
    const wrong = new Passphrase('x');
    for (const file of [KEY_FILES.ed25519, KEY_FILES.mlDsa44, KEY_FILES.tsa]) {
      const text = readFileSync(join(court, file), 'utf8');
      expect(await code(() => parseKey(text, wrong, file))).equal('passphrase-wrong');
    }
  });

  it('4. a missing passphrase is refused, and so is one beside a key in the clear', async () => {
    expect(await code(() => opens())).equal('passphrase-missing');
    decryptKeys(court, RIGHT);
    expect(await code(() => opens())).equal(undefined);
    expect(await code(() => opens(passphrase))).equal('key-in-the-clear');
  });

  it('5. a truncated file is refused at every length, and one with a changed bit opens as no key that is expected', async () => {
    const path = join(court, KEY_FILES.mlDsa44);
    const text = readFileSync(path, 'utf8');
    const [der] = pemDecode(text, 'ENCRYPTED PRIVATE KEY') as [Uint8Array];
    for (let length = 0; length < text.length - 1; length++)
      expect(await code(() => parseKey(text.slice(0, length), passphrase, 'it'))).equal('key-malformed');
    for (let length = 0; length < der.length; length++)
      expect(await code(() => decryptKey(der.subarray(0, length), passphrase.derive, 'it'))).equal('key-malformed');
    const whole = signerOf(formatKey(parseKey(text, passphrase, 'it')), COURT_NAME, 0x06).key;
    // The IV and the contents; the parameters before them are the subject of case 7.
    for (let at = der.length - 96; at < der.length; at++) {
      const changed = der.slice();
      changed[at] = (changed[at] as number) ^ 0x01;
      writeFileSync(path, pemEncode('ENCRYPTED PRIVATE KEY', changed));
      const refused = await code(() =>
        expect(readSigner(path, COURT_NAME, 0x06, passphrase).key).not.deep.equal(whole),
      );
      expect(refused, `bit of byte ${at}`).oneOf([undefined, 'passphrase-wrong', 'key-malformed']);
    }
  });

  it('6. a key that is not the one that policy, bundle, configuration or certificate names is refused', async () => {
    const platform = join(data, 'platform');
    const ofPlatform = await Keyring.open(platform, undefined, RIGHT);
    const ofCourt = await Keyring.open(court, undefined, RIGHT);
    const [tsa] = readChain(join(court, KEY_FILES.tsaChain)).map(parseCertificate);
    const openAll = async (): Promise<void> => {
      await readKeys(platform, ofPlatform, readTrust(platform));
      cosignerSigners(court, ofCourt, readConfig(court, 'court'));
      await ofCourt.p256('tsa', tsa as X509);
    };
    const swap = async (dir: string, file: string, pem: string): Promise<unknown> => {
      const path = join(dir, file);
      const before = readFileSync(path);
      const seal = sealOf(path);
      rmSync(path);
      writeKeyFile(path, pem, seal);
      const refused = await code(openAll);
      writeFileSync(path, before);
      return refused;
    };
    expect(await code(openAll)).equal(undefined);
    expect(await swap(platform, KEY_FILES.log, generateKey(0x01))).equal('key-mismatch');
    expect(await swap(platform, KEY_FILES.receipt, generateKey(0x01))).equal('key-mismatch');
    expect(await swap(platform, KEY_FILES.pdf, p256)).equal('key-mismatch');
    expect(await swap(court, KEY_FILES.ed25519, generateKey(0x04))).equal('key-mismatch');
    expect(await swap(court, KEY_FILES.mlDsa44, generateKey(0x06))).equal('key-mismatch');
    expect(await swap(court, KEY_FILES.tsa, p256)).equal('key-mismatch');
    expect(await swap(court, KEY_FILES.tsa, generateKey(0x04)), 'another kind of key').equal('key-malformed');
    // The control: without what names it, any key of the right kind would do.
    const stranger = join(court, 'stranger.pem');
    writeKeyFile(stranger, generateKey(0x04));
    expect(await code(() => readSigner(stranger, COURT_NAME, 0x04))).equal(undefined);
  });

  it('7. scrypt parameters that are too weak or not to be paid are refused before any work', async () => {
    const pkcs8 = pemDecode(generateKey(0x04), 'PRIVATE KEY')[0] as Uint8Array;
    const fine = { salt: new Uint8Array(16), cost: SCRYPT_COST, blockSize: 8, parallelization: 1 };
    const key = passphrase.derive(fine);
    const sealed = (changes: Partial<ScryptParameters>): Uint8Array =>
      encryptKey(pkcs8, { ...fine, ...changes }, () => key);
    expect(decryptKey(sealed({}), passphrase.derive, 'it')).deep.equal(pkcs8);
    for (const changes of [
      { cost: 0 },
      { cost: 1 },
      { cost: 16_384 },
      { cost: SCRYPT_COST / 2 },
      { cost: SCRYPT_COST + 1 },
      { cost: 2_097_152 },
      { cost: 2 ** 30 },
      { blockSize: 1 },
      { blockSize: 1 << 24 },
      { parallelization: 0 },
      { parallelization: 1 << 20 },
      { salt: new Uint8Array(65) },
    ])
      expect(await code(() => decryptKey(sealed(changes), passphrase.derive, 'it'))).equal('key-cost-refused');
    for (const cost of [-1, 2 ** 31])
      expect(await code(() => decryptKey(sealed({ cost }), passphrase.derive, 'it'))).equal('key-malformed');
    // Control: unlimited, the weak one is derived and opens.
    const weak = { ...fine, cost: 16 };
    const weakly = encryptKey(pkcs8, weak, () => scrypt(SECRET, weak));
    expect(decryptKey(weakly, (parameters) => scrypt(SECRET, parameters), 'it')).deep.equal(pkcs8);
  });

  it('9. a rewrite that is interrupted anywhere leaves one passphrase that opens every key', async () => {
    const keys = opens(passphrase);
    const another = new Passphrase('another');
    const old = join(data, 'old');
    cpSync(join(court, 'keys'), old, { recursive: true });
    rewriteKeys(court, passphrase, newSeal(another));
    const rewritten = join(data, 'new');
    cpSync(join(court, 'keys'), rewritten, { recursive: true });
    const names = ['ed25519.pem', 'ml-dsa-44.pem', 'tsa.pem'];
    const restart = (): void => {
      rmSync(join(court, 'keys'), { recursive: true });
      cpSync(old, join(court, 'keys'), { recursive: true });
    };
    // Before the commit: any part of the new files.
    for (let written = 0; written <= names.length; written++) {
      restart();
      mkdirSync(join(court, 'keys.part/keys'), { recursive: true });
      for (const name of names.slice(0, written)) cpSync(join(rewritten, name), join(court, 'keys.part/keys', name));
      expect(opens(passphrase)).deep.equal(keys);
      expect(existsSync(join(court, 'keys.part'))).equal(false);
    }
    // After the commit: any number of files moved.
    for (let moved = 0; moved <= names.length; moved++) {
      restart();
      mkdirSync(join(court, 'keys.next/keys'), { recursive: true });
      for (const name of names) cpSync(join(rewritten, name), join(court, 'keys.next/keys', name));
      for (const name of names.slice(0, moved))
        renameSync(join(court, 'keys.next/keys', name), join(court, 'keys', name));
      expect(opens(another)).deep.equal(keys);
      expect(existsSync(join(court, 'keys.next'))).equal(false);
    }
    // Control: without the commit, one file moved is a member that no passphrase opens.
    restart();
    cpSync(join(rewritten, names[0] as string), join(court, 'keys', names[0] as string));
    finishRewrite(court);
    for (const one of [passphrase, another]) expect(await code(() => opens(one))).equal('passphrase-wrong');
  });

  it('10. secrets leave the environment of the program, come from one place, and go to a child by name only', async () => {
    const env = { PATH: '/bin', PROBATA_PASSPHRASE: 'a', PROBATA_PIN: 'b', PROBATA_NEW_PASSPHRASE: 'c' };
    const taken = takeSecrets(env);
    expect(env).deep.equal({ PATH: '/bin' });
    expect(keySecrets(taken)).deep.equal({ PROBATA_PASSPHRASE: 'a', PROBATA_PIN: 'b' });
    expect(readSecret(taken, 'PROBATA_PIN')).equal('b');
    expect(readSecret({}, 'PROBATA_PIN')).equal(undefined);
    const file = join(data, 'pin');
    const both = { PROBATA_PIN: 'b', PROBATA_PIN_FILE: file };
    expect(await code(() => readSecret(both, 'PROBATA_PIN'))).equal('secret-malformed');
    const fromFile = { PROBATA_PIN_FILE: file };
    expect(await code(() => readSecret(fromFile, 'PROBATA_PIN'))).equal('secret-missing');
    for (const [text, expected] of [
      ['1234', '1234'],
      ['1234\n', '1234'],
      ['1234\r\n', '1234'],
      [' 1234\n\n', ' 1234\n'],
    ] as const) {
      writeFileSync(file, text, { mode: 0o600 });
      expect(readSecret(fromFile, 'PROBATA_PIN')).equal(expected);
    }
    for (const text of ['', '\n', 'x'.repeat(1025), 'x'.repeat(100_000)]) {
      writeFileSync(file, text);
      expect(await code(() => readSecret(fromFile, 'PROBATA_PIN'))).equal('secret-malformed');
    }
    expect(JSON.stringify({ passphrase }), 'a passphrase in a log line shows nothing').not.contain('horse');
  });

  it('derives once for all keys of a member, and the same key as noble', () => {
    const parameters = { salt: new Uint8Array([1, 2, 3]), cost: SCRYPT_COST, blockSize: 8, parallelization: 1 };
    const first = passphrase.derive(parameters);
    expect(passphrase.derive({ ...parameters })).equal(first);
    const small = { ...parameters, cost: 1024 };
    const expected = nobleScrypt(Buffer.from(SECRET), small.salt, { N: 1024, r: 8, p: 1, dkLen: 32 });
    expect(scrypt(SECRET, small)).deep.equal(expected);
  });
});
