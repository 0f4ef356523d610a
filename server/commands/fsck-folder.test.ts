/** What a crash between a swap and its end leaves is no defect: the next start applies it. Defects that are: fsck-folder.slow.test.ts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatVkey, parseNote } from '../../ledger/core/note.ts';
import { parseHeadRecord } from '../../ledger/log/head-record.ts';
import { StoreError } from '../../ledger/log/ports.ts';
import { PREFIX, start, World } from '../../ledger/log/testing.ts';
import { memoryStores } from '../../ledger/store/memory.ts';
import { signedBy } from '../../ledger/tools/fsck.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { TestLog, testSigner } from '../../ledger/witness/testing.ts';
import { CONFIG_FILE, readConfig } from '../config.ts';
import { grow, shownBy } from '../recovery/testing.ts';
import { TestConsortium } from '../roles/testing.ts';
import { StartError } from '../start-error.ts';
import { until } from '../testing.ts';
import { openRows } from '../wiring.ts';
import { runFsck } from './fsck.ts';
import { applied, unappliedStep } from './fsck-folder.ts';
import { openSource } from './ledger-source.ts';

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
});

describe('server/commands fsck of a disk that gives out', () => {
  it('says in one sentence what the disk refused, also when it was opened before', async () => {
    const done: string[] = [];
    const cause = new Error('IO error: 000005.ldb: Input/output error');
    const fetch = () => Promise.reject(new StoreError('failed', 'LevelDB cannot read', { cause }));
    const believed = { open: signedBy([testSigner(PREFIX, 0x01).key]), claims: [] };
    const source = { fetch, believed, close: async () => void done.push('closed') };
    const terminal = { env: {}, out: () => {}, err: () => {} };
    const error = await runFsck('folder', { evidence: true }, terminal, async () => source).catch((thrown) => thrown);
    expect(error).to.be.instanceOf(StartError).property('code', 'disk-refused');
    expect(error.message).to.equal(`folder cannot be checked: LevelDB cannot read: ${cause.message}`);
    expect(done).to.deep.equal(['closed']);
  });
});

describe('server/commands fsck of a mirror', () => {
  let consortium: TestConsortium;

  before(async () => {
    consortium = await TestConsortium.start();
  });
  after(() => consortium.end());

  it('checks one log of two, and says which; rows of a third are nobody’s', async () => {
    await grow(consortium, 3);
    await until(async () => (await shownBy(consortium, 'arbitration-1'))?.size === 3);
    await consortium.stop('arbitration-1');
    const dir = consortium.dir('arbitration-1');
    const config = readConfig(dir, 'mirror');
    const [log] = config.logs;
    const other = { origin: 'other.example', vkeys: [formatVkey(testSigner('other.example', 0x01).key)] };
    const store = await openRows(dir);
    const rows: [string, Uint8Array][] = [];
    for await (const [key, value] of store.rows()) rows.push([key, value as Uint8Array]);
    const [hash, otherHash] = [originHash(log?.origin ?? ''), originHash(other.origin)];
    await store.copyIn(rows.map(([key, value]) => [key.replace(hash, otherHash), value]));
    await store.close();
    const check = async (): Promise<{ code: number; told: string[] }> => {
      const told: string[] = [];
      const terminal = { env: {}, out: () => {}, err: (line: string) => void told.push(line) };
      return { code: await runFsck(dir, { evidence: true }, terminal), told };
    };
    expect(await check(), 'a log that the mirror does not follow').to.deep.equal({ code: 1, told: [] });
    writeFileSync(join(dir, CONFIG_FILE), JSON.stringify({ ...config, logs: [log, other] }));
    const { code, told } = await check();
    expect(code).to.equal(0);
    expect(told.join()).to.match(/is checked, and not other\.example/);
    const source = await openSource(dir, () => {}, { origin: other.origin });
    const { note } = await new TestLog(other.origin).head(0);
    expect(source.believed?.open(parseNote(note)).origin).to.equal(other.origin);
    await source.close();
  });

  it('refuses a log that the folder does not follow, and says which ones it does', async () => {
    const dir = consortium.dir('arbitration-1');
    const { logs } = readConfig(dir, 'mirror');
    const refused = await openSource(dir, () => {}, { origin: 'third.example' }).catch((error) => error);
    expect(refused).to.include({ code: 'not-trusted' });
    expect(refused.message).to.equal(
      `${dir} does not follow the log third.example, but ${logs.map(({ origin }) => origin).join(', ')}`,
    );
  });

  it('says nothing of other logs when one was named: refill has no --trust to name another with', async () => {
    const dir = consortium.dir('arbitration-1');
    const { logs } = readConfig(dir, 'mirror');
    expect(logs, 'another, which would be told of').to.have.length(2);
    const told: string[] = [];
    await (await openSource(dir, (line) => told.push(line), { origin: logs[0]?.origin ?? '' })).close();
    expect(told).to.deep.equal([]);
  });
});
