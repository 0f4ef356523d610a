// LevelDB held to its promises: checksums, one process, no silent new start, fail-stop. And the log on it, under every fault.

import { spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { Level } from 'level';
import { concat, equal, utf8Encode } from '../core/bytes.ts';
import { sha256 } from '../core/hash.ts';
import { expectStoreError, keyedContract } from './contract.ts';
import { type LevelStore, openLevelStore } from './level.ts';
import { noFatal } from './testing.ts';

async function folder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'probata-level-'));
}

keyedContract('level', async () => {
  const dir = await folder();
  let store = await openLevelStore(dir, noFatal);
  return {
    store,
    reopen: async () => {
      await store.close();
      store = await openLevelStore(dir, noFatal);
      return store;
    },
    close: async () => {
      await store.close();
      await rm(dir, { recursive: true });
    },
  };
});

/** What another process gets when it opens the folder. */
async function openElsewhere(dir: string): Promise<string> {
  const script = `import('${new URL('./level.ts', import.meta.url).href}')
    .then(({ openLevelStore }) => openLevelStore(${JSON.stringify(dir)}, () => process.exit(9)))
    .then((store) => store.close())
    .then(() => console.log('opened'), (error) => console.log(error.code));`;
  const child = spawn(process.execPath, ['--import', 'tsx', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of child.stdout) output += chunk;
  return output.trim();
}

describe('level: on disk', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await folder();
  });
  afterEach(() => rm(dir, { recursive: true }));

  const opened = async <T>(act: (store: LevelStore) => Promise<T>): Promise<T> => {
    const store = await openLevelStore(dir, noFatal);
    try {
      return await act(store);
    } finally {
      await store.close();
    }
  };
  /** Changes the database below the driver. */
  const below = async (act: (db: Level<string, Uint8Array>) => Promise<void>) => {
    const db = new Level<string, Uint8Array>(join(dir, 'level'), { valueEncoding: 'view' });
    await act(db);
    await db.close();
  };

  it('notices a flipped bit anywhere in a value, and a value under another key', async () => {
    await opened((store) => store.index('a').write([['x', utf8Encode('value')]]));
    const key = 'index!a!x';
    let sealed = new Uint8Array();
    await below(async (db) => {
      sealed = new Uint8Array((await db.get(key)) as Uint8Array);
    });
    for (const at of [0, 31, 32, sealed.length - 1]) {
      const flipped = sealed.map((byte, i) => (i === at ? byte ^ 4 : byte));
      await below((db) => db.put(key, flipped));
      await opened(async (store) => {
        await expectStoreError(store.index('a').get('x'), 'corrupt');
        const scan = store.index('a').scan({ gte: '', lt: '~' })[Symbol.asyncIterator]();
        await expectStoreError(scan.next(), 'corrupt');
      });
    }
    await below((db) => db.put('index!a!y', sealed));
    await opened((store) => expectStoreError(store.index('a').get('y'), 'corrupt'));
  });

  it('gives out a flipped bit when its checksum is made to fit (control)', async () => {
    await opened((store) => store.index('a').write([['x', utf8Encode('value')]]));
    const other = utf8Encode('valuf');
    await below((db) => db.put('index!a!x', concat(sha256(concat(utf8Encode('index!a!x'), other)), other)));
    expect(await opened((store) => store.index('a').get('x'))).to.satisfy((got: Uint8Array) => equal(got, other));
  });

  it('refuses a second opener, in this process and in another', async () => {
    const store = await openLevelStore(dir, noFatal);
    await expectStoreError(openLevelStore(dir, noFatal), 'locked');
    // The refusal just made must not have cost the lock.
    expect(await openElsewhere(dir)).to.equal('locked');
    await store.close();
    expect(await openElsewhere(dir)).to.equal('opened');
  });

  it('creates the database anew when a crash came before anything could be in it', async () => {
    // As after a crash inside LevelDB's own creation: files, but no descriptor that can be read.
    await opened(async () => undefined);
    await rm(join(dir, 'in-use'));
    for (const name of await readdir(join(dir, 'level'))) {
      if (name.startsWith('MANIFEST')) await writeFile(join(dir, 'level', name), '');
    }
    await opened((store) => store.index('a').write([['x', utf8Encode('1')]]));
    expect(await opened((store) => store.index('a').get('x'))).to.deep.equal(utf8Encode('1'));
  });

  it('never creates it anew once it has held data', async () => {
    await opened((store) => store.index('a').write([['x', utf8Encode('1')]]));
    const saved = `${dir}-saved`;
    await cp(dir, saved, { recursive: true });
    try {
      for (const name of await readdir(join(dir, 'level'))) {
        if (name.startsWith('MANIFEST')) await writeFile(join(dir, 'level', name), '');
      }
      await expectStoreError(openLevelStore(dir, noFatal), 'corrupt');
      await rm(join(dir, 'level'), { recursive: true });
      await expectStoreError(openLevelStore(dir, noFatal), 'corrupt');
      await cp(saved, dir, { recursive: true, force: true });
      expect(await opened((store) => store.index('a').get('x'))).to.deep.equal(utf8Encode('1'));
    } finally {
      await rm(saved, { recursive: true });
    }
  });

  it('keeps its files to itself', async () => {
    await opened(async () => undefined);
    expect((await stat(join(dir, 'in-use'))).mode & 0o777).to.equal(0o600);
    expect(await readFile(join(dir, 'in-use'), 'utf8')).to.include('never created anew');
  });
});

describe('level: fail-stop', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await folder();
  });
  afterEach(() => rm(dir, { recursive: true }));

  /** A store with one value whose next write fails as on a full disk, though the disk would take those after it; and what it told its owner. */
  async function failing(): Promise<{ store: LevelStore; told: Error[] }> {
    const told: Error[] = [];
    const store = await openLevelStore(dir, (error) => {
      told.push(error);
      throw error;
    });
    await store.index('a').write([['x', utf8Encode('1')]]);
    Object.defineProperty(Level.prototype, 'batch', {
      configurable: true,
      value: async () => {
        Reflect.deleteProperty(Level.prototype, 'batch');
        await setTimeout(20);
        throw new Error('No space left on device');
      },
    });
    return { store, told };
  }

  const expectOld = async (): Promise<void> => {
    const again = await openLevelStore(dir, noFatal);
    expect(await again.index('a').get('x')).to.deep.equal(utf8Encode('1'));
    await again.close();
  };

  it('calls fatal on the first failed write, and never acknowledges a write again', async () => {
    const { store, told } = await failing();
    const index = store.index('a');
    const write = (): Promise<void> => index.write([['x', utf8Encode('2')]]);
    // The batch that fails, and a write that waits behind it; then others that come later.
    const answers = await Promise.allSettled([write(), write(), setTimeout(5).then(write)]);
    answers.push(...(await Promise.allSettled([write(), store.tiles('a').discard(['tile/0/000'])])));
    expect(told).to.have.length(1);
    expect(told[0]).to.include({ code: 'failed', message: 'LevelDB cannot write: No space left on device' });
    for (const answer of answers) expect(answer).to.deep.equal({ status: 'rejected', reason: told[0] });
    await store.close();
    await expectOld();
  });

  it('closes after a failed write, also when it is the last one of all', async () => {
    const { store, told } = await failing();
    await store.tiles('a').discard(['tile/0/000']);
    await expectStoreError(store.close(), 'failed');
    expect(told).to.deep.equal([]);
    await expectOld();
  });
});
