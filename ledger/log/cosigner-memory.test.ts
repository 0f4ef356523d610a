// What a cosigner remembers, compared with a store of ours that has rotted: rot is told and stops nothing, a fork stops the log all the same.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Level } from 'level';
import { formatCheckpoint } from '../core/checkpoint.ts';
import { formatNote } from '../core/note.ts';
import { EMPTY_RANGE } from '../core/range.ts';
import { signNote } from '../core/signature.ts';
import { flipped } from '../core/testing.ts';
import { openLevelStore } from '../store/level.ts';
import { memoryStores } from '../store/memory.ts';
import { noFatal } from '../store/testing.ts';
import { ORIGIN } from '../witness/testing.ts';
import { compareMemory, type OwnTree } from './cosigner-memory.ts';
import type { LogEvent } from './events.ts';
import { type Cosigner, type SignedHead, StoreError } from './ports.ts';
import { type Court, PREFIX, type Session, start, until, untilPublished, World } from './testing.ts';

/** Flips a bit of what a closed store holds of a tile, as rot does: its checksum is not made anew. */
async function rot(dir: string, name: string): Promise<void> {
  const db = new Level<string, Uint8Array>(join(dir, 'level'), { valueEncoding: 'view' });
  const key = `tiles!${PREFIX}!${name}`;
  await db.put(key, flipped((await db.get(key)) as Uint8Array, 300));
  await db.close();
}

async function grow(session: Session, by: number): Promise<void> {
  const indexes = await Promise.all(Array.from({ length: by }, () => session.append()));
  await untilPublished(session, (indexes.at(-1) ?? Number.NaN) + 1);
}

/** A tree of this size that the log has signed and does not have. */
async function forked(world: World, size: number): Promise<SignedHead> {
  const checkpoint = { origin: ORIGIN, size, root: new Uint8Array(32).fill(1), extensions: [] };
  const text = formatCheckpoint(checkpoint);
  return { note: formatNote({ text, signatures: [await signNote(text, world.signer)] }), checkpoint };
}

describe('what a cosigner remembers', () => {
  it('stops nothing when our own tile under it has rotted: it waits, the others go on, and the alarm is told', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'probata-rot-'));
    const world = new World({ courts: 4, needed: 3 });
    const behind = world.courts[3] as Court;
    let store = await openLevelStore(dir, noFatal);
    let session = await start(world, store);
    await grow(session, 100);
    await until(() =>
      session.events.some((event) => event.kind === 'cosigned' && event.cosigner === behind.name && event.size === 100),
    );
    behind.down = true;
    await grow(session, 200);
    await session.log.close();
    await store.close();
    await rot(dir, 'tile/0/000');
    store = await openLevelStore(dir, noFatal);
    session = await start(world, store);
    await until(() => session.events.some(({ kind }) => kind === 'question-settled'));
    behind.down = false;
    const alarms = (): LogEvent[] => session.events.filter(({ kind }) => kind === 'store-failed');
    // One for the proof that it needs, one for the tree that it remembers.
    const ended = session.fatal.then((error) => {
      throw error;
    });
    await Promise.race([until(() => alarms().length >= 2), ended]);
    await grow(session, 1);
    expect(session.log.published()?.checkpoint.size).to.equal(301);
    for (const alarm of alarms()) {
      expect(alarm).to.include({ severity: 'alarm' }).and.have.nested.property('error.code', 'corrupt');
    }
    await session.log.close();
    await store.close();
    await rm(dir, { recursive: true });
  });

  it('stops the log when it is another tree of the same log', async () => {
    const world = new World({ courts: 3, needed: 2 });
    const [first, ...others] = world.cosigners() as [Cosigner, ...Cosigner[]];
    const { note } = await forked(world, 1);
    let isForked = false;
    const traitor: Cosigner = {
      ...first,
      cosign: (head, source) => (isForked ? Promise.reject(new Error('no')) : first.cosign(head, source)),
      latest: async (own) => (isForked ? note : first.latest(own)),
    };
    const session = await start(world, memoryStores(), { cosigners: [traitor, ...others] });
    await grow(session, 1);
    isForked = true;
    void session.append();
    expect(await session.fatal).to.have.property('code', 'fork');
    expect(session.events.some(({ kind }) => kind === 'misbehaviour')).to.equal(true);
    await session.log.close();
  });

  it('is a fork also when the store does not give the evidence', async () => {
    const world = new World();
    const cosigner = world.cosigners()[0] as Cosigner;
    const rotten = new StoreError('corrupt', 'not what was written');
    const reader = { range: async () => EMPTY_RANGE, consistencyProof: () => Promise.reject(rotten) };
    const own = { head: await forked(world, 300), reader } as unknown as OwnTree;
    const keys = { logKey: world.signer.key, past: [] };
    const comparing = compareMemory(cosigner, await forked(world, 100), own, keys, () => undefined);
    const error = await comparing.catch((thrown) => thrown);
    expect(error).to.include({ code: 'fork', cause: rotten });
  });
});
