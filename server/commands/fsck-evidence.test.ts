/** Evidence and certificates that a platform holds: whole ones are in order, and every kind of damage is named at its file. */
import { expect } from 'chai';
import { World } from '../../ledger/log/testing.ts';
import { MemoryDisk, memoryBlobs, memoryStores } from '../../ledger/store/memory.ts';
import { type Deposit, DepositStore } from '../intake/deposit-store.ts';
import { digests, live, until } from '../testing.ts';
import { evidenceFlaws } from './fsck-evidence.ts';

const TEXTS = ['the first file', 'the second'];

describe('server/commands fsck of evidence', () => {
  const disk = new MemoryDisk();
  const store = new DepositStore(memoryStores(disk).index('deposits'));
  let deposit: Deposit;
  let record: Uint8Array;

  before(async () => {
    const { notary } = await live(new World(), disk);
    const evidence = notary.evidence();
    const files = [];
    for (const text of TEXTS) {
      const digest = await evidence.add([Buffer.from(text)] as unknown as AsyncIterable<Uint8Array>);
      files.push({ name: text, mediaType: 'text/plain', ...digest });
    }
    const blob = await evidence.commit();
    ({ deposit } = await notary.submit(digests('', { how: 'upload', files, blob })));
    await until(async () => (await store.certificate(deposit.id)) !== undefined);
    record = await store.record(deposit.id);
    await notary.close();
  });

  /** What is wrong when this blob's bytes are others; undefined: when it is gone. */
  async function flawsWith(blob: string, bytes: Uint8Array | undefined): Promise<string[]> {
    const damaged = new MemoryDisk();
    for (const [name, held] of disk.blobs) damaged.blobs.set(name, held);
    if (bytes === undefined) damaged.blobs.delete(blob);
    else damaged.blobs.set(blob, bytes);
    return evidenceFlaws(deposit, record, store, memoryBlobs(damaged));
  }

  const held = (blob: string): Uint8Array => disk.blobs.get(blob) ?? expect.fail('no such blob');
  const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const second = TEXTS[0]?.length ?? 0;

  it('finds nothing in what is in order', async () => {
    const blob = deposit.blob ?? '';
    expect(await flawsWith(blob, held(blob))).to.deep.equal([]);
  });

  it('names the file whose bytes have changed, are cut off or are gone', async () => {
    const blob = deposit.blob ?? '';
    const { id } = deposit;
    const other = (file: number) => `file ${file} of deposit ${id} has other bytes than were stored`;
    expect(await flawsWith(blob, flipped(held(blob), 0))).to.deep.equal([other(1)]);
    expect(await flawsWith(blob, flipped(held(blob), second))).to.deep.equal([other(2)]);
    expect(await flawsWith(blob, held(blob).subarray(0, second + 1))).to.deep.equal([other(2)]);
    const gone = (file: number) => `file ${file} of deposit ${id} is not held any more`;
    expect(await flawsWith(blob, undefined)).to.deep.equal([gone(1), gone(2)]);
  });

  it('names a certificate that has changed or is gone', async () => {
    const { blob } = (await store.certificate(deposit.id)) ?? expect.fail('no certificate');
    const certificate = `a certificate of deposit ${deposit.id}`;
    expect(await flawsWith(blob, flipped(held(blob), 3))).to.deep.equal([
      `${certificate} has other bytes than were stored`,
    ]);
    expect(await flawsWith(blob, undefined)).to.deep.equal([`${certificate} is not held any more`]);
  });
});
