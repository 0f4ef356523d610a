// Recovery refuses stores that do not belong together or were changed, and a sequencer that another has overtaken stops.

import { expect } from 'chai';
import { type KeyedStores, keyedStores } from '../store/key-value.ts';
import { MemoryDisk, memoryStores } from '../store/memory.ts';
import { formatHeadRecord, parseHeadRecord } from './head-record.ts';
import { type HeadStore, StoreError, type TileStore } from './ports.ts';
import { expectSound, PREFIX, start, until, untilPublished, World } from './testing.ts';

async function grown(size: number): Promise<{ world: World; disk: MemoryDisk }> {
  const world = new World({ courts: 0 });
  const disk = new MemoryDisk();
  const session = await start(world, memoryStores(disk));
  for (let i = 0; i < size; i++) await session.append();
  await untilPublished(session, size);
  await session.log.close();
  return { world, disk };
}

async function expectRefused(world: World, disk: MemoryDisk, code: string): Promise<void> {
  const error = await start(world, memoryStores(disk)).then(
    () => expect.fail('was opened'),
    (thrown: unknown) => thrown,
  );
  expect(error).to.have.property('code', code);
}

describe('recovery', () => {
  it('refuses a log whose heads are lost', async () => {
    const { world, disk } = await grown(3);
    for (const key of disk.values.keys()) if (key.startsWith('heads!')) disk.values.delete(key);
    await expectRefused(world, disk, 'state-inconsistent');
  });

  it('refuses a head store that went back behind what is published', async () => {
    const { world, disk } = await grown(3);
    disk.values.delete('heads!log!0000000000000003');
    await expectRefused(world, disk, 'behind-cosigners');
  });

  it('refuses a head that does not follow the one below it', async () => {
    const { world, disk } = await grown(3);
    const key = 'heads!log!0000000000000002';
    const record = parseHeadRecord(disk.values.get(key) as Uint8Array);
    disk.values.set(key, formatHeadRecord({ ...record, sealedMs: record.sealedMs + 1 }));
    await expectRefused(world, disk, 'state-inconsistent');
  });

  it('refuses a head of another key, of another log, and under another number', async () => {
    const { world, disk } = await grown(1);
    const key = 'heads!log!0000000000000001';
    const bytes = disk.values.get(key) as Uint8Array;
    const record = parseHeadRecord(bytes);
    disk.values.set(key, formatHeadRecord({ ...record, number: 7 }));
    await expectRefused(world, disk, 'state-inconsistent');
    disk.values.set(key, formatHeadRecord({ ...record, note: record.note.replace('\n1\n', '\n2\n') }));
    await expectRefused(world, disk, 'signature-bad');
    disk.values.set(key, formatHeadRecord({ ...record, note: record.note.replaceAll('ledger.', 'other.') }));
    await expectRefused(world, disk, 'origin-unknown');
  });

  it('refuses tiles that are missing, short or changed, and entries that are not those in the tree', async () => {
    for (const [name, code] of [
      ['tile/0/000.p/5', 'state-inconsistent'],
      ['tile/entries/000.p/5', 'tile-bad'],
    ] as const) {
      const { world, disk } = await grown(5);
      const key = `tiles!log!${name}`;
      const bytes = disk.values.get(key) as Uint8Array;
      disk.values.set(
        key,
        bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
      );
      await expectRefused(world, disk, code);
      disk.values.delete(key);
      await expectRefused(world, disk, 'state-inconsistent');
    }
    const { world, disk } = await grown(5);
    disk.values.set('tiles!log!tile/0/000.p/5', (disk.values.get('tiles!log!tile/0/000.p/5') as Uint8Array).slice(32));
    await expectRefused(world, disk, 'state-inconsistent');
  });

  it('burns the number of a step that was staged and never swapped, and discards it', async () => {
    const { world, disk } = await grown(2);
    const staging = 'tiles!log!staging/3';
    disk.values.set(staging, new Uint8Array([1]));
    const session = await start(world, memoryStores(disk));
    expect(disk.values.has(staging)).to.equal(false);
    const fence = parseHeadRecord(disk.values.get('heads!log!0000000000000003') as Uint8Array);
    expect(fence.staging).to.equal(undefined);
    await session.append();
    await session.log.close();
    await expectSound(world, memoryStores(disk));
  });

  it('discards it at the next start when the start that burned its number was cut short', async () => {
    const { world, disk } = await grown(2);
    const staging = 'tiles!log!staging/3';
    disk.values.set(staging, new Uint8Array([1]));
    const tiles = memoryStores(disk).tiles(PREFIX);
    const discard = () => Promise.reject(new StoreError('failed', 'cut short'));
    const cutShort = await start(world, memoryStores(disk), { tiles: { ...tiles, discard } }).catch((error) => error);
    expect(cutShort).to.have.property('code', 'failed');
    expect(disk.values.has('heads!log!0000000000000003')).to.equal(true);
    expect(disk.values.has(staging)).to.equal(true);
    const session = await start(world, memoryStores(disk));
    expect(disk.values.has(staging)).to.equal(false);
    await session.append();
    await session.log.close();
    await expectSound(world, memoryStores(disk));
  });
});

