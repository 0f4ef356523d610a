// T12: a ledger of a million entries with 500 defects of every kind planted in it at once. fsck names each of them at its place and nothing
// else, and finds nothing in the same ledger before. That one defect alone is found, whichever, is fsck.test.ts's.

import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { noteRow } from '../../fixtures/tables.ts';
import { formatBundle, parseBundle } from '../core/bundle.ts';
import { concat, hexEncode, utf8Encode } from '../core/bytes.ts';
import { formatCheckpoint } from '../core/checkpoint.ts';
import { formatEntry } from '../core/entry.ts';
import { type Hash, leafHash } from '../core/hash.ts';
import { formatNote } from '../core/note.ts';
import { rangeRoot } from '../core/range.ts';
import { signNote } from '../core/signature.ts';
import { formatTilePath, parseTilePath, type Tile } from '../core/tile.ts';
import { buildStep, EMPTY_TREE, type Tree } from '../log/step.ts';
import { ORIGIN, testSigner } from '../witness/testing.ts';
import { entryOrder } from './entry-order.ts';
import { type Claim, type FsckOptions, type FsckResult, fsck, signedBy } from './fsck.ts';

const SIZE = rounds(1_000_000);
const DEFECTS = rounds(500);
/** Entries that the sequencer adds at once, here: as many as one call can pass on. */
const BATCH = 65_536;
/** Every so many entries, one that the ledger may not hold: in the tree by right, and wrong all the same. */
const BAD_ENTRY_EVERY = Math.floor(SIZE / Math.max(1, Math.round(DEFECTS / 10)));
const SIGNER = testSigner(ORIGIN, 0x01);

interface Ledger {
  readonly files: Map<string, Uint8Array>;
  /** What else claims to be a checkpoint of it: one for each batch. */
  readonly claims: Claim[];
  /** Indexes of entries that it may not hold. */
  readonly bad: readonly number[];
}

/** An entry; `n` says when it was received. */
function entryOf(n: number, receivedMs = Date.UTC(2026, 0, 1) + n): Uint8Array {
  return formatEntry({
    kind: 'deposit',
    v: 1,
    id: `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`,
    received: new Date(receivedMs).toISOString(),
    commitment: hexEncode(leafHash(utf8Encode(String(n)))),
  });
}

/** An entry with a flaw of its own: received before the one below, not canonical, or none of ours. */
function flawed(n: number): Uint8Array {
  if (n % 3 === 0) return entryOf(n, Date.UTC(2026, 0, 1) + n - 2);
  return n % 3 === 1 ? concat(entryOf(n), utf8Encode('\n')) : utf8Encode(`${n}`);
}

/** A ledger as the log's own code makes it. */
async function makeLedger(hasBad: boolean): Promise<Ledger> {
  const files = new Map<string, Uint8Array>();
  const claims: Claim[] = [];
  const bad: number[] = [];
  let tree: Tree = EMPTY_TREE;
  for (let from = 0; from < SIZE; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, SIZE - from) }, (_, i) => {
      const n = from + i;
      const isBad = hasBad && n % BAD_ENTRY_EVERY === BAD_ENTRY_EVERY - 1;
      if (isBad) bad.push(n);
      const entry = isBad ? flawed(n) : entryOf(n);
      return { entry, leaf: leafHash(entry) };
    });
    const step = buildStep(tree, batch);
    for (const { tile, bytes } of step.tiles) {
      for (let width = 1; width < tile.width; width++) files.delete(formatTilePath({ ...tile, width }));
      files.set(formatTilePath(tile), bytes);
    }
    tree = step.tree;
    claims.push({ path: `head ${claims.length}`, size: tree.range.size, root: rangeRoot(tree.range) });
  }
  const text = formatCheckpoint({ origin: ORIGIN, size: SIZE, root: rangeRoot(tree.range), extensions: [] });
  files.set('checkpoint', utf8Encode(formatNote({ text, signatures: [await signNote(text, SIGNER)] })));
  return { files, claims, bad };
}

