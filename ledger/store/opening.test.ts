// An opening in which LevelDB leaves acknowledged writes out is undone. The read really fails: for that opening, the log is a name of
// /proc/self/mem, whose first bytes no process can read (EIO).

import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Level } from 'level';
import { utf8Encode } from '../core/bytes.ts';
import { StoreError } from '../log/ports.ts';
import { openLevelStore } from './level.ts';
import { SecondNames } from './opening.ts';
import { noFatal } from './testing.ts';

describe('level: an opening that can be undone', () => {
  let dir: string;
  let level: string;
  let marker: string;
  let log: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'probata-opening-'));
    level = join(dir, 'level');
    marker = join(dir, 'in-use');
    const store = await openLevelStore(dir, noFatal);
    await store.index('a').write([['x', utf8Encode('1')]]);
    await store.close();
    const name = (await readdir(level)).find((file) => file.endsWith('.log')) ?? expect.fail('no log');
    log = join(level, name);
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('gives every file that stays its second name while another process takes files away', async () => {
    const passing = Array.from({ length: 60 }, (_, i) => join(level, `${i}.tmp`));
    for (const path of passing) await writeFile(path, '');
    const staying = (await readdir(level)).filter((name) => !/\.tmp$|^LO(CK|G)/.test(name));
    const [names] = await Promise.all([
      SecondNames.give(level),
      (async () => {
        for (const path of passing.reverse()) await rm(path);
      })(),
    ]);
    const [folder = ''] = (await readdir(dir)).filter((name) => name.startsWith('level.before.'));
    expect(await readdir(join(dir, folder))).to.include.members(staying);
    await names.drop();
    await expectAllThere();
  });

  const codeOfOpening = async () => {
    const refusal = await openLevelStore(dir, noFatal).catch((error: unknown) => error);
    return refusal instanceof StoreError ? refusal.code : refusal;
  };

  async function expectAllThere(...besides: string[]): Promise<void> {
    const store = await openLevelStore(dir, noFatal);
    expect(await store.index('a').get('x')).to.deep.equal(utf8Encode('1'));
    await store.close();
    expect((await readdir(dir)).sort()).to.deep.equal([...besides, 'in-use', 'level']);
  }

  /** LevelDB opens without being able to read its log, says nothing, and deletes it. */
  async function openUnread(): Promise<Level> {
    await rename(log, join(dir, 'aside'));
    await symlink('/proc/self/mem', log);
    const db = new Level(level);
    await db.open();
    await rm(join(dir, 'aside'));
    return db;
  }

  it('puts back what LevelDB could not read and deleted', async () => {
    const names = await SecondNames.give(level);
    const db = await openUnread();
    await names.putBack(() => db.close());
    await expectAllThere();
  });

  it('without second names it is gone for good (control)', async () => {
    await (await openUnread()).close();
    expect(await codeOfOpening()).to.equal('corrupt');
    expect(await codeOfOpening()).to.equal('corrupt');
  });

  it('leaves the files as they were when commits are missing', async () => {
    const noted = await readFile(marker);
    // Rot in the number outside: what it says cannot be read, so that nothing is known of what should be there.
    await writeFile(marker, noted.fill(0, noted.indexOf('\n') + 1));
    const before = (await readdir(level)).filter((name) => !name.startsWith('LO')).sort();
    expect(await codeOfOpening()).to.equal('corrupt');
    expect((await readdir(level)).sort()).to.deep.equal(before);
    expect((await readdir(dir)).sort()).to.deep.equal(['in-use', 'level']);
  });

  it('leaves the files as they were while LevelDB compacts them', async () => {
    // Four tables of level 0: LevelDB begins to compact them as soon as it is open.
    for (const session of ['b', 'c', 'd', 'e']) {
      const store = await openLevelStore(dir, noFatal);
      const rows = Array.from({ length: 100 }, (_, i) => [`${session}${i}`, randomBytes(1000)] as const);
      await store.index('a').write(rows);
      await store.close();
    }
    const asItWas = join(dir, 'as-it-was');
    await cp(level, asItWas, { recursive: true });
    for (let i = 0; i < 8; i++) {
      // As a disk fails for a moment: the folder's own number cannot be read.
      await rename(marker, join(dir, 'aside'));
      await symlink('/proc/self/mem', marker);
      expect(await openLevelStore(dir, noFatal).catch((error: unknown) => error)).to.have.property('code', 'EIO');
      await rename(join(dir, 'aside'), marker);
      await expectAllThere('as-it-was');
      await rm(level, { recursive: true });
      await cp(asItWas, level, { recursive: true });
    }
  });

  /** An opening is undone, and cut short between the two renames. */
  async function cutShort(): Promise<void> {
    const names = await SecondNames.give(level);
    const db = await openUnread();
    const crash = new Error('crash');
    expect(await names.putBack(() => Promise.reject(crash)).catch((error: unknown) => error)).to.equal(crash);
    await db.close();
    expect(await readdir(dir)).to.not.include('level');
  }

  it('puts back at the next opening what a crash has kept it from putting back', async () => {
    await cutShort();
    await expectAllThere();
  });

  it('puts back the files that a crash has kept from it, and not what an earlier one has left', async () => {
    await mkdir(join(dir, 'level.before.99999999.0.bad'));
    await cutShort();
    await expectAllThere();
  });

  it('is locked, and not damaged, while another process puts the files back', async () => {
    await cutShort();
    const passTo = async (from: number, to: number): Promise<void> => {
      for (const name of await readdir(dir))
        await rename(join(dir, name), join(dir, name.replace(`.${from}.`, `.${to}.`)));
    };
    await passTo(process.pid, process.ppid);
    expect(await codeOfOpening()).to.equal('locked');
    await passTo(process.ppid, process.pid);
    await expectAllThere();
  });

  it('is no damage when there is no space for it', async () => {
    const manifest = (await readdir(level)).find((name) => name.startsWith('MANIFEST-')) ?? expect.fail('no manifest');
    const next = Array.from({ length: 20 }, (_, i) => Number(manifest.slice(9)) + 1 + i);
    const full = next.map((number) => join(level, `MANIFEST-${String(number).padStart(6, '0')}`));
    for (const path of full) await symlink('/dev/full', path);
    const refusal = await openLevelStore(dir, noFatal).catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(StoreError).with.property('code', 'failed');
    expect(refusal).to.have.property('message').that.includes('No space left on device');
    for (const path of full) await rm(path, { force: true });
    await expectAllThere();
  });

  it('forgets what an opening that crashed has left, but not what one that is still at it has', async () => {
    const names = async () => (await readdir(dir)).filter((name) => name.startsWith('level.before.'));
    const leave = async (pid: number): Promise<void> => {
      await SecondNames.give(level);
      const left = (await names()).find((name) => name.includes(`.${process.pid}.`)) ?? expect.fail('no names');
      await rename(join(dir, left), join(dir, left.replace(String(process.pid), String(pid))));
    };
    // No process has this number: the largest is 2^22.
    await leave(99_999_999);
    await leave(process.ppid);
    // One that crashed had our number, as in a container.
    await SecondNames.give(level);
    await (await SecondNames.give(level)).forgetAll();
    const [still = '', ...more] = await names();
    expect([still.includes(`.${process.ppid}.`), more]).to.deep.equal([true, []]);
    await rm(join(dir, still), { recursive: true });
    await expectAllThere();
  });
});
