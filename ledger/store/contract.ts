// The contract of the ports, as a suite: every driver calls it in a few lines and must pass it unchanged.

import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { concat, utf8Encode } from '../core/bytes.ts';
import { type BlobStore, StoreError } from '../log/ports.ts';
import type { KeyedStores } from './key-value.ts';

/** An open driver. `reopen` closes it and opens it again on what is durable. */
export interface Opened<T> {
  readonly store: T;
  reopen(): Promise<T>;
  close(): Promise<void>;
}

const bytes = utf8Encode;

export async function expectStoreError(promise: Promise<unknown>, code: string): Promise<void> {
  const error = await promise.then(
    () => expect.fail('was not refused'),
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(StoreError).with.property('code', code);
}

/** Large arrays: without a diff of every byte. */
function expectSame(got: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(got, expected)).to.equal(0);
}

async function all<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of iterable) found.push(each);
  return found;
}

/** TileStore, HeadStore and IndexStore. */
export function keyedContract(name: string, open: () => Promise<Opened<KeyedStores>>): void {
  describe(`${name}: keyed stores`, () => {
    let opened: Opened<KeyedStores>;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());

    it('tiles: gives back what was put, after a reopen too, and nothing else', async () => {
      const big = new Uint8Array(300_000).fill(7);
      const tiles = opened.store.tiles('a');
      await tiles.put([
        ['x', bytes('1')],
        ['y', new Uint8Array(0)],
        ['z', big],
      ]);
      for (const getStore of [async () => opened.store, opened.reopen]) {
        const store = await getStore();
        const again = store.tiles('a');
        expect(await again.get('x')).to.deep.equal(bytes('1'));
        expect(await again.get('y')).to.deep.equal(new Uint8Array(0));
        expectSame((await again.get('z')) as Uint8Array, big);
        expect(await again.get('w')).to.equal(undefined);
        expect(await store.tiles('b').get('x')).to.equal(undefined);
        expect(await store.index('a').get('x')).to.equal(undefined);
      }
    });

    it('tiles: same bytes again are no error, other bytes a conflict that writes nothing', async () => {
      const tiles = opened.store.tiles('a');
      await tiles.put([['x', bytes('1')]]);
      await tiles.put([
        ['x', bytes('1')],
        ['y', bytes('2')],
      ]);
      const conflicting = tiles.put([
        ['new', bytes('3')],
        ['y', bytes('other')],
      ]);
      await expectStoreError(conflicting, 'conflict');
      expect(await tiles.get('new')).to.equal(undefined);
      expect(await tiles.get('y')).to.deep.equal(bytes('2'));
    });

    it('tiles: of many concurrent puts of one name one wins, and the others conflict', async () => {
      const tiles = opened.store.tiles('a');
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) => tiles.put([[`x`, bytes(String(i))]])),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
      const winner = results.findIndex(({ status }) => status === 'fulfilled');
      expect(await tiles.get('x')).to.deep.equal(bytes(String(winner)));
    });

    it('tiles: forgets what is discarded, and minds no absent name', async () => {
      const tiles = opened.store.tiles('a');
      await tiles.put([['x', bytes('1')]]);
      await tiles.discard(['x', 'absent']);
      expect(await tiles.get('x')).to.equal(undefined);
      await tiles.put([['x', bytes('2')]]);
      expect(await tiles.get('x')).to.deep.equal(bytes('2'));
    });

    it('tiles: does not share memory with its callers', async () => {
      const tiles = opened.store.tiles('a');
      const mine = bytes('1');
      await tiles.put([['x', mine]]);
      mine[0] = 0;
      ((await tiles.get('x')) as Uint8Array)[0] = 0;
      expect(await tiles.get('x')).to.deep.equal(bytes('1'));
    });

    it('heads: creates a number once, and knows the latest by number', async () => {
      const heads = opened.store.heads('a');
      expect(await heads.latest()).to.equal(undefined);
      for (let number = 0; number < 12; number++) {
        expect(await heads.create(number, bytes(`head ${number}`))).to.equal(true);
        expect(await heads.create(number, bytes('other'))).to.equal(false);
        expect(await heads.create(number, bytes(`head ${number}`))).to.equal(false);
      }
      const again = (await opened.reopen()).heads('a');
      expect(await again.latest()).to.deep.equal({ number: 11, bytes: bytes('head 11') });
      expect(await again.get(0)).to.deep.equal(bytes('head 0'));
      expect(await again.get(12)).to.equal(undefined);
      expect(await (await opened.reopen()).heads('b').latest()).to.equal(undefined);
    });

    it('heads: of many concurrent creators of one number exactly one wins', async () => {
      const heads = opened.store.heads('a');
      for (let number = 0; number < 5; number++) {
        const won = await Promise.all(Array.from({ length: 20 }, (_, i) => heads.create(number, bytes(String(i)))));
        expect(won.filter(Boolean)).to.have.length(1);
        expect(await heads.get(number)).to.deep.equal(bytes(String(won.indexOf(true))));
      }
    });

    it('heads: orders numbers up to 2^53 - 1', async () => {
      const heads = opened.store.heads('a');
      for (const number of [9, 10, 99, 4_294_967_296, Number.MAX_SAFE_INTEGER]) {
        await heads.create(number, bytes(String(number)));
        expect((await heads.latest())?.number).to.equal(number);
      }
    });

    it('index: a batch is written as one, later calls after earlier ones', async () => {
      const index = opened.store.index('a');
      await index.write([
        ['x', bytes('1')],
        ['y', bytes('2')],
      ]);
      await index.write([
        ['x', undefined],
        ['z', bytes('3')],
      ]);
      await Promise.all(Array.from({ length: 50 }, (_, i) => index.write([['last', bytes(String(i))]])));
      const again = (await opened.reopen()).index('a');
      expect(await all(again.scan({ gte: '', lt: '~' }))).to.deep.equal([
        ['last', bytes('49')],
        ['y', bytes('2')],
        ['z', bytes('3')],
      ]);
    });

    it('index: scans in byte order, within bounds, in both directions, with a limit', async () => {
      const index = opened.store.index('a');
      const keys = ['a', 'a/1', 'a/10', 'a/2', 'b', 'é', '中', '\u{1f600}'];
      await index.write([...keys].reverse().map((key) => [key, bytes(key)] as const));
      await opened.store.index('b').write([['a/5', bytes('other store')]]);
      const scanned = async (range: Parameters<typeof index.scan>[0]) =>
        (await all(index.scan(range))).map(([key]) => key);
      expect(await scanned({ gte: '', lt: '\u{10ffff}' })).to.deep.equal(keys);
      expect(await scanned({ gte: 'a/', lt: 'a0' })).to.deep.equal(['a/1', 'a/10', 'a/2']);
      expect(await scanned({ gte: 'a/', lt: 'a0', reverse: true, limit: 2 })).to.deep.equal(['a/2', 'a/10']);
      expect(await scanned({ gte: 'a', lt: 'a' })).to.deep.equal([]);
    });

    it('index: a scan is a snapshot, and may be left early', async () => {
      const index = opened.store.index('a');
      await index.write(
        Array.from({ length: 30 }, (_, i) => [`k${String(i).padStart(2, '0')}`, bytes(String(i))] as const),
      );
      let count = 0;
      for await (const [key] of index.scan({ gte: 'k', lt: 'l' })) {
        if (count++ === 0) await index.write([['k29', undefined]]);
        expect(key).to.match(/^k/);
      }
      expect(count).to.equal(30);
      for await (const _ of index.scan({ gte: 'k', lt: 'l' })) break;
    });

    it('refuses a prefix that could meet another', () => {
      for (const prefix of ['', 'a!b', 'A', 'a/b', 'ä']) {
        expect(() => opened.store.tiles(prefix), prefix).to.throw('invariant');
      }
    });
  });
}