type Plant = (bundle: Tile, files: Map<string, Uint8Array>) => string[];

const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 4 : byte));
const hashTile = (bundle: Tile): Tile => ({ ...bundle, level: 0 });

/** Changes the file of a tile. @returns its path, where the defect must be found */
function change(
  tile: Tile,
  files: Map<string, Uint8Array>,
  to: (bytes: Uint8Array) => Uint8Array | undefined,
): string[] {
  const path = formatTilePath(tile);
  const bytes = to(files.get(path) as Uint8Array);
  if (bytes === undefined) files.delete(path);
  else files.set(path, bytes);
  return [path];
}

function exchange(a: Tile, b: Tile, files: Map<string, Uint8Array>): string[] {
  const [bytesA, bytesB] = [a, b].map((tile) => files.get(formatTilePath(tile)) as Uint8Array);
  return [...change(a, files, () => bytesB), ...change(b, files, () => bytesA)];
}

/** The kinds of defect. Each is planted in full bundles at an even index, and may use the one behind. */
const KINDS: Record<string, Plant> = {
  'a flipped bit in an entry': (bundle, files) => change(bundle, files, flip),
  'a flipped bit in a tile': (bundle, files) => change(hashTile(bundle), files, flip),
  'a missing bundle': (bundle, files) => change(bundle, files, () => undefined),
  'a missing tile': (bundle, files) => change(hashTile(bundle), files, () => undefined),
  'a short bundle': (bundle, files) => change(bundle, files, (bytes) => bytes.slice(0, -1)),
  'a bundle without its last entry': (bundle, files) =>
    change(bundle, files, (bytes) => formatBundle(parseBundle(bytes, 256).slice(0, 255))),
  'a bundle with one entry more': (bundle, files) =>
    change(bundle, files, (bytes) => concat(bytes, formatBundle([entryOf(1)]))),
  'a short tile': (bundle, files) => change(hashTile(bundle), files, (bytes) => bytes.slice(32)),
  'a long tile': (bundle, files) => change(hashTile(bundle), files, (bytes) => concat(bytes, bytes.slice(0, 32))),
  'an empty answer': (bundle, files) => change(hashTile(bundle), files, () => new Uint8Array(0)),
  'an entry replaced by a well-formed one': (bundle, files) =>
    change(bundle, files, (bytes) => formatBundle(parseBundle(bytes, 256).with(9, entryOf(SIZE + 1)))),
  'two entries exchanged': (bundle, files) =>
    change(bundle, files, (bytes) => {
      const entries = parseBundle(bytes, 256);
      return formatBundle(entries.with(3, entries[4] as Uint8Array).with(4, entries[3] as Uint8Array));
    }),
  'two bundles exchanged': (bundle, files) => exchange(bundle, { ...bundle, index: bundle.index + 1 }, files),
  'two tiles exchanged': (bundle, files) =>
    exchange(hashTile(bundle), hashTile({ ...bundle, index: bundle.index + 1 }), files),
  'the cached answer of another path': (bundle, files) =>
    change(bundle, files, () => files.get('checkpoint') as Uint8Array),
};

