/** Members out of a backup: none signs before it has caught up, the platform comes back out of one mirror, and a damaged backup is none. */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { parseTimestampToken } from '../../certs/core/timestamp.ts';
import { requestToken } from '../../certs/issue/tsa-client.ts';
import { CONFIG_FILE, readConfig } from '../config.ts';
import { openHttpClient } from '../http/client.ts';
import { TestConsortium } from '../roles/testing.ts';
import { until } from '../testing.ts';
import { backup } from './backup.ts';
import { RESTORED_FILE } from './marks.ts';
import { refill } from './refill.ts';
import { restore } from './restore.ts';
import { backedUp, copied, grow, ledgerOf, othersOf, restored, shownBy } from './testing.ts';

const NAMES = ['platform', 'court-1', 'court-2', 'court-3', 'court-4', 'arbitration-1'];

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error) => error.code,
  );
}

describe('recovery', function () {
  // A whole consortium for each: on a machine that is busy with something else, that takes its time.
  this.timeout(900_000);
  let consortium: TestConsortium;

  beforeEach(async () => {
    consortium = await TestConsortium.start();
  });

  afterEach(() => consortium.end());

  /** Backs up a member after 3 entries, and lets the others go on to 20. */
  async function oldBackup(name: string): Promise<string> {
    await grow(consortium, 3);
    await until(async () => (await shownBy(consortium, name))?.size === 3);
    await consortium.stop(name);
    const file = await backedUp(consortium, name);
    if (name === 'platform') await consortium.startPlatform();
    else await consortium.startMember(name);
    await grow(consortium, 17);
    await consortium.stop(name);
    return file;
  }

  it('refuses to sign on an old platform, refills it from a mirror, and goes on', async () => {
    const file = await oldBackup('platform');
    const before = await shownBy(consortium, 'arbitration-1');
    await restored(consortium, 'platform', file);
    await consortium.startPlatform();
    await until(() => consortium.events.some(({ event }) => event === 'fatal'));
    expect(consortium.events.find(({ event }) => event === 'fatal')?.fields.reason).to.match(/knows size 20, .* 3$/);
    await consortium.stop('platform');
    const told: string[] = [];
    const mirror = `${consortium.url('arbitration-1')}/mirror`;
    const refilled = await refill(consortium.dir('platform'), mirror, (line) => told.push(line));
    expect(refilled).to.deep.equal({ ...before, added: 17, lost: 17, mended: 0 });
    expect(existsSync(join(consortium.dir('platform'), RESTORED_FILE))).to.equal(true);
    await consortium.startPlatform();
    expect(await shownBy(consortium, 'platform')).to.deep.equal(before);
    expect((await grow(consortium, 5)).size).to.equal(25);
    expect(existsSync(join(consortium.dir('platform'), RESTORED_FILE))).to.equal(false);
  });

  it('refills an empty platform from the folder of a stopped mirror, once it is told again after a crash', async () => {
    const whole = await grow(consortium, 300);
    await until(async () => (await shownBy(consortium, 'arbitration-1'))?.size === 300);
    await consortium.stop('platform');
    rmSync(join(consortium.dir('platform'), 'store'), { recursive: true });
    writeFileSync(join(consortium.dir('platform'), 'refilling'), '');
    expect(await codeOf(consortium.startPlatform())).to.equal('data-incomplete');
    await consortium.stop('arbitration-1');
    const refilled = await refill(consortium.dir('platform'), consortium.dir('arbitration-1'), () => {});
    expect(refilled).to.deep.equal({ ...whole, added: 300, lost: 300, mended: 0 });
    await consortium.startMember('arbitration-1');
    await consortium.startPlatform();
    expect((await grow(consortium, 2)).size).to.equal(302);
  });

  it('refuses a mirror that is behind what the courts know, and one that nobody of the policy is', async () => {
    await grow(consortium, 2);
    await until(async () => (await shownBy(consortium, 'arbitration-1'))?.size === 2);
    await consortium.stop('arbitration-1');
    const file = await backedUp(consortium, 'arbitration-1');
    await consortium.startMember('arbitration-1');
    await grow(consortium, 2);
    await consortium.stop('platform');
    await consortium.stop('arbitration-1');
    rmSync(join(consortium.dir('platform'), 'store'), { recursive: true });
    const place = join(consortium.folder('old'), 'arbitration-1');
    await restore({ file, dir: place, ask: ['http://127.0.0.1:1/ledger'], nowMs: Date.now() });
    expect(await codeOf(refill(consortium.dir('platform'), place, () => {}))).to.equal('refill-refused');
    const court = ledgerOf(consortium, 'court-1');
    expect(await codeOf(refill(consortium.dir('platform'), court, () => {}))).to.equal('refill-refused');
    expect(await codeOf(consortium.startPlatform()), 'its store is still lost').to.equal('data-incomplete');
    await consortium.startMember('arbitration-1');
  });

  it('raises an alarm when a court comes back as a copy made by hand', async () => {
    await grow(consortium, 3);
    await until(async () => (await shownBy(consortium, 'court-2'))?.size === 3);
    await consortium.stop('court-2');
    const putCopy = copied(consortium, 'court-2');
    await consortium.startMember('court-2');
    await grow(consortium, 5);
    await until(async () => (await shownBy(consortium, 'court-2'))?.size === 8);
    await consortium.stop('court-2');
    const wentBack = () => consortium.events.find(({ event }) => event === 'cosigner-went-back');
    expect(wentBack()).to.equal(undefined);
    putCopy();
    await consortium.startMember('court-2');
    await grow(consortium, 1);
    await until(() => wentBack() !== undefined);
    expect(wentBack()).to.deep.include({
      level: 'alarm',
      fields: { member: 'court-2', size: 3, reason: 'it had cosigned size 8' },
    });
  });

  it('gives no serial number of a timestamp twice, of a court that came out of an old backup', async () => {
    const issue = async (): Promise<bigint[]> => {
      const client = openHttpClient();
      const ask = (nonce: bigint) =>
        requestToken(client.http, `${consortium.url('court-2')}/tsa`, randomBytes(32), nonce);
      const tokens = await Promise.all([1n, 2n, 3n].map(ask));
      client.close();
      return tokens.map((token) => parseTimestampToken(token).info.serial);
    };
    const before = await issue();
    await consortium.stop('court-2');
    const file = await backedUp(consortium, 'court-2');
    await consortium.startMember('court-2');
    const after = await issue();
    await grow(consortium, 2);
    await consortium.stop('court-2');
    await restored(consortium, 'court-2', file, othersOf(consortium, 'court-2', NAMES));
    await consortium.startMember('court-2');
    const all = [...before, ...after, ...(await issue())];
    expect(new Set(all).size, String(all)).to.equal(all.length);
  });

  /** Makes a mirror's configuration name its peers where they listen now. */
  function findPeers(name: string): void {
    const config = readConfig(consortium.dir(name), 'mirror');
    const peers = config.peers?.map((peer) => ({ ...peer, url: ledgerOf(consortium, peer.name) }));
    writeFileSync(join(consortium.dir(name), CONFIG_FILE), JSON.stringify({ ...config, peers }));
  }

  for (const [name, whom] of [
    ['court-2', 'those named'],
    ['arbitration-1', 'its peers'],
  ] as const) {
    it(`lets a restored ${name} catch up before it serves, from ${whom}, with one of the others down`, async () => {
      if (whom === 'its peers') findPeers(name);
      const file = await oldBackup(name);
      const ask = whom === 'its peers' ? [] : othersOf(consortium, name, NAMES);
      await restored(consortium, name, file, ask);
      await consortium.stop('court-4');
      await consortium.startMember(name);
      expect((await shownBy(consortium, name))?.size).to.equal(20);
      expect(existsSync(join(consortium.dir(name), RESTORED_FILE))).to.equal(false);
      await consortium.startMember('court-4');
      expect((await grow(consortium, 3)).size).to.equal(23);
      await until(async () => (await shownBy(consortium, name))?.size === 23);
    });
  }
});

