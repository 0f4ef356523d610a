// The log from outside: append, publish, prove, read, restart.

import { expect } from 'chai';
import { parseBundle } from '../core/bundle.ts';
import { hexEncode } from '../core/bytes.ts';
import { openCosignatures } from '../core/cosignature.ts';
import { leafHash } from '../core/hash.ts';
import { parseNote } from '../core/note.ts';
import { checkInclusion } from '../core/proof.ts';
import { formatTlogProof, parseTlogProof } from '../core/tlog-proof.ts';
import { memoryStores } from '../store/memory.ts';
import type { LogError } from './errors.ts';
import { expectSound, type Session, start, untilPublished, World } from './testing.ts';

describe('log', () => {
  it('starts with the published checkpoint of the tree without entries', async () => {
    const world = new World({ courts: 4, needed: 3, types: [0x04, 0x06] });
    const stores = memoryStores();
    const session = await start(world, stores);
    await untilPublished(session, 0);
    expect(session.log.head().checkpoint.size).to.equal(0);
    expect(session.log.published()?.quorum.satisfied).to.equal(true);
    await session.log.close();
    await expectSound(world, stores);
  });

  it('puts entries in the order of calls, and proves each against the published checkpoint', async () => {
    const world = new World({ courts: 4, needed: 3, types: [0x04, 0x06] });
    const stores = memoryStores();
    const session = await start(world, stores);
    const entries = Array.from({ length: 600 }, () => world.entry());
    const indexes = await Promise.all(entries.map((entry) => session.append(entry)));
    expect(indexes).to.deep.equal(entries.map((_, i) => i));
    await untilPublished(session, 600);
    for (const index of [0, 255, 256, 511, 599]) {
      const proof = parseTlogProof(formatTlogProof(await session.log.proof(index)));
      const { size, root } = session.log.published()?.checkpoint ?? expect.fail();
      checkInclusion(proof.proof, index, size, leafHash(entries[index] as Uint8Array), root);
      const keys = world.courts.flatMap(({ signers }) => signers.map(({ key }) => key));
      expect(openCosignatures(parseNote(proof.checkpoint), keys)).to.have.length.at.least(6);
    }
    await session.log.close();
    await expectSound(world, stores);
  });

  it('serves every tile at every width up to the integrated size, and nothing beyond', async () => {
    const world = new World({ courts: 0 });
    const stores = memoryStores();
    const session = await start(world, stores);
    const entries = Array.from({ length: 300 }, () => world.entry());
    for (const entry of entries.slice(0, 10)) await session.append(entry);
    await Promise.all(entries.slice(10).map((entry) => session.append(entry)));
    for (const width of [1, 5, 10, 200, 255, 256]) {
      const bundle = await session.log.readTile({ level: 'entries', index: 0, width });
      const hashes = await session.log.readTile({ level: 0, index: 0, width });
      expect(parseBundle(bundle as Uint8Array, width).map(hexEncode)).to.deep.equal(
        entries.slice(0, width).map(hexEncode),
      );
      expect(hexEncode(hashes as Uint8Array)).to.equal(entries.slice(0, width).map(leafHash).map(hexEncode).join(''));
    }
    expect(await session.log.readTile({ level: 0, index: 1, width: 44 })).to.have.length(44 * 32);
    expect(await session.log.readTile({ level: 0, index: 1, width: 45 })).to.equal(undefined);
    expect(await session.log.readTile({ level: 1, index: 0, width: 2 })).to.equal(undefined);
    expect(await session.log.readTile({ level: 63, index: 0, width: 1 })).to.equal(undefined);
    // The narrower forms of the full tile are gone from the store: it was cut from the full one.
    expect(await stores.tiles('log').get('tile/0/000.p/10')).to.equal(undefined);
    await session.log.close();
    await expectSound(world, stores);
  });

  it('serves what was published at once after a restart, and goes on from there', async () => {
    const world = new World({ courts: 3, needed: 2 });
    const stores = memoryStores();
    const first = await start(world, stores);
    for (let i = 0; i < 5; i++) await first.append();
    await untilPublished(first, 5);
    await first.log.close();
    const second = await start(world, stores);
    expect(second.log.published()?.checkpoint.size).to.equal(5);
    expect(second.log.head().checkpoint.size).to.equal(5);
    await second.log.proof(4);
    expect(await second.append()).to.equal(5);
    await untilPublished(second, 6);
    expect(second.published.map(({ checkpoint }) => checkpoint.size)).to.include(6);
    await second.log.close();
    await expectSound(world, stores);
  });

  it('tells its owner again after a restart what is published', async () => {
    const world = new World();
    const stores = memoryStores();
    const first = await start(world, stores);
    await first.append();
    await untilPublished(first, 1);
    await first.log.close();
    const second = await start(world, stores);
    while (second.published.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(second.published.map(({ checkpoint }) => checkpoint.size)).to.deep.equal([1]);
    await second.log.close();
  });

  it('refuses what is no entry, what is out of order, and more than it can hold', async () => {
    const world = new World();
    const session = await start(world, memoryStores());
    await expectCode(session.log.append(new Uint8Array([1, 2, 3])), 'entry-malformed');
    const old = world.entry();
    world.clock.ms += 1;
    const inLine = Array.from({ length: 4096 }, () => session.append());
    await expectCode(session.log.append(old), 'pushback');
    await Promise.all(inLine);
    await expectCode(session.log.append(old), 'received-decreases');
    await expectCode(session.log.proof(5000), 'not-published');
    await session.log.close();
    await expectCode(session.log.append(world.entry()), 'closed');
  });

  it('commits the batch in flight when it is closed, and refuses the rest', async () => {
    const world = new World({ courts: 0 });
    const stores = memoryStores();
    let closed: Promise<void> | undefined;
    const session: Session = await start(world, stores, {
      onSequenced: async (first, entries) => {
        for (const [i, entry] of entries.entries()) world.sequenced.set(first + i, hexEncode(entry));
        closed = session.log.close();
      },
    });
    const answers = Array.from({ length: 1100 }, () => session.append().catch((error: LogError) => error.code));
    const settled = await Promise.all(answers);
    await closed;
    expect(settled.filter((answer) => answer === 'closed')).to.have.length(1100 - 1024);
    await expectSound(world, stores);
  });
});

async function expectCode(promise: Promise<unknown>, code: string): Promise<void> {
  const error = await promise.then(
    () => expect.fail('was not refused'),
    (thrown: unknown) => thrown,
  );
  expect(error).to.have.property('code', code);
}
