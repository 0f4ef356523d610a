/** T51: `probata key` over a whole member, every way round. Each command derives its keys anew, so this takes its time. */
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { decryptKeys, encryptKeys, passphraseKeys } from '../commands/key.ts';
import { KEY_FILES, readConfig } from '../config.ts';
import { rotate } from '../epochs/member.ts';
import { Keyring } from '../keys.ts';
import { cosignerSigners } from '../roles/cosigner-setup.ts';
import { initConsortium } from '../roles/init.ts';
import { Passphrase } from './encryption.ts';
import type { Env } from './secrets.ts';
import { codeOf, courtKeys } from './testing.ts';

const SECRET = 'correct horse 正确 battery';
const RIGHT: Env = { PROBATA_PASSPHRASE: SECRET };
const code = (run: () => unknown): Promise<unknown> => codeOf(run, SECRET);

describe('server/keys commands (T51)', () => {
  const passphrase = new Passphrase(SECRET);
  let data: string;
  let court: string;
  beforeEach(async () => {
    data = mkdtempSync(join(tmpdir(), 'probata-key-commands-'));
    await initConsortium({ data, port: 9000, courts: 1, mirrors: 1, name: 'demo', nowMs: Date.now(), passphrase });
    court = join(data, 'court-1');
  });
  afterEach(() => rmSync(data, { recursive: true }));

  const opens = (by?: Passphrase): string[] => courtKeys(court, by);

  it('the keys of a member are rewritten together: encrypted, decrypted, under another passphrase', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const p256 = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const keys = opens(passphrase);
    const names = [KEY_FILES.ed25519, KEY_FILES.mlDsa44, KEY_FILES.tsa];
    const chain = readFileSync(join(court, KEY_FILES.tsaChain));
    const another = new Passphrase('another');
    expect(passphraseKeys(court, { ...RIGHT, PROBATA_NEW_PASSPHRASE: 'another' })).deep.equal(names);
    expect(await code(() => opens(passphrase))).equal('passphrase-wrong');
    expect(opens(another)).deep.equal(keys);
    expect(await code(() => encryptKeys(court, RIGHT))).equal('passphrase-wrong');
    expect(opens(another)).deep.equal(keys);
    expect(decryptKeys(court, { PROBATA_PASSPHRASE: 'another' })).deep.equal(names);
    expect(opens()).deep.equal(keys);
    // A key in the clear among encrypted ones: encrypt takes both.
    expect(encryptKeys(court, RIGHT)).deep.equal(names);
    writeFileSync(join(court, KEY_FILES.tsa), p256);
    expect(await code(() => opens(passphrase))).equal('key-in-the-clear');
    expect(encryptKeys(court, RIGHT)).deep.equal(names);
    expect(opens(passphrase).slice(0, 2)).deep.equal(keys.slice(0, 2));
    expect(readFileSync(join(court, KEY_FILES.tsaChain))).deep.equal(chain);
    expect(readdirSync(court).sort()).deep.equal(['config.json', 'keys']);
    expect(await code(() => encryptKeys(court, {}))).equal('passphrase-missing');
    expect(await code(() => passphraseKeys(court, RIGHT))).equal('passphrase-missing');
    expect(await code(() => encryptKeys(data, RIGHT)), 'no member’s folder').equal('key-missing');
  });

  it('keys that a member is going over to are rewritten with those in use, and a withdrawn one does not come back', async () => {
    const opensAll = (PROBATA_PASSPHRASE?: string): Promise<unknown> =>
      code(async () => {
        const keyring = await Keyring.open(court, undefined, { PROBATA_PASSPHRASE });
        expect(cosignerSigners(court, keyring, readConfig(court, 'court'))).lengthOf(4);
      });
    await rotate(court, { timestamps: true }, Date.now(), RIGHT);
    expect(passphraseKeys(court, { ...RIGHT, PROBATA_NEW_PASSPHRASE: 'another' })).include(join('next', KEY_FILES.tsa));
    expect(await opensAll('another')).equal(undefined);
    expect(decryptKeys(court, { PROBATA_PASSPHRASE: 'another' })).lengthOf(6);
    expect(await opensAll()).equal(undefined);
    expect(encryptKeys(court, RIGHT)).lengthOf(6);
    expect(await opensAll(SECRET)).equal(undefined);
    // Committed, and `next` removed before it was finished.
    cpSync(join(court, 'keys'), join(court, 'keys.next/keys'), { recursive: true });
    cpSync(join(court, 'next/keys'), join(court, 'keys.next/next'), { recursive: true });
    rmSync(join(court, 'next'), { recursive: true });
    expect(opens(passphrase)).lengthOf(3);
    expect(readdirSync(court).sort()).deep.equal(['config.json', 'keys', 'member.json']);
  });
});
