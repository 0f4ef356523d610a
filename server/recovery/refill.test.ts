/** A refill of what is damaged. A refill of an old or empty ledger: recovery.test.ts. */
import { expect } from 'chai';
import { concat, utf8Encode } from '../../ledger/core/bytes.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import { runFsck } from '../commands/fsck.ts';
import { TestConsortium } from '../roles/testing.ts';
import { until } from '../testing.ts';
import { PLATFORM_TILES } from '../wiring.ts';
import { type Refilled, refill } from './refill.ts';
import { backedUp, below, grow, restored, rot, shownBy } from './testing.ts';

const SIZE = 300;

describe('refill', function () {
  this.timeout(900_000);
  let consortium: TestConsortium;
  let dir: string;

  beforeEach(async () => {
    consortium = await TestConsortium.start();
    dir = consortium.dir('platform');
  });

  afterEach(() => consortium.end());

  const fromMirror = (): Promise<Refilled> => refill(dir, `${consortium.url('arbitration-1')}/mirror`, () => {});

  async function fsck(): Promise<{ code: number; said: string }> {
    const said: string[] = [];
    const say = (line: string): void => void said.push(line);
    const code = await runFsck(dir, { evidence: true }, { env: {}, out: say, err: say });
    return { code, said: said.join('\n') };
  }

  const tileRows = (): Promise<string[]> =>
    below(dir, (db) => db.keys({ gte: `${PLATFORM_TILES}tile/`, lt: `${PLATFORM_TILES}tile/~` }).all());

  it('mends every kind of row of a tile: rotten, gone, another; inside, on the right edge, and left from before', async () => {
    for (const count of [40, SIZE - 43, 1, 1, 1]) await grow(consortium, count);
    await until(async () => (await shownBy(consortium, 'arbitration-1'))?.size === SIZE);
    await consortium.stop('platform');
    const whole = { ...(await shownBy(consortium, 'arbitration-1')), added: 0, lost: 0 };
    const rows = await tileRows();
    const present = ['tile/entries/000', 'tile/entries/001.p/44', 'tile/0/000', 'tile/0/001.p/44', 'tile/1/000.p/1'];
    const narrower = ['tile/entries/001.p/43', 'tile/0/001.p/43'];
    expect(rows).to.include.members([...present, ...narrower].map((name) => PLATFORM_TILES + name));
    for (const [i, name] of [...present, ...narrower].entries()) {
      const key = PLATFORM_TILES + name;
      const other = utf8Encode('another');
      const defects: [what: string, plant: () => Promise<void>][] = [
        ['rotten', () => rot(dir, key, 5 + i * 7919)],
        ['another', () => below(dir, (db) => db.put(key, concat(sha256(concat(utf8Encode(key), other)), other)))],
        ['gone', () => below(dir, (db) => db.del(key))],
      ];
      // A narrower form that rots is taken away: there is nothing more to mend.
      for (const [what, plant] of narrower.includes(name) ? defects.slice(0, 1) : defects) {
        await plant();
        expect((await fsck()).said, `${name} ${what}`).to.include(name);
        expect(await fromMirror(), `${name} ${what}`).to.deep.equal({ ...whole, mended: 1 });
        const { code, said } = await fsck();
        expect(code, said).to.equal(0);
      }
    }
    const all = await tileRows();
    for (const [i, key] of all.entries()) await rot(dir, key, i * 7919);
    expect(await fromMirror()).to.deep.equal({ ...whole, mended: all.length });
    await backedUp(consortium, 'platform');
    await consortium.startPlatform();
    expect((await grow(consortium, 2)).size).to.equal(SIZE + 2);
  });

  it('names a rotten row that no mirror has, and mends what an old ledger had while it grows', async () => {
    await grow(consortium, SIZE);
    await consortium.stop('platform');
    const file = await backedUp(consortium, 'platform');
    await consortium.startPlatform();
    const { size } = await grow(consortium, 5);
    await until(async () => (await shownBy(consortium, 'arbitration-1'))?.size === size);
    await consortium.stop('platform');
    await restored(consortium, 'platform', file);
    await rot(dir, `${PLATFORM_TILES}tile/entries/001.p/44`, 300);
    await rot(dir, `${PLATFORM_TILES}tile/0/000`, 300);
    const head = await below(dir, async (db) => (await db.keys({ gte: 'heads!', lt: 'heads!~' }).all()).at(-1));
    await rot(dir, head as string, 9);
    const refusal = await fromMirror().catch((error) => error);
    expect(refusal).to.have.property('code', 'data-corrupt');
    expect(refusal.message).to.include(head).and.to.include('restore a backup');
    await rot(dir, head as string, 9);
    expect(await fromMirror()).to.deep.include({ size, added: 5, mended: 2 });
    expect(await fsck()).to.include({ code: 0 });
    await consortium.startPlatform();
  });
});
