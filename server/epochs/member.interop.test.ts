/** A court whose Ed25519 key is in a token goes over to another ML-DSA-44 key, which is a file and can be stolen from the disk. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatVkey } from '../../ledger/core/note.ts';
import { tokenKeygen } from '../commands/keygen.ts';
import { KEY_FILES, readConfig } from '../config.ts';
import { Keyring } from '../keys.ts';
import { cosignerSigners } from '../roles/cosigner-setup.ts';
import { initConsortium } from '../roles/init.ts';
import { rotate, settle } from './member.ts';
import { readMemberFile } from './member-file.ts';
import { propose } from './propose.ts';

/** Where Debian has it. */
const PLACE = { module: '/usr/lib/softhsm/libsofthsm2.so', token: 'court-1' };
const PIN = '417-263';
const ENV = { PROBATA_PIN: PIN };

describe('server/epochs member with a key in a token', () => {
  let folder: string;
  let court: string;
  let platform: string;
  let trust: string;
  let inToken: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'probata-member-token-'));
    mkdirSync(join(folder, 'tokens'));
    process.env['SOFTHSM2_CONF'] = join(folder, 'softhsm2.conf');
    writeFileSync(join(folder, 'softhsm2.conf'), `directories.tokendir = ${join(folder, 'tokens')}\n`);
    const args = ['--init-token', '--free', '--label', PLACE.token, '--pin', PIN, '--so-pin', '99-99-99'];
    execFileSync('softhsm2-util', args, { stdio: 'ignore' });
    const data = join(folder, 'data');
    await initConsortium({ data, port: 9000, courts: 1, mirrors: 1, name: 'demo', nowMs: Date.now() });
    court = join(data, 'court-1');
    platform = join(data, 'platform');
    trust = join(platform, 'trust.json');
    const { keyName, vkeys: [inFile = '', mlDsa44 = ''] = [] } = readConfig(court, 'court');
    inToken = await tokenKeygen({ type: 'ed25519', name: keyName, label: 'ed25519', ...PLACE }, ENV);
    const config = JSON.parse(readFileSync(join(court, 'config.json'), 'utf8'));
    const hsm = { ...PLACE, keys: { ed25519: 'ed25519' } };
    writeFileSync(join(court, 'config.json'), JSON.stringify({ ...config, vkeys: [inToken, mlDsa44], hsm }));
    name(inFile, inToken);
    rmSync(join(court, KEY_FILES.ed25519));
  });
  after(() => {
    delete process.env['SOFTHSM2_CONF'];
    rmSync(folder, { recursive: true });
  });

  /** Has the bundle name another key. */
  const name = (old: string, young: string): void =>
    writeFileSync(trust, readFileSync(trust, 'utf8').replaceAll(old, young));

  /** As a start opens them. @returns the vkeys that it signs under */
  async function starts(): Promise<string[]> {
    const config = readConfig(court, 'court');
    const keyring = await Keyring.open(court, config.hsm, ENV);
    try {
      return cosignerSigners(court, keyring, config).map(({ key }) => formatVkey(key));
    } finally {
      keyring.close();
    }
  }

  it('makes the key that is a file, names the one in the token, and settles: as often as it is asked to', async () => {
    for (const change of ['first', 'second']) {
      const [, old = ''] = await starts();
      const file = await rotate(court, { timestamps: false }, Date.now(), ENV);
      const member = readMemberFile(file);
      expect(member.ed25519, change).equal(inToken);
      expect(readdirSync(join(court, 'next/keys'))).deep.equal(['ml-dsa-44.pem']);
      expect(await starts(), 'signs with both').deep.equal([inToken, old, member.mlDsa44]);
      expect(readConfig(court, 'court').vkeys).deep.equal([inToken, old, member.mlDsa44]);
      await propose(platform, { member: [file], leave: [], newKey: [], revoke: [] }, Date.now());
      const { policy } = JSON.parse(readFileSync(join(platform, 'next/statement.json'), 'utf8'));
      expect(policy).contain(inToken).and.contain(member.mlDsa44).and.not.contain(old);
      rmSync(join(platform, 'next'), { recursive: true });
      expect(await settle(court, trust, ENV).catch(({ code }) => code), 'not named yet').equal('input-malformed');
      name(old, member.mlDsa44);
      await settle(court, trust, ENV);
      expect(await starts()).deep.equal([inToken, member.mlDsa44]);
    }
  });
});
