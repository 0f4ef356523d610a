import { readlinkSync } from 'node:fs';
import { mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openBlobFiles } from './blob-files.ts';
import { blobContract, expectStoreError } from './contract.ts';

async function folder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'probata-blobs-'));
}

blobContract('files', async () => {
  const dir = await folder();
  return {
    store: await openBlobFiles(dir),
    reopen: () => openBlobFiles(dir),
    close: () => rm(dir, { recursive: true }),
  };
});

describe('files: on disk', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await folder();
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('lets nobody else read, and puts each blob two folders deep', async () => {
    const store = await openBlobFiles(dir);
    const writer = await store.create();
    await writer.commit();
    const parts = [writer.name.slice(0, 2), writer.name.slice(2, 4), writer.name];
    expect((await stat(join(dir, ...parts))).mode & 0o777).to.equal(0o600);
    expect((await stat(join(dir, parts[0] as string))).mode & 0o777).to.equal(0o700);
  });

  it('makes its own folder durable, too', async () => {
    const probe = await open(dir, 'r');
    const handles = Object.getPrototypeOf(probe) as { sync(this: { fd: number }): Promise<void> };
    await probe.close();
    const { sync } = handles;
    const synced: string[] = [];
    handles.sync = function () {
      synced.push(readlinkSync(`/proc/self/fd/${this.fd}`));
      return sync.call(this);
    };
    try {
      await openBlobFiles(join(dir, 'blobs'));
    } finally {
      handles.sync = sync;
    }
    expect(synced).to.deep.equal([join(dir, 'blobs'), dir]);
  });

  it('removes at open what was never finished', async () => {
    const store = await openBlobFiles(dir);
    const writer = await store.create();
    await writer.write(new Uint8Array(10));
    expect(await readdir(join(dir, 'unfinished'))).to.deep.equal([writer.name]);
    await openBlobFiles(dir);
    expect(await readdir(join(dir, 'unfinished'))).to.deep.equal([]);
    await writer.abort();
  });

  it('takes no name that it did not make', async () => {
    const store = await openBlobFiles(dir);
    await writeFile(join(dir, 'secret'), 'x');
    for (const name of [
      '',
      '..',
      '../secret',
      'secret',
      'a'.repeat(31),
      'A'.repeat(32),
      `${'a'.repeat(32)}/..`,
      'unfinished',
    ]) {
      await expectStoreError(store.read(name), 'missing');
      await expectStoreError(store.delete(name), 'missing');
    }
    expect((await stat(join(dir, 'secret'))).size).to.equal(1);
  });

  it('fails, and leaves nothing, when the folder is gone', async () => {
    const store = await openBlobFiles(dir);
    await rm(join(dir, 'unfinished'), { recursive: true });
    await expectStoreError(store.create(), 'failed');
  });
});