describe('two sequencers on one store', () => {
  /** Both open the same stores, then append at once. */
  async function race(world: World, one: KeyedStores, changes: { heads?: HeadStore; tiles?: TileStore } = {}) {
    const left = await start(world, one, changes);
    const right = await start(world, one, changes);
    const answers = await Promise.all([left.append(), right.append()]);
    const stopped = [left, right].filter(({ log }) => log.head().checkpoint.size === 0);
    await Promise.all(stopped.map(({ fatal }) => fatal));
    await Promise.all([left.log.close(), right.log.close()]);
    return { answers, stopped };
  }

  it('one seals, the other stops', async () => {
    const { world, disk } = await grown(0);
    const stores = memoryStores(disk);
    const { answers, stopped } = await race(world, stores);
    expect(answers.filter((answer) => answer !== undefined)).to.deep.equal([0]);
    expect(stopped).to.have.length(1);
    await expectSound(world, stores);
  });

  it('one seals although the staging names do not collide', async () => {
    const { world, disk } = await grown(0);
    const stores = memoryStores(disk);
    const tiles = stores.tiles(PREFIX);
    const put: TileStore['put'] = (batch) =>
      batch[0]?.[0].startsWith('staging/') ? Promise.resolve() : tiles.put(batch);
    const { answers } = await race(world, stores, { tiles: { ...tiles, put } });
    expect(answers.filter((answer) => answer !== undefined)).to.deep.equal([0]);
    await expectSound(world, stores);
  });

  it('fork the log when the swap is no compare-and-swap (control)', async () => {
    const { world, disk } = await grown(0);
    const stores = memoryStores(disk);
    // Last writer wins, for heads as for tiles.
    const blind = keyedStores({
      get: async (key) => disk.values.get(key),
      update: async (plan) => {
        const { writes, answer } = await plan(async () => undefined);
        for (const [key, value] of writes) value === undefined ? disk.values.delete(key) : disk.values.set(key, value);
        return answer;
      },
      scan: async function* () {
        const heads = [...disk.values].filter(([key]) => key.startsWith('heads!')).sort();
        yield* heads.slice(-1);
      },
    });
    const { answers, stopped } = await race(world, blind);
    expect(answers).to.deep.equal([0, 0]);
    expect(stopped).to.deep.equal([]);
    expect(await expectSound(world, stores).catch((error: unknown) => error)).to.be.instanceOf(Error);
  });

  it('cannot both go on when one comes back after the other took over', async () => {
    const { world, disk } = await grown(2);
    const stores = memoryStores(disk);
    const asleep = await start(world, stores);
    const awake = await start(world, stores);
    await awake.append();
    await untilPublished(awake, 3);
    expect(await asleep.append()).to.equal(undefined);
    expect(await asleep.fatal).to.have.property('code', 'state-inconsistent');
    await until(() => awake.log.published()?.checkpoint.size === 3);
    await Promise.all([awake.log.close(), asleep.log.close()]);
    // What the loser had staged, under the name that the winner's bundle had before, keeps nobody from starting.
    expect(disk.values.has('tiles!log!staging/3')).to.equal(true);
    const next = await start(world, stores);
    expect(disk.values.has('tiles!log!staging/3')).to.equal(false);
    expect(await next.append()).to.equal(3);
    await next.log.close();
    await expectSound(world, stores);
  });
});
