// T8: one bit flipped in memory between intake and signature, at the places where real logs were lost to one: the entry (Nessie 2024), the
// leaf hash (Yeti 2022), and what lies around them. The bytes that the code holds are flipped under it; nothing wrong may be signed.

import { createHash } from 'node:crypto';
import { randomFrom } from '../../fixtures/random.ts';
import { defineRig, type Tally } from '../../fixtures/rig.ts';
import { rounds } from '../../fixtures/slow.ts';
import { checkStated } from '../../server/intake/declaration.ts';
import { DepositStore } from '../../server/intake/deposit-store.ts';
import { Evidence } from '../../server/intake/evidence.ts';
import { DEFAULT_LIMITS } from '../../server/intake/limits.ts';
import { equal, utf8Decode } from '../core/bytes.ts';
import { formatCheckpoint, parseCheckpoint } from '../core/checkpoint.ts';
import { leafHash, treeRoot } from '../core/hash.ts';
import { formatNote, parseNote } from '../core/note.ts';
import { rangeRoot } from '../core/range.ts';
import { type Signer, signNote } from '../core/signature.ts';
import { ClockGuard } from '../log/clock-guard.ts';
import { Pool, type Pooled } from '../log/pool.ts';
import { seal, type Tip } from '../log/sequencer.ts';
import { buildStep, EMPTY_TREE, type Step } from '../log/step.ts';
import { World } from '../log/testing.ts';
import { memoryBlobs, memoryStores } from '../store/memory.ts';
import { ORIGIN } from '../witness/testing.ts';

const OLD_SIZE = 250;
const BATCH = 12;

/** Turns the number of a flip into one bit of one of these arrays. */
function flipOne(arrays: readonly Uint8Array[], number: number): void {
  const bytes = arrays[(number * 7) % arrays.length] as Uint8Array;
  const bit = (number * 7919) % (bytes.length * 8);
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
}

/** A log of some entries, and more in its pool, all as the code itself made them. */
function setUp(): { tip: Tip; batch: readonly Pooled[]; root: Uint8Array; signer: Signer } {
  const world = new World({ courts: 0 });
  const pool = new Pool(new ClockGuard(world.clock, 0, () => undefined), 0);
  const leaves: Uint8Array[] = [];
  const take = (count: number): readonly Pooled[] => {
    for (let i = 0; i < count; i++) {
      const entry = world.entry();
      leaves.push(leafHash(entry));
      pool.add(entry).catch(() => undefined);
    }
    return pool.take();
  };
  const { tree } = buildStep(EMPTY_TREE, take(OLD_SIZE));
  const tip: Tip = { number: 0, record: new Uint8Array(1), head: undefined, sealedMs: 0, receivedMs: 0, tree };
  return { tip, batch: take(BATCH), root: treeRoot(leaves), signer: world.signer };
}

type SetUp = ReturnType<typeof setUp>;
type Sealing = (set: SetUp, signer: Signer, build: typeof buildStep) => Promise<{ note: string; tiles: Step['tiles'] }>;

/** The product. */
const sealed: Sealing = async ({ tip, batch }, signer, build) => {
  const { staged } = await seal({ origin: ORIGIN, signer }, tip, batch, 0, build);
  return staged;
};

/** The same with one computation of the root, and no look at the signature. */
const sealedOnce: Sealing = async ({ tip, batch }, signer, build) => {
  const step = build(tip.tree, batch);
  const checkpoint = { origin: ORIGIN, size: step.tree.range.size, root: rangeRoot(step.tree.range), extensions: [] };
  const text = formatCheckpoint(checkpoint);
  return { note: formatNote({ text, signatures: [await signNote(text, signer)] }), tiles: step.tiles };
};