/** BlobStore. */
export function blobContract(name: string, open: () => Promise<Opened<BlobStore>>): void {
  describe(`${name}: blobs`, () => {
    let opened: Opened<BlobStore>;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());

    const written = async (store: BlobStore, chunks: readonly Uint8Array[]) => {
      const writer = await store.create();
      for (const chunk of chunks) await writer.write(chunk);
      await writer.commit();
      return writer.name;
    };
    const content = async (store: BlobStore, blob: string, range?: { start: number; end: number }) =>
      concat(...(await all(await store.read(blob, range))));

    it('gives back what was committed, whole and in ranges, after a reopen too', async () => {
      const chunks = [bytes('one'), new Uint8Array(0), new Uint8Array(randomBytes(700_000)), bytes('end')];
      const expected = concat(...chunks);
      const blob = await written(opened.store, chunks);
      expect(blob).to.match(/^[0-9a-f]{32}$/);
      for (const getStore of [async () => opened.store, opened.reopen]) {
        const store = await getStore();
        expectSame(await content(store, blob), expected);
        for (const [start, end] of [
          [0, 3],
          [1, 1],
          [2, 600_001],
          [expected.length - 3, expected.length + 50],
        ] as const) {
          const part = await content(store, blob, { start, end });
          expectSame(part, expected.slice(start, end));
        }
      }
    });

    it('holds an empty blob', async () => {
      const blob = await written(opened.store, []);
      expect(await content(opened.store, blob)).to.have.length(0);
    });

    it('shows nothing before the commit, and nothing after an abort or a delete', async () => {
      const writer = await opened.store.create();
      await writer.write(bytes('x'));
      await expectStoreError(opened.store.read(writer.name), 'missing');
      await writer.abort();
      await expectStoreError(opened.store.read(writer.name), 'missing');
      const blob = await written(opened.store, [bytes('y')]);
      await opened.store.delete(blob);
      await opened.store.delete(blob);
      await expectStoreError(opened.store.read(blob), 'missing');
    });

    it('keeps the blob when it is aborted after the commit', async () => {
      const writer = await opened.store.create();
      await writer.write(bytes('x'));
      await writer.commit();
      await writer.abort();
      expect(await content(opened.store, writer.name)).to.deep.equal(bytes('x'));
    });

    it('writes many at once under names of their own', async () => {
      const names = await Promise.all(Array.from({ length: 20 }, (_, i) => written(opened.store, [bytes(String(i))])));
      expect(new Set(names).size).to.equal(20);
      for (const [i, blob] of names.entries())
        expect(await content(opened.store, blob)).to.deep.equal(bytes(String(i)));
    });
  });
}
