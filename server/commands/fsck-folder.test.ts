/** What a crash between a swap and its end leaves is no defect: the next start applies it. Defects that are: fsck-folder.slow.test.ts. */
import { expect } from 'chai';
import { parseDepositEntry } from '../../ledger/core/entry.ts';
import { parseHeadRecord } from '../../ledger/log/head-record.ts';
import { PREFIX, start, World } from '../../ledger/log/testing.ts';
import { memoryStores } from '../../ledger/store/memory.ts';
import { applied, depositCheck, unappliedStep } from './fsck-folder.ts';

const TILE = 'tile/0/000.p/1';

describe('server/commands fsck of a folder', () => {
  it('reads the tiles of a step that was swapped and not applied from what it staged', async () => {
    const stores = memoryStores();
    const tiles = stores.tiles(PREFIX);
    const put: typeof tiles.put = async (batch) => {
      if (!batch.every(([name]) => name.startsWith('staging/'))) throw new Error('the process ends here');
      await tiles.put(batch);
    };
    const world = new World();
    const session = await start(world, { ...stores, tiles: () => ({ ...tiles, put }) });
    void session.append();
    await session.fatal;
    await session.log.close();
    const head = await stores.heads(PREFIX).latest();
    const step = await unappliedStep(tiles, head && parseHeadRecord(head.bytes));
    expect(step?.oldSize).to.equal(0);
    expect(await tiles.get(TILE), 'not applied (control)').to.equal(undefined);
    expect(await applied(tiles, step).get(TILE)).to.have.length(32);
  });

  it('lets the entries of that step have no place noted yet, and no others', async () => {
    const entry = new World().entry();
    const index = memoryStores().index('deposits');
    await index.write([[`lost/${parseDepositEntry(entry).id}`, new Uint8Array(0)]]);
    expect(await depositCheck(index, 7)(7, [entry])).to.deep.equal([]);
    const [flaw] = await depositCheck(index, 8)(7, [entry]);
    expect(flaw?.detail).to.include('is not noted at this index');
  });
});
