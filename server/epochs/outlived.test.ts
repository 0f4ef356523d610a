/** A court out of a backup from between `rotate` and `settle`, whose keys have been replaced once more since. */
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatVkey } from '../../ledger/core/note.ts';
import { readConfig } from '../config.ts';
import { Keyring } from '../keys.ts';
import { cosignerSigners } from '../roles/cosigner-setup.ts';
import { TestConsortium } from '../roles/testing.ts';
import { rotate, settle } from './member.ts';
import { readMemberFile } from './member-file.ts';
import { propose } from './propose.ts';

describe('server/epochs member with keys that have been outlived', function () {
  this.timeout(120_000);
  let consortium: TestConsortium;
  let platform: string;
  let court: string;
  /** As the backup has it. */
  let old: string;
  /** The bundle of each epoch; that of the first at 1. */
  const bundles: string[] = [''];
  before(async () => {
    consortium = await TestConsortium.start({}, 1, 1);
    platform = consortium.dir('platform');
    court = consortium.dir('court-1');
    old = consortium.folder('old');
    keepBundle();
    await goOver(() => copy(court, old));
    await goOver(() => undefined);
    // One that is not about the court: its keys count in the epoch that ends and in the one that follows.
    await propose(platform, { member: [], leave: [], newKey: ['receipt'], revoke: [] }, Date.now());
    await restart('platform');
    keepBundle();
  });
  after(() => consortium.end());

  function keepBundle(): void {
    const kept = join(consortium.folder('bundle'), 'trust.json');
    cpSync(join(platform, 'trust.json'), kept);
    bundles.push(kept);
  }

  function copy(from: string, to: string): void {
    for (const part of ['config.json', 'keys', 'next']) cpSync(join(from, part), join(to, part), { recursive: true });
  }

  /** The court goes over to new keys. */
  async function goOver(whileUnderWay: () => void): Promise<void> {
    const file = await rotate(court, { timestamps: false }, Date.now());
    whileUnderWay();
    await restart('court-1');
    await propose(platform, { member: [file], leave: [], newKey: [], revoke: [] }, Date.now());
    await restart('platform');
    keepBundle();
    await settle(court, join(platform, 'trust.json'));
    await restart('court-1');
  }

  async function restart(name: string): Promise<void> {
    await consortium.stop(name);
    await (name === 'platform' ? consortium.startPlatform() : consortium.startMember(name));
  }

  async function signsAs(dir: string): Promise<string[]> {
    const signers = cosignerSigners(dir, await Keyring.open(dir, undefined), readConfig(dir, 'court'));
    return signers.map(({ key }) => formatVkey(key));
  }

  const rotated = (dir: string, trust?: string): Promise<unknown> =>
    rotate(dir, { timestamps: false, ...(trust !== undefined && { trust }) }, Date.now()).then(
      () => 'done',
      (error) => error.code,
    );

  it('keeps the keys of a change under way, whatever bundle it is shown', async () => {
    const before = await signsAs(old);
    expect(await rotated(old)).equal('output-refused');
    expect(await rotated(old, bundles[1]), 'the keys in use count').equal('output-refused');
    expect(await rotated(old, bundles[2]), 'it can settle').equal('output-refused');
    expect(await signsAs(old)).deep.equal(before);
    const present = consortium.folder('present');
    await rotate(court, { timestamps: false }, Date.now());
    copy(court, present);
    expect(await rotated(present, bundles[1]), 'a bundle from before its keys').equal('output-refused');
    expect(await rotated(present, bundles[2]), 'a bundle from before its keys').equal('output-refused');
    expect(await rotated(present, bundles[4]), 'the keys in use count, still').equal('output-refused');
  });

  it('makes new keys in the place of outlived ones, which the platform can propose', async () => {
    const [first, second] = await signsAs(old);
    expect(await settle(old, bundles[3] ?? '').catch(({ code }) => code)).equal('input-malformed');
    expect(await rotated(old, bundles[3])).equal('done');
    const file = join(old, 'member.json');
    const { ed25519, mlDsa44 } = readMemberFile(file);
    expect(await signsAs(old)).deep.equal([first, second, ed25519, mlDsa44]);
    expect(readConfig(old, 'court').vkeys).deep.equal([first, second, ed25519, mlDsa44]);
    await propose(platform, { member: [file], leave: [], newKey: [], revoke: [] }, Date.now());
    expect(readFileSync(join(platform, 'next/statement.json'), 'utf8'))
      .contain(ed25519)
      .and.contain(mlDsa44);
  });
});
