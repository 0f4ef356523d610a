// Test support: what a process does to its folder while it is traced (`run`), and what must be found there after a crash (`check`).
// Everything is a function of numbers, so that the two, in different processes, speak of the same entries. Acknowledgements are lines
// `ack <number>` on standard output: all that was promised up to that number must survive.

import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from 'koa';
import { sendStored } from '../../server/http/artefact.ts';
import { parseBundle } from '../core/bundle.ts';
import { concat, equal, utf8Encode } from '../core/bytes.ts';
import { leafHash } from '../core/hash.ts';
import { appendLeaf, EMPTY_RANGE, rangeRoot } from '../core/range.ts';
import { formatTilePath } from '../core/tile.ts';
import { recover } from '../log/recovery.ts';
import { PREFIX, start, until, World } from '../log/testing.ts';
import { LOG, MirrorBench } from '../mirror/testing.ts';
import { openBlobFiles } from '../store/blob-files.ts';
import { type LevelStore, openLevelStore } from '../store/level.ts';
import type { ProtocolAnswer } from '../witness/answer.ts';
import { bodyText, gather, ORIGIN, WitnessBench } from '../witness/testing.ts';

/** What must not be found: something acknowledged is lost, forked or another. Any other error is a refusal of the product. */
export class Harm extends Error {}

export interface Workload {
  readonly name: string;
  /** How often the process is started while it is traced; each life but the last ends in SIGKILL. */
  readonly lives: number;
  /** One life; goes on where the one before ended. */
  run(dir: string): Promise<void>;
  /**
   * Opens what a crash left.
   * @param acknowledged the highest number that was acknowledged; -1 for none
   * @throws Harm; or whatever the product refuses with
   */
  check(dir: string, acknowledged: number): Promise<void>;
}

const ENTRIES_MAX = 400;
/** After all entries were received. */
const NOW_MS = Date.UTC(2027, 0, 1);
const world = new World({ courts: 0 });

const entries: Uint8Array[] = [];

/** Entry number i, the same in every process. */
function entryOf(number: number): Uint8Array {
  while (entries.length <= number) {
    world.clock.ms += 1;
    entries.push(world.entry());
  }
  return entries[number] as Uint8Array;
}

/** Roots of the tree of each size. */
function roots(): Uint8Array[] {
  const ranges = [EMPTY_RANGE];
  for (let i = 0; i < ENTRIES_MAX; i++) ranges.push(appendLeaf(ranges[i] ?? EMPTY_RANGE, leafHash(entryOf(i))));
  return ranges.map(rangeRoot);
}

let rootsOnce: readonly Uint8Array[] | undefined;

function acknowledge(number: number): void {
  writeSync(1, `ack ${number}\n`);
}

function open(dir: string): Promise<LevelStore> {
  return openLevelStore(dir, (error) => {
    throw error;
  });
}

/** The log, growing by batches of these sizes. */
function ledger(name: string, batches: readonly number[], lives = 1): Workload {
  return {
    name,
    lives,
    async run(dir) {
      const store = await open(dir);
      const { log } = await start(world, store, { clock: () => NOW_MS, onSequenced: noteOwned(store) });
      await until(() => log.published() !== undefined);
      let next = log.head().checkpoint.size;
      for (const batch of batches) {
        const entries = Array.from({ length: batch }, (_, i) => entryOf(next + i));
        await Promise.all(entries.map((entry) => log.append(entry)));
        next += batch;
        acknowledge(next - 1);
      }
      await until(() => log.published()?.checkpoint.size === next);
    },
    async check(dir, acknowledged) {
      const store = await open(dir);
      try {
        await checkLedger(store, acknowledged + 1);
      } finally {
        await store.close();
      }
    },
  };
}

/** The owner of the log notes each entry under its index. */
function noteOwned(store: LevelStore) {
  const { write } = store.index('owner');
  return (first: number, entries: readonly Uint8Array[]) =>
    write(entries.map((entry, i) => [String(first + i), entry] as const));
}

/** Recovers, and finds one history, not shorter than what was acknowledged, with every entry at its place and with its owner. */
async function checkLedger(store: LevelStore, sizeMin: number): Promise<void> {
  const tiles = store.tiles(PREFIX);
  const heads = store.heads(PREFIX);
  const onSequenced = noteOwned(store);
  const { tip } = await recover({ origin: ORIGIN, logKey: world.signer.key, tiles, heads, onSequenced });
  const { size, root } = tip.head?.checkpoint ?? { size: 0, root: undefined };
  if (size < sizeMin) throw new Harm(`size ${size}, but ${sizeMin} entries were acknowledged`);
  rootsOnce ??= roots();
  if (root !== undefined && !equal(root, rootsOnce[size] as Uint8Array)) throw new Harm(`a fork at size ${size}`);
  for (let index = 0; index * 256 < size; index++) {
    const width = Math.min(256, size - index * 256);
    const bundle = await tiles.get(formatTilePath({ level: 'entries', index, width }));
    if (bundle === undefined) throw new Harm(`bundle ${index} is missing`);
    for (const [i, entry] of parseBundle(bundle, width).entries()) {
      const number = index * 256 + i;
      const owned = await store.index('owner').get(String(number));
      if (!equal(entry, entryOf(number))) throw new Harm(`entry ${number} is another`);
      if (owned === undefined || !equal(owned, entry)) throw new Harm(`the owner of entry ${number} does not know`);
    }
  }
}