describe('backup', () => {
  let consortium: TestConsortium;
  let file: string;

  before(async () => {
    consortium = await TestConsortium.start();
    await grow(consortium, 2);
    await consortium.stop('court-1');
    file = await backedUp(consortium, 'court-1');
  });

  after(() => consortium.end());

  const place = (): string => join(consortium.folder('place'), 'court-1');
  const ask = ['http://127.0.0.1:1/ledger'];

  it('is readable by its owner alone, and so are the keys in what is restored', async () => {
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    const dir = place();
    await restore({ file, dir, ask, nowMs: Date.now() });
    expect(statSync(join(dir, 'keys', 'ed25519.pem')).mode & 0o777).to.equal(0o600);
    expect(readFileSync(join(dir, 'keys', 'ed25519.pem'))).to.deep.equal(
      readFileSync(join(consortium.dir('court-1'), 'keys', 'ed25519.pem')),
    );
  });

  it('is refused after one bit of it has flipped, wherever, or when it is cut off; and nothing is restored', async () => {
    const whole = readFileSync(file);
    const damaged = join(consortium.folder('damaged'), 'backup');
    const dir = place();
    const expectRefused = async (bytes: Uint8Array, what: string): Promise<void> => {
      writeFileSync(damaged, bytes);
      expect(await codeOf(restore({ file: damaged, dir, ask, nowMs: Date.now() })), what).to.equal('backup-damaged');
      expect(existsSync(dir)).to.equal(false);
    };
    for (let at = 0; at < whole.length; at += Math.ceil(whole.length / 100)) {
      const flipped = Uint8Array.from(whole);
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
      await expectRefused(flipped, `bit of byte ${at}`);
    }
    for (const length of [0, 1, 40, whole.length >> 1, whole.length - 1]) {
      await expectRefused(whole.subarray(0, length), `the first ${length} bytes`);
    }
    await expectRefused(Buffer.concat([whole, Buffer.from('\n')]), 'a byte more');
  });

  it('never overwrites, says how to stop a member that runs, and asks a court for others to ask', async () => {
    const again = { dir: consortium.dir('court-1'), out: file, evidence: true, nowMs: 0 };
    expect(await codeOf(backup(again))).to.equal('data-exists');
    const running = await backup({ ...again, dir: consortium.dir('court-2'), out: `${file}-2` }).catch(
      (error) => error,
    );
    expect(running.code).to.equal('data-locked');
    expect(running.message).to.match(/kill -TERM \$\(cat .*run\/court-2.pid\)/);
    expect(await codeOf(restore({ file, dir: consortium.dir('court-1'), ask, nowMs: 0 }))).to.equal('data-exists');
    const lonely = place();
    await restore({ file, dir: lonely, ask, nowMs: 0 });
    const config = readConfig(lonely, 'court');
    writeFileSync(join(lonely, CONFIG_FILE), JSON.stringify({ ...config, peers: [] }));
    rmSync(join(lonely, RESTORED_FILE));
    await backup({ ...again, dir: lonely, out: `${file}-lonely` });
    const nowhere = place();
    const nobody = restore({ file: `${file}-lonely`, dir: nowhere, ask: [], nowMs: 0 });
    expect(await codeOf(nobody)).to.equal('input-missing');
    expect(readdirSync(dirname(nowhere)), 'nothing is left, keys least of all').to.deep.equal([]);
  });
});
