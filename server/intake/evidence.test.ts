/** Bytes on their way in: digests, limits, and that nothing stays of what is not kept. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { MemoryDisk, memoryBlobs, memoryStores } from '../../ledger/store/memory.ts';
import { Refusal } from '../refusal.ts';
import { DepositStore } from './deposit-store.ts';
import { deleteOrphans, Evidence } from './evidence.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { diskSpace } from './space.ts';

const MIB = 1024 * 1024;

async function* chunks(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part as string);
}

describe('server/intake/evidence', () => {
  let disk: MemoryDisk;
  let store: DepositStore;
  let freeBytes: number;
  beforeEach(() => {
    disk = new MemoryDisk();
    store = new DepositStore(memoryStores(disk).index('deposits'));
    freeBytes = 100;
  });
  const open = (fileBytesMax = MIB): Evidence =>
    new Evidence({
      blobs: memoryBlobs(disk),
      store,
      limits: { ...DEFAULT_LIMITS, fileBytesMax, depositBytesMax: fileBytesMax + 100 },
      space: diskSpace(async () => ({ freeBytes, totalBytes: 1000 }), DEFAULT_LIMITS),
    });
  const codeOf = (attempt: Promise<unknown>): Promise<string> =>
    attempt.then(
      () => 'taken',
      (error) => (error instanceof Refusal ? error.code : Promise.reject(error)),
    );

  it('digests files as they come, however they are cut, and keeps them one after the other', async () => {
    const evidence = open();
    // GB/T 32905-2016, Appendix A.1.
    const abc = await evidence.add(chunks('a', '', 'bc'));
    expect(abc).to.deep.equal({
      size: 3,
      sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      sm3: '66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0',
    });
    await evidence.add(chunks('def'));
    const name = await evidence.commit();
    expect(Buffer.from(disk.blobs.get(name) ?? []).toString()).to.equal('abcdef');
  });

  it('leaves nothing after an abort, before or after the commit', async () => {
    for (const committed of [false, true]) {
      const evidence = open();
      await evidence.add(chunks('x'));
      if (committed) await evidence.commit();
      await evidence.abort();
      expect(disk.blobs.size).to.equal(0);
      expect(await store.orphanBlobs()).to.deep.equal([]);
    }
    await open().abort();
  });

  it('finds what a crash left, and deletes it', async () => {
    const evidence = open();
    await evidence.add(chunks('x'));
    await evidence.commit();
    expect(await deleteOrphans(memoryBlobs(disk), store)).to.equal(1);
    expect(disk.blobs.size).to.equal(0);
    expect(await deleteOrphans(memoryBlobs(disk), store)).to.equal(0);
  });

  it('refuses an empty file, one too large, too much together, and what the disk has no room for', async () => {
    const part = new Uint8Array(MIB / 2);
    const parts = (count: number): AsyncGenerator<Uint8Array> => chunks(...Array<Uint8Array>(count).fill(part));
    expect(await codeOf(open().add(chunks()))).to.equal('file-empty');
    expect(await codeOf(open().add(chunks('')))).to.equal('file-empty');
    expect(await codeOf(open().add(chunks(part, part, 'x')))).to.equal('file-too-large');
    const both = open();
    expect(await codeOf(both.add(parts(2)))).to.equal('taken');
    expect(await codeOf(both.add(parts(1)))).to.equal('body-too-large');
    const filling = open(100 * MIB);
    expect(await codeOf(filling.add(parts(1)))).to.equal('taken');
    freeBytes = 49;
    expect(await codeOf(filling.add(parts(40)))).to.equal('storage-full');
  });

  it('hashes as the reference does over many chunks', async () => {
    const bytes = new Uint8Array(100_000).map((_, i) => (i * 7919) % 251);
    const cut = Array.from({ length: 100 }, (_, i) => bytes.subarray(i * 1000, (i + 1) * 1000));
    const { sha256 } = await open().add(chunks(...cut));
    expect(sha256).to.equal(createHash('sha256').update(bytes).digest('hex'));
  });
});
