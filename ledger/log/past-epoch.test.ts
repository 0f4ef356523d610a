// A log that goes on under another policy and with another key: what it signed before stands, and a copy from before is noticed.

import { expect } from 'chai';
import { formatCheckpoint, openCheckpoint } from '../core/checkpoint.ts';
import { sha256 } from '../core/hash.ts';
import { formatNote, formatVkey, parseNote, vkeyOf } from '../core/note.ts';
import { parsePolicy } from '../core/policy.ts';
import { type Signer, signNote } from '../core/signature.ts';
import { MemoryDisk, memoryStores } from '../store/memory.ts';
import { ORIGIN, testSigner } from '../witness/testing.ts';
import type { PastEpoch } from './past-epoch.ts';
import { PUBLISHED_KEY } from './published.ts';
import { PREFIX, start, until, untilPublished, World } from './testing.ts';

/** Another key under the log's name. */
function otherKey(): Signer {
  const { key, sign } = testSigner('other.example', 0x01);
  return { key: vkeyOf(ORIGIN, 0x01, key.publicKey), sign };
}

/** A log of three entries, published, and the epoch that ended with it. */
async function ended(world: World): Promise<{ disk: MemoryDisk; past: PastEpoch }> {
  const disk = new MemoryDisk();
  const session = await start(world, memoryStores(disk));
  for (let i = 0; i < 3; i++) await session.append();
  await untilPublished(session, 3);
  const note = session.log.published()?.note ?? expect.fail();
  await session.log.close();
  return { disk, past: { policy: world.policy, logKeys: [world.signer.key], upTo: 3, note } };
}

async function codeOf(opening: Promise<unknown>): Promise<unknown> {
  return opening.then(
    () => 'opened',
    (error) => error.code,
  );
}

describe('a log after a change of policy', () => {
  it('signs with its new key on top of a head that the old one signed', async () => {
    const world = new World({ courts: 0 });
    const { disk, past } = await ended(world);
    const signer = otherKey();
    const policy = parsePolicy(world.policy.text.replace(/^log .*$/m, `log ${formatVkey(signer.key)}`));
    const session = await start(world, memoryStores(disk), { signer, policy, past: [past] });
    expect(openCheckpoint(parseNote(session.log.head().note), [world.signer.key]).size).to.equal(3);
    await session.append();
    await untilPublished(session, 4);
    expect(openCheckpoint(parseNote(session.log.published()?.note ?? ''), [signer.key]).size).to.equal(4);
    await session.log.close();
    // The control: without the epoch that has ended, its head is a stranger's.
    expect(await codeOf(start(world, memoryStores((await ended(world)).disk), { signer, policy }))).to.equal(
      'note-not-signed',
    );
  });

  it('goes on serving what was published under the old policy, and asks nobody to cosign it again', async () => {
    const world = new World({ courts: 4, needed: 3 });
    for (const court of world.courts.slice(3)) court.down = true;
    const { disk, past } = await ended(world);
    const policy = parsePolicy(world.policy.text.replace('group courts 3', 'group courts 4'));
    for (const court of world.courts) court.down = false;
    const session = await start(world, memoryStores(disk), { policy, past: [past] });
    expect(session.log.published()?.checkpoint.size).to.equal(3);
    expect(session.log.published()?.note).to.equal(past.note);
    await session.append();
    await untilPublished(session, 4);
    expect(session.published.map(({ checkpoint }) => checkpoint.size)).to.deep.equal([4]);
    await session.log.close();
    const again = new World({ courts: 4, needed: 3 });
    for (const court of again.courts.slice(3)) court.down = true;
    const control = await start(again, memoryStores((await ended(again)).disk), { policy });
    expect(control.log.published()).to.equal(undefined);
    await control.log.close();
  });

  it('serves the checkpoint of the change although what was noted of it is lost', async () => {
    const world = new World({ courts: 1 });
    const { disk, past } = await ended(world);
    const stores = memoryStores(disk);
    await stores.index(PREFIX).write([[PUBLISHED_KEY, undefined]]);
    const session = await start(world, stores, { past: [past] });
    expect(session.log.published()?.note).to.equal(past.note);
    await session.log.close();
  });

  it('is not stopped by what a replaced key signs beyond its time, but by what its own key signed', async () => {
    const world = new World({ courts: 4, needed: 3 });
    const { disk, past } = await ended(world);
    const signer = otherKey();
    const policy = parsePolicy(world.policy.text.replace(/^log .*$/m, `log ${formatVkey(signer.key)}`));
    const shown = async (by: Signer, size: number): Promise<string> => {
      const text = formatCheckpoint({ origin: ORIGIN, size, root: sha256(new Uint8Array()), extensions: [] });
      return formatNote({ text, signatures: [await signNote(text, by)] });
    };
    const lifeBeside = async (by: Signer, size: number) => {
      const [first, ...others] = world.cosigners();
      const fed = { ...(first ?? expect.fail()), latest: () => shown(by, size) };
      return start(world, memoryStores(disk), { signer, policy, past: [past], cosigners: [...others, fed] });
    };
    const session = await lifeBeside(world.signer, 4);
    await until(() => session.events.some(({ kind }) => kind === 'question-settled'));
    await session.log.close();
    // The control: what the key of this epoch has signed is ours, and we have forgotten it.
    expect(await (await lifeBeside(signer, 4)).fatal).to.have.property('code', 'behind-cosigners');
    // Another tree of a size from before it: whoever signed that has forked the ledger, with whichever key.
    for (const by of [signer, world.signer]) {
      expect(await (await lifeBeside(by, 2)).fatal).to.have.property('code', 'fork');
    }
  });

  it('refuses stores from before the change', async () => {
    const world = new World({ courts: 0 });
    const { disk, past } = await ended(world);
    const opening = start(world, memoryStores(disk), { past: [{ ...past, upTo: 4 }] });
    expect(await codeOf(opening)).to.equal('behind-cosigners');
  });
});
