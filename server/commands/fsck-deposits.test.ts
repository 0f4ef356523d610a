/** Rows of deposits at rest: every state that a crash may leave is in order, and a deposit that was lost, or a row of nobody, is named. */
import { expect } from 'chai';
import { parseDepositEntry } from '../../ledger/core/entry.ts';
import { World } from '../../ledger/log/testing.ts';
import { MemoryDisk, memoryStores } from '../../ledger/store/memory.ts';
import { type Deposit, DepositStore, idempotencyKey } from '../intake/deposit-store.ts';
import { depositRowFlaws, digests, live, PARTY, until, upload } from '../testing.ts';
import { entryCheck } from './fsck-deposits.ts';

const NOTHING = new Uint8Array(0);
const NOBODY = '01900000-0000-7000-8000-000000000000';

describe('server/commands fsck of deposits', () => {
  const disk = new MemoryDisk();
  let single: Deposit;
  let batch: Deposit;
  let sha256: string;

  before(async () => {
    const { notary } = await live(new World(), disk);
    batch = (await notary.submit(digests('of a batch', { mode: 'batch' }))).deposit;
    single = await upload(notary, 'single', { idempotencyKey: 'once' });
    sha256 = digests('single').files[0]?.sha256 ?? '';
    const store = new DepositStore(memoryStores(disk).index('deposits'));
    await until(async () => (await store.certificate(single.id)) !== undefined);
    await notary.close();
  });

  type Change = readonly [row: string, value: Uint8Array | string | undefined];

  /** What is wrong after these changes, in a ledger of this size: the rows that are named, and why. */
  async function flawsAfter(changes: readonly Change[], size = 2, blobless = false): Promise<string[]> {
    const changed = new MemoryDisk();
    for (const [key, value] of disk.values) changed.values.set(key, value);
    if (!blobless) for (const [name, bytes] of disk.blobs) changed.blobs.set(name, bytes);
    const index = memoryStores(changed).index('deposits');
    await index.write(changes.map(([row, value]) => [row, typeof value === 'string' ? Buffer.from(value) : value]));
    return depositRowFlaws(changed, size);
  }

  /** The single deposit as it is before the ledger has it. */
  const waiting = (): Change[] => [
    [`index/${single.id}`, undefined],
    [`pending/${single.id}`, NOTHING],
    [`certificate/${single.id}`, undefined],
    [`uncertified/${single.id}`, NOTHING],
  ];

  it('finds nothing in what a stop or a crash may leave', async () => {
    expect(await flawsAfter([])).to.deep.equal([]);
    expect(await flawsAfter(waiting(), 1), 'pending').to.deep.equal([]);
    const owed: Change[] = waiting().slice(2);
    expect(await flawsAfter(owed), 'on the ledger, its certificate not made').to.deep.equal([]);
    expect(await flawsAfter([[`upload/${'0'.repeat(32)}`, NOTHING]]), 'a cut upload').to.deep.equal([]);
    const rows = ['deposit', 'record', `digest/${digests('of a batch').files[0]?.sha256}`];
    const lost: Change[] = [
      ...rows.map((kind): Change => [`${kind}/${batch.id}`, undefined]),
      [`lost/${batch.id}`, NOTHING],
    ];
    expect(await flawsAfter(lost), 'came back from a mirror').to.deep.equal([]);
    expect(
      await flawsAfter([[`certificate/${batch.id}`, (await rowOf(`certificate/${single.id}`)) ?? '']]),
    ).to.deep.equal([]);
  });

  it('names a deposit that is neither pending nor on the ledger, and one that is both', async () => {
    const row = `deposit/${single.id}`;
    expect(
      await flawsAfter(
        waiting().filter(([name]) => !name.startsWith('pending')),
        1,
      ),
    ).to.deep.equal([`${row}: it is neither pending nor on the ledger`]);
    expect(await flawsAfter([[`pending/${single.id}`, NOTHING]])).to.deep.equal([
      `${row}: it is both pending and on the ledger`,
    ]);
  });

  it('names what is missing beside a deposit', async () => {
    const row = `deposit/${single.id}`;
    const missing: [rows: string[], flaw: string][] = [
      [[`record/${single.id}`], 'it has no record'],
      [[`certificate/${single.id}`], 'it has no certificate, and none is owed'],
      [[`digest/${sha256}/${single.id}`], `it cannot be looked up by the digest ${sha256}`],
    ];
    for (const [rows, flaw] of missing) {
      expect(await flawsAfter(rows.map((name) => [name, undefined]))).to.deep.equal([`${row}: ${flaw}`]);
    }
    expect(await flawsAfter([[`record/${single.id}`, await rowOf(`record/${batch.id}`)]])).to.deep.equal([
      `${row}: its record has another commitment`,
      `${row}: it cannot be looked up by the digest ${digests('of a batch').files[0]?.sha256}`,
      `${row}: file 1 of deposit ${single.id} has other bytes than were stored`,
    ]);
    expect(await flawsAfter([[`upload/${single.blob}`, NOTHING]])).to.deep.equal([
      `${row}: its evidence is noted as nobody’s: the next start would delete it`,
    ]);
    expect((await flawsAfter([[row, '{']])).join()).to.match(/it cannot be read: SyntaxError/);
  });

  it('reads the evidence of a deposit that is pending', async () => {
    expect(await flawsAfter(waiting(), 1, true)).to.deep.equal([
      `deposit/${single.id}: file 1 of deposit ${single.id} is not held any more`,
    ]);
  });

  it('names rows of a deposit that nobody knows, and rows that no deposit has', async () => {
    const key = idempotencyKey(PARTY.party, 'once');
    const extra: [row: string, value: Uint8Array | string, why: RegExp][] = [
      ...['record', 'pending', 'uncertified', 'certificate', `digest/${sha256}`].map(
        (kind): [string, Uint8Array, RegExp] => [`${kind}/${NOBODY}`, NOTHING, /there is no deposit/],
      ),
      [`certificate/${NOBODY}/1`, NOTHING, /there is no deposit/],
      [`key/${key}`, JSON.stringify(NOBODY), /there is no deposit/],
      [`index/${NOBODY}`, '0', /there is no deposit\/\S+ or lost\/\S+$/],
      [`index/${batch.id}`, '2', /the ledger has no entry 2$/],
      [`lost/${NOBODY}`, NOTHING, /there is no index/],
      ...['drawer/1', 'deposit', `deposit/${single.id}/1`, `digest/0/${single.id}`, `pending/${single.id}/x`].map(
        (row): [string, Uint8Array, RegExp] => [row, NOTHING, /no row of a deposit has that name/],
      ),
    ];
    for (const [row, value, why] of extra) {
      const flaws = await flawsAfter([[row, value]]);
      expect(flaws, row).to.have.length(1);
      expect(flaws[0]?.slice(row.length + 2)).to.match(why);
    }
  });

  it('names a deposit that is noted where the ledger does not have it: at another’s entry, or at no number', async () => {
    const row = `index/${single.id}`;
    const at = async (place: string): Promise<string[]> => flawsAfter([[row, place]]);
    expect(await at('1')).to.deep.equal([]);
    expect(await at('0')).to.deep.equal([`${row}: entry 0 is not that of this deposit`]);
    for (const place of ['-7', '', '01', '1.0', '0x1'])
      expect(await at(place), place).to.deep.equal([`${row}: the ledger has no entry ${place}`]);
  });

  it('lets the entries of a step that is not applied have no place noted yet, and no others', async () => {
    const entry = new World().entry();
    const index = memoryStores().index('deposits');
    await index.write([[`lost/${parseDepositEntry(entry).id}`, NOTHING]]);
    expect(await entryCheck(index, 7)(7, [entry])).to.deep.equal([]);
    const [flaw] = await entryCheck(index, 8)(7, [entry]);
    expect(flaw?.detail).to.include('is not noted at this index');
  });

  const rowOf = (row: string): Promise<Uint8Array | undefined> => memoryStores(disk).index('deposits').get(row);
});