/** Plants the defects. @returns where each must be found */
function plant({ files, claims, bad }: Ledger): { name: string; paths: string[] }[] {
  const planted = bad.map((n) => ({ name: 'an entry that may not be there', paths: [`entry ${n}`] }));
  const top = Math.floor(SIZE / 65_536) - 1;
  // The tiles of the level above tell which of two is wrong below: none of those that are wrong themselves stands above another defect.
  const spared = (index: number): boolean => top >= 2 && Math.floor(index / 256) >= top - 1;
  const last: Tile = { level: 'entries', index: Math.floor(SIZE / 256), width: SIZE % 256 };
  if (last.width > 0) planted.push({ name: 'a wrong partial tile', paths: change(hashTile(last), files, flip) });
  if (top >= 2) {
    const above = (index: number): Tile => ({ level: 1, index, width: 256 });
    planted.push({ name: 'a wrong tile above', paths: change(above(top - 1), files, flip) });
    planted.push({ name: 'a missing tile above', paths: change(above(top), files, () => undefined) });
  }
  const lie = Math.floor(claims.length / 2);
  const claim = claims[lie] as Claim;
  claims[lie] = { ...claim, root: flip(claim.root) as Hash };
  planted.push({ name: 'a head of another tree', paths: [claim.path] });
  // Nor does a bundle that cannot be read say what its entries are.
  const told = new Set(bad.map((n) => Math.floor(n / 512)));
  const places = Array.from({ length: Math.floor(SIZE / 512) - 1 }, (_, i) => 2 * i).filter(
    (index) => !spared(index) && !told.has(index / 2),
  );
  const kinds = Object.entries(KINDS);
  const rest = DEFECTS - planted.length;
  for (let i = 0; i < rest; i++) {
    const index = places[Math.floor((i * places.length) / rest)] as number;
    const [name, act] = kinds[i % kinds.length] as (typeof kinds)[number];
    planted.push({ name, paths: act({ level: 'entries', index, width: 256 }, files) });
  }
  return planted;
}

function check({ files, claims }: Ledger, changes: Partial<FsckOptions> = {}): Promise<FsckResult> {
  const fetch = async (path: string): Promise<Uint8Array | undefined> => files.get(path);
  return fsck({ fetch, open: signedBy([SIGNER.key]), inspect: entryOrder(), claims, ...changes });
}

/** The entries of a bundle, and the one behind them; none for any other path. */
function entriesIn(path: string): string[] {
  const tile = path.startsWith('tile/') ? parseTilePath(path) : undefined;
  if (tile?.level !== 'entries') return [];
  return Array.from({ length: tile.width + 1 }, (_, i) => `entry ${tile.index * 256 + i}`);
}

/** What was planted and not found at its place, and what was found where nothing is. */
function compare(planted: readonly { name: string; paths: string[] }[], { problems }: FsckResult): Tally {
  const found = new Set(problems.map(({ path }) => path));
  const placed = new Set(planted.flatMap(({ paths }) => paths));
  // An entry that a defect changed, and the one behind it, may also be one that the ledger may not hold: the same defect, told twice.
  const retold = new Set([...placed].flatMap(entriesIn));
  const alarms = problems.filter(({ path }) => !placed.has(path) && !retold.has(path));
  const missed = planted.filter(({ paths }) => !paths.every((path) => found.has(path)));
  return {
    n: planted.length,
    failures: [
      ...missed.map(({ name, paths }) => `not found: ${name}, ${paths.join(' and ')}`),
      ...alarms.map(({ path, detail }) => `nothing is wrong at ${path}, and it says: ${detail}`),
    ],
  };
}

defineRig({
  id: 'T12',
  name: `fsck of ${SIZE} entries: every planted defect named at its place, no false alarm`,
  async run() {
    const whole = await makeLedger(false);
    const started = performance.now();
    const clean = await check(whole);
    noteRow('fsck', 'clean', { entries: clean.entries, seconds: Math.round((performance.now() - started) / 100) / 10 });
    const ledger = await makeLedger(true);
    const planted = plant(ledger);
    const { n, failures } = compare(planted, await check(ledger));
    return {
      n,
      failures: [...failures, ...clean.problems.map(({ path }) => `a clean ledger, and a problem at ${path}`)],
    };
  },
  without: 'reading what the entries and the heads say, and entries that are hashed anew',
  async control() {
    const ledger = await makeLedger(true);
    const planted = plant(ledger);
    // The bundles are taken for what the hash tiles say they are: what fsck does with one that it cannot read.
    const fetch = async (path: string) => (path.startsWith('tile/entries/') ? undefined : ledger.files.get(path));
    const { problems, ...result } = await fsck({ fetch, open: signedBy([SIGNER.key]) });
    const unread = problems.filter(({ path }) => !path.startsWith('tile/entries/'));
    return compare(planted, { ...result, problems: unread });
  },
});
