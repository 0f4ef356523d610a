// fsck: finds every planted defect, and nothing in a log that is in order.

import { expect } from 'chai';
import { formatBundle } from '../core/bundle.ts';
import { concat, utf8Encode } from '../core/bytes.ts';
import { formatTilePath, parseTilePath, tilesForSize } from '../core/tile.ts';
import { TestLog, testSigner } from '../witness/testing.ts';
import { type FsckResult, fsck, signedBy } from './fsck.ts';

const SIZE = 700;

/** All paths of a log of so many entries, made from the definitions. */
async function honestLog(size = SIZE): Promise<{ log: TestLog; files: Map<string, Uint8Array> }> {
  const log = new TestLog().grow(size);
  const files = new Map<string, Uint8Array>();
  files.set('checkpoint', utf8Encode((await log.head(size)).note));
  for (const tile of tilesForSize(size)) {
    const { level, index, width } = tile;
    const first = index * 256;
    const span = level === 'entries' ? 1 : 256 ** level;
    const hashes = Array.from({ length: width }, (_, i) => log.root((first + i) * span, (first + i + 1) * span));
    const bytes = level === 'entries' ? formatBundle(log.entries.slice(first, first + width)) : concat(...hashes);
    files.set(formatTilePath(tile), bytes);
  }
  return { log, files };
}

async function check(files: ReadonlyMap<string, Uint8Array>, log: TestLog): Promise<FsckResult> {
  return fsck({ fetch: async (path) => files.get(path), open: signedBy([log.signer.key]) });
}

describe('fsck', () => {
  it('finds nothing in a log that is in order, of any size', async () => {
    const { log, files } = await honestLog();
    const progress: number[] = [];
    const result = await fsck({
      fetch: async (path) => files.get(path),
      open: signedBy([log.signer.key]),
      onProgress: (entries) => progress.push(entries),
    });
    expect(result).to.deep.equal({ size: SIZE, root: log.root(0, SIZE), entries: SIZE, problems: [] });
    expect(progress).to.deep.equal([256, 512, 700]);
    const empty = new Map([['checkpoint', utf8Encode((await log.head(0)).note)]]);
    expect((await check(empty, log)).problems).to.deep.equal([]);
  });

  it('finds each file that is missing, shorter, longer, flipped or replaced by another', async () => {
    const { log, files } = await honestLog();
    let planted = 0;
    for (const [path, bytes] of files) {
      const like = (other: string) => other.split('/')[1] === path.split('/')[1] && other !== path;
      const swapped = [...files.keys()].find(like);
      const defects: Record<string, Uint8Array | undefined> = {
        missing: undefined,
        empty: new Uint8Array(0),
        short: bytes.slice(0, -1),
        long: concat(bytes, Uint8Array.of(0)),
        'first bit': bytes.map((byte, i) => (i === 0 ? byte ^ 0x80 : byte)),
        'middle bit': bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 1 : byte)),
        'last bit': bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte)),
        ...(swapped === undefined ? {} : { swapped: files.get(swapped) }),
      };
      for (const [name, defect] of Object.entries(defects)) {
        const copy = new Map(files);
        if (defect === undefined) copy.delete(path);
        else copy.set(path, defect);
        const { problems } = await check(copy, log);
        expect(problems.length, `${path} ${name}`).to.be.above(0);
        planted += 1;
      }
    }
    expect(planted).to.be.above(50);
  }).timeout(60_000);

  it('names the file and the kind of defect, and does not stop at the first', async () => {
    const { log, files } = await honestLog();
    files.delete('tile/entries/000');
    files.set('tile/0/001', new Uint8Array(8192));
    files.set('tile/0/002.p/188', new Uint8Array(8));
    const { problems, entries } = await check(files, log);
    expect(problems.map(({ path, code }) => [path, code])).to.deep.equal([
      ['tile/entries/000', 'missing'],
      ['tile/0/001', 'different'],
      ['tile/0/002.p/188', 'malformed'],
    ]);
    expect(entries).to.equal(SIZE - 256);
  });

  it('finds a checkpoint of another tree, of another size, of another key, and none', async () => {
    const { log, files } = await honestLog();
    const other = await new TestLog(undefined, 'other history').grow(SIZE).head(SIZE);
    const codes = async (note: string | undefined, key = log.signer.key) => {
      const copy = new Map(files);
      if (note === undefined) copy.delete('checkpoint');
      else copy.set('checkpoint', utf8Encode(note));
      const { problems } = await fsck({ fetch: async (path) => copy.get(path), open: signedBy([key]) });
      return problems.map(({ path, code }) => `${path} ${code}`);
    };
    const { note } = await log.head(SIZE);
    expect(await codes(other.note)).to.deep.equal(['checkpoint different']);
    expect(await codes((await log.head(SIZE - 1)).note)).to.include('tile/entries/002.p/187 missing');
    expect(await codes(note, testSigner('other.example', 0x01).key)).to.deep.equal(['checkpoint malformed']);
    expect(await codes(note.replace('700', '701'))).to.deep.equal(['checkpoint malformed']);
    expect(await codes(undefined)).to.deep.equal(['checkpoint missing']);
  });

  it('finds nothing in a log that grows meanwhile, and drops partial tiles when full ones are there', async () => {
    const { log, files } = await honestLog();
    const grown = await honestLog(768);
    const asked: string[] = [];
    const fetch = async (path: string) => {
      asked.push(path);
      // Its full tile is not there yet, so it must stay.
      return path === 'tile/1/000.p/2' || asked.length === 1 ? files.get(path) : grown.files.get(path);
    };
    const { size, problems } = await fsck({ fetch, open: signedBy([log.signer.key]) });
    expect({ size, problems }).to.deep.equal({ size: SIZE, problems: [] });
    expect(asked).to.include.members(['tile/entries/002', 'tile/0/002']);
  });

  it('asks only for paths of tlog-tiles', async () => {
    const { log, files } = await honestLog();
    const asked: string[] = [];
    await fsck({
      fetch: async (path) => {
        asked.push(path);
        return files.get(path);
      },
      open: signedBy([log.signer.key]),
    });
    for (const path of asked.filter((each) => each !== 'checkpoint')) parseTilePath(path);
    expect(new Set(asked)).to.deep.equal(new Set(files.keys()));
  });
});
