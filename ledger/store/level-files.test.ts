// Rot in LevelDB's files: every flipped bit is noticed at the start, or changes nothing. And what LevelDB makes of it when nobody looks.

import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Level } from 'level';
import { equal, utf8Encode } from '../core/bytes.ts';
import { StoreError } from '../log/ports.ts';
import { expectStoreError } from './contract.ts';
import { crc32c } from './crc32c.ts';
import { openLevelStore } from './level.ts';
import { isTableWhole } from './level-table.ts';
import { noFatal } from './testing.ts';

const VALUES = 400;
const value = (i: number): Uint8Array => utf8Encode(`value ${i} `.repeat(1 + (i % 7)));

/** A store with tables and a write-ahead log. */
async function filled(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'probata-rot-'));
  for (const half of [0, 1]) {
    const store = await openLevelStore(dir, noFatal);
    for (let i = half * (VALUES / 2); i < (half + 1) * (VALUES / 2); i += 10) {
      await store.index('a').write(Array.from({ length: 10 }, (_, k) => [String(i + k), value(i + k)] as const));
    }
    await store.close();
  }
  return dir;
}

describe('level: rot', () => {
  let pristine: string;
  let dir: string;
  before(async () => {
    pristine = await filled();
  });
  after(() => rm(pristine, { recursive: true }));
  beforeEach(async () => {
    dir = `${pristine}-copy`;
    await cp(pristine, dir, { recursive: true });
  });
  afterEach(() => rm(dir, { recursive: true }));

  const fileOf = async (kind: RegExp): Promise<string> =>
    join(dir, 'level', (await readdir(join(dir, 'level'))).find((name) => kind.test(name)) ?? expect.fail());
  const flip = async (path: string, bit: number): Promise<void> => {
    const bytes = await readFile(path);
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    await writeFile(path, bytes);
  };
  /** `refused`, or `all there`. */
  const start = async (): Promise<string> => {
    try {
      const store = await openLevelStore(dir, noFatal);
      try {
        for (let i = 0; i < VALUES; i++) {
          const found = await store.index('a').get(String(i));
          expect(found !== undefined && equal(found, value(i)), `value ${i}`).to.equal(true);
        }
      } finally {
        await store.close();
      }
      return 'all there';
    } catch (error) {
      if (error instanceof StoreError && error.code === 'corrupt') return 'refused';
      throw error;
    }
  };

  for (const kind of [/\.ldb$/, /\.log$/, /^MANIFEST/, /^CURRENT$/]) {
    it(`refuses to start, or loses nothing, with one bit of ${kind.source} flipped`, async () => {
      const path = await fileOf(kind);
      const whole = await readFile(path);
      let refused = 0;
      for (let i = 0; i < 16; i++) {
        await rm(dir, { recursive: true });
        await cp(pristine, dir, { recursive: true });
        await flip(path, Math.floor(((i + 0.5) * whole.length * 8) / 16));
        if ((await start()) === 'refused') refused++;
      }
      expect(refused).to.be.above(12);
    });
  }

  it('refuses to start without its last commit, or with the log cut short', async () => {
    const path = await fileOf(/\.log$/);
    const whole = await readFile(path);
    await writeFile(path, whole.subarray(0, whole.length - 1));
    await expectStoreError(openLevelStore(dir, noFatal), 'corrupt');
    await writeFile(path, '');
    await expectStoreError(openLevelStore(dir, noFatal), 'corrupt');
  });

  it('survives rot in the number of its last commit, and refuses when both numbers are gone', async () => {
    const marker = join(dir, 'in-use');
    const bytes = await readFile(marker);
    await writeFile(marker, bytes.fill(0x30, bytes.length - 64));
    expect(await start()).to.equal('all there');
    const again = await readFile(marker);
    await writeFile(marker, again.fill(0x30, again.length - 128));
    await expectStoreError(openLevelStore(dir, noFatal), 'corrupt');
  });

  it('opens a folder from before commits were numbered', async () => {
    await writeFile(join(dir, 'in-use'), 'This folder holds data: it is never created anew.\n');
    expect(await start()).to.equal('all there');
  });

  it('LevelDB alone silently forgets what was in a damaged log (control)', async () => {
    await flip(await fileOf(/\.log$/), 8 * 200);
    const db = new Level<string, Uint8Array>(join(dir, 'level'), { valueEncoding: 'view' });
    await db.open();
    let missing = 0;
    for (let i = 0; i < VALUES; i++) if ((await db.get(`index!a!${i}`)) === undefined) missing++;
    await db.close();
    expect(missing).to.be.above(0);
  });

  it('reads tables whose index is compressed too, and none that is cut', async () => {
    const location = join(dir, 'tables');
    const db = new Level<string, string>(location);
    await db.open();
    const key = (i: number): string => `${'a long and very repetitive key '.repeat(4)}${String(i).padStart(6, '0')}`;
    await db.batch(Array.from({ length: 20_000 }, (_, i) => ({ type: 'put' as const, key: key(i), value: `${i}` })));
    await db.close();
    await db.open(); // writes what is in the log to tables
    await db.close();
    const tables = (await readdir(location)).filter((name) => name.endsWith('.ldb'));
    expect(tables).to.not.deep.equal([]);
    for (const name of tables) {
      const bytes = new Uint8Array(await readFile(join(location, name)));
      expect(isTableWhole(bytes), name).to.equal(true);
      for (const length of [0, 47, 48, bytes.length - 1])
        expect(isTableWhole(bytes.subarray(0, length))).to.equal(false);
    }
  });

  it('computes CRC-32C', () => {
    // The check value of the polynomial, and the one of RFC 3720 B.4 for 32 zeros.
    expect(crc32c(utf8Encode('123456789'), 0, 9)).to.equal(0xe3069283);
    expect(crc32c(new Uint8Array(32), 0, 32)).to.equal(0x8a9136aa);
  });
});