/** Places in memory; each does its flip on the way of one batch into a signed head. */
const PLACES: Record<string, (sealing: Sealing, number: number) => Promise<string | undefined>> = {
  'the entry, after intake': (sealing, number) =>
    sealWith(sealing, (set) =>
      flipOne(
        set.batch.map(({ entry }) => entry),
        number,
      ),
    ),
  'the leaf hash': (sealing, number) =>
    sealWith(sealing, (set) =>
      flipOne(
        set.batch.map(({ leaf }) => leaf),
        number,
      ),
    ),
  'an inner node, remembered or just computed': (sealing, number) =>
    sealWith(
      sealing,
      ({ tip }) => {
        if (number % 2 === 0) flipOne([...tip.tree.range.hashes, ...tip.tree.edge.values()], number);
      },
      (tree, batch) => {
        const step = buildStep(tree, batch);
        if (number % 2 === 1) flipOne([...step.tree.range.hashes, ...step.tiles.map(({ bytes }) => bytes)], number);
        return step;
      },
    ),
  'the root, in the text that is signed': (sealing, number) => {
    const flipRoot = (message: Uint8Array): void => {
      const rootAt = (utf8Decode(message) ?? '').split('\n').slice(0, 2).join('\n').length + 1;
      flipOne([message.subarray(rootAt)], number);
    };
    return sealWith(
      sealing,
      () => undefined,
      buildStep,
      signing(flipRoot, () => undefined),
    );
  },
  'the signature, once made': (sealing, number) => {
    const flipSignature = (signature: Uint8Array): void => flipOne([signature], number);
    return sealWith(
      sealing,
      () => undefined,
      buildStep,
      signing(() => undefined, flipSignature),
    );
  },
};

/** A signer under whose hands the message, or the signature, changes. */
function signing(onMessage: (bytes: Uint8Array) => void, onSignature: (bytes: Uint8Array) => void) {
  return ({ key, sign }: Signer): Signer => ({
    key,
    sign: async (message) => {
      onMessage(message);
      const signature = new Uint8Array(await sign(message));
      onSignature(signature);
      return signature;
    },
  });
}

/** Seals a batch under a flip. @returns what was wrong with what left; undefined when nothing left */
async function sealWith(
  sealing: Sealing,
  flip: (set: SetUp) => void,
  build = buildStep,
  flipping = (signer: Signer): Signer => signer,
): Promise<string | undefined> {
  const set = setUp();
  flip(set);
  try {
    const { note } = await sealing(set, flipping(set.signer), build);
    const { root } = parseCheckpoint(parseNote(note).text);
    return equal(root, set.root) ? 'was signed over something that had changed' : 'a wrong root was signed';
  } catch {
    return undefined;
  }
}

/** The content, between the client's hash and ours. @returns undefined when the deposit is refused */
async function depositFlipped(checked: boolean, number: number): Promise<string | undefined> {
  const die = randomFrom(number);
  const content = Uint8Array.from({ length: 4096 }, () => die(256));
  const stated = [{ sha256: createHash('sha256').update(content).digest('hex') }];
  flipOne([content], number);
  const index = memoryStores().index('deposits');
  const space = { check: async () => undefined, full: false };
  const evidence = new Evidence({
    blobs: memoryBlobs(),
    store: new DepositStore(index),
    limits: DEFAULT_LIMITS,
    space: space as unknown as ConstructorParameters<typeof Evidence>[0]['space'],
  });
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield content;
  }
  const digests = await evidence.add(chunks());
  try {
    if (checked) checkStated(stated, [{ name: 'evidence.bin', mediaType: 'application/octet-stream', ...digests }]);
    return 'content was taken in that is not what the client has';
  } catch {
    await evidence.abort();
    return undefined;
  }
}

async function flips(sealing: Sealing): Promise<Tally> {
  const failures: string[] = [];
  if ((await sealWith(sealing, () => undefined)) === undefined)
    failures.push('without a flip nothing is signed either');
  let n = 0;
  const run = async (place: string, act: (number: number) => Promise<string | undefined>): Promise<void> => {
    for (let number = 0; number < rounds(40); number++, n++) {
      const harm = await act(number);
      if (harm !== undefined) failures.push(`${place}, flip ${number}: ${harm}`);
    }
  };
  await run('the content, after the client has hashed it', (number) => depositFlipped(sealing === sealed, number));
  for (const [place, flip] of Object.entries(PLACES)) await run(place, (number) => flip(sealing, number));
  return { n, failures };
}

defineRig({
  id: 'T8',
  name: 'bits flipped in memory before and after signing: nothing wrong is signed and handed on',
  run: () => flips(sealed),
  without: 'the client’s hash, the second root and the look at the signature',
  control: () => flips(sealedOnce),
});