/** A court that cosigns one size after the other, so many in a life. */
function court(name: string, sizes: number, lives: number): Workload {
  return {
    name,
    lives,
    async run(dir) {
      const bench = await WitnessBench.open(await open(dir));
      const before = sizeOf(await bench.monitor());
      for (let size = before + 1; size <= before + sizes; size++) {
        const { status } = await bench.witness.addCheckpoint(await LOG.request(size - 1, size));
        if (status !== 200) throw new Error(`the court answered ${status}`);
        acknowledge(size);
      }
    },
    async check(dir, acknowledged) {
      const store = await open(dir);
      try {
        const bench = await WitnessBench.open(store);
        const answer = await bench.monitor();
        const size = sizeOf(answer);
        if (size < acknowledged) throw new Harm(`the court went back from ${acknowledged} to ${size}`);
        if (size > 0 && rootLine(bodyText(answer)) !== rootLine((await LOG.head(size)).note)) {
          throw new Harm(`the court knows another tree of size ${size}`);
        }
      } finally {
        await store.close();
      }
    },
  };
}

function sizeOf(answer: ProtocolAnswer): number {
  return answer.status === 200 ? Number(bodyText(answer).split('\n')[1]) : 0;
}

function rootLine(note: string): string | undefined {
  return note.split('\n')[2];
}

/** A mirror that copies and cosigns one size after the other, in steps that fill tiles sooner or later. */
function mirror(name: string, sizes: number, lives: number): Workload {
  return {
    name,
    lives,
    async run(dir) {
      const bench = await MirrorBench.open(await open(dir));
      let old = (await bench.servedSize()) ?? 0;
      for (let i = 0; i < sizes; i++) {
        const size = old + 1 + 3 * (i % 7);
        const { status } = await bench.mirrorTo(old, size);
        if (status !== 200) throw new Error(`the mirror answered ${status}`);
        acknowledge(size);
        old = size;
      }
    },
    async check(dir, acknowledged) {
      const store = await open(dir);
      try {
        const bench = await MirrorBench.open(store);
        const size = await bench.servedSize();
        if ((size ?? 0) < acknowledged) throw new Harm(`the mirror went back from ${acknowledged} to ${size}`);
        const problems = size === undefined ? [] : await bench.problems(size);
        if (problems.length > 0) throw new Harm(problems.join('; '));
      } finally {
        await store.close();
      }
    },
  };
}

/** Evidence, one blob after the other; their names stand in an index, as those of the platform do, and readers get them as over HTTP. */
function evidence(name: string, blobs: number, lives: number): Workload {
  const bytesOf = (number: number) => utf8Encode(`evidence ${number} `.repeat(100 + number));
  return {
    name,
    lives,
    async run(dir) {
      const index = (await open(dir)).index('deposits');
      const store = await openBlobFiles(join(dir, 'blobs'));
      let number = 0;
      for await (const _ of index.scan({ gte: '', lt: '~' })) number++;
      for (const end = number + blobs; number < end; number++) {
        const writer = await store.create();
        const bytes = bytesOf(number);
        await writer.write(bytes.subarray(0, 1000));
        await writer.write(bytes.subarray(1000));
        await writer.commit();
        await index.write([[String(number), utf8Encode(writer.name)]]);
        acknowledge(number);
      }
    },
    async check(dir, acknowledged) {
      const store = await open(dir);
      try {
        const blobStore = await openBlobFiles(join(dir, 'blobs'));
        for (let number = 0; number <= acknowledged; number++) {
          const blob = await store.index('deposits').get(String(number));
          if (blob === undefined) throw new Harm(`deposit ${number} is gone`);
          const sum = createHash('sha256').update(bytesOf(number)).digest('hex');
          const served = await serve(await blobStore.read(new TextDecoder().decode(blob)), sum);
          if (!equal(served, bytesOf(number))) throw new Harm(`evidence ${number} is served as another`);
        }
      } finally {
        await store.close();
      }
    },
  };
}

/** The body with which the platform answers. */
async function serve(chunks: AsyncIterable<Uint8Array>, sum: string): Promise<Uint8Array> {
  const ctx = { set: () => undefined } as unknown as Context;
  sendStored(ctx, { name: 'evidence.bin', contentType: 'application/octet-stream', bytes: 0 }, chunks, sum);
  return gather(ctx.body as AsyncIterable<Uint8Array>);
}

/** Values that do not compress, one after the other. */
function values(name: string, count: number, bytes: number): Workload {
  const blockOf = (number: number) => concat(...Array.from({ length: bytes / 32 }, (_, i) => seed(number * bytes + i)));
  const seed = (number: number) => createHash('sha256').update(String(number)).digest();
  return {
    name,
    lives: 1,
    async run(dir) {
      const index = (await open(dir)).index('values');
      for (let number = 0; number < count; number++) {
        await index.write([[String(number), blockOf(number)]]);
        acknowledge(number);
      }
    },
    async check(dir, acknowledged) {
      const store = await open(dir);
      try {
        for (let number = 0; number <= acknowledged; number++) {
          const value = await store.index('values').get(String(number));
          if (value === undefined) throw new Harm(`value ${number} is gone`);
          if (!equal(value.subarray(0, 32), seed(number * bytes))) throw new Harm(`value ${number} is another`);
        }
      } finally {
        await store.close();
      }
    },
  };
}

export const WORKLOADS: readonly Workload[] = [
  ledger(
    'the log, small batches',
    Array.from({ length: 45 }, (_, i) => 1 + (i % 3)),
  ),
  ledger('the log, tiles that fill up, and a restart after a kill', [125, 1, 1, 1, 1], 3),
  values('values so large that LevelDB changes files', 42, 110_000),
  court('a court', 45, 2),
  mirror('a mirror', 20, 2),
  evidence('evidence', 30, 2),
];

/** The traced program: does one workload on one folder, then ends by a kill or in order. */
export async function runWorkload(number: number, dir: string, last: boolean): Promise<never> {
  await WORKLOADS[number]?.run(dir);
  if (!last) process.kill(process.pid, 'SIGKILL');
  process.exit(0);
}
