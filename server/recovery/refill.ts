/**
 * `probata refill`: the platform's ledger again, out of one arbitration mirror's copy: into an empty store, or onto the end of an old one.
 * What is taken is what the log signed and the mirror cosigned, checked entry by entry against that checkpoint; and only when enough
 * cosigners have said that they know nothing more and nothing else. Signs nothing: the head is the one that the log signed before.
 *
 * The order is that of a commit: tiles first, the head last, the owner told in between. Cut short anywhere, it is run again; until then the
 * platform does not start (marks.ts).
 */
import { base64Encode, equal, utf8Encode } from '../../ledger/core/bytes.ts';
import { openCheckpoint } from '../../ledger/core/checkpoint.ts';
import { leafHash } from '../../ledger/core/hash.ts';
import { TILE_WIDTH } from '../../ledger/core/limits.ts';
import { formatNote, isSignedBy, parseNote } from '../../ledger/core/note.ts';
import { rangeRoot } from '../../ledger/core/range.ts';
import { formatTilePath } from '../../ledger/core/tile.ts';
import { TileReader } from '../../ledger/core/tile-reader.ts';
import { LogError } from '../../ledger/log/errors.ts';
import { formatHeadRecord, recordHash } from '../../ledger/log/head-record.ts';
import { policyFor } from '../../ledger/log/past-epoch.ts';
import { receivedMsOf } from '../../ledger/log/pool.ts';
import type { Cosigner, SignedHead } from '../../ledger/log/ports.ts';
import { PUBLISHED_KEY } from '../../ledger/log/published.ts';
import { recover } from '../../ledger/log/recovery.ts';
import { Round } from '../../ledger/log/round.ts';
import type { Tip } from '../../ledger/log/sequencer.ts';
import { superseded, tileWidth } from '../../ledger/log/staging.ts';
import { StartupQuestion } from '../../ledger/log/startup-question.ts';
import { buildStep, EMPTY_TREE, edgeIndex, edgeTiles, type Tree } from '../../ledger/log/step.ts';
import { type Fetch, openSource } from '../commands/ledger-source.ts';
import { readConfig } from '../config.ts';
import { openHttpClient } from '../http/client.ts';
import { DepositStore } from '../intake/deposit-store.ts';
import { cosignersOf, type PlatformTrust, readTrust } from '../roles/platform-setup.ts';
import { StartError } from '../start-error.ts';
import { openPlatformStores, type PlatformStores } from '../wiring.ts';
import { forgetRefilling, markRefilling } from './marks.ts';

/** Entries held in memory at once: 16 bundles. */
const ENTRIES_AT_ONCE = 16 * TILE_WIDTH;

export interface Refilled {
  readonly size: number;
  /** Base64. */
  readonly root: string;
  /** Entries that the ledger did not have. */
  readonly added: number;
  /** Of these, entries whose deposit is not known here. */
  readonly lost: number;
}

/** The ledger as the mirror has it. */
interface Copy {
  /** As the log signed it, and as the mirror shows it with its cosignatures. */
  readonly head: SignedHead;
  readonly note: string;
  readonly member: string;
  readonly reader: TileReader;
}

/**
 * Refills a platform.
 * @param dir the platform's folder: configuration and trust bundle; its keys are not read
 * @param from the mirror's prefix (`http://host:port/mirror`), or the folder of one
 * @param tell what the operator reads meanwhile
 * @throws StartError `refill-refused`, `data-locked`, `config-*`; LogError or StoreError when the store that is there cannot be used
 */
export async function refill(dir: string, from: string, tell: (line: string) => void): Promise<Refilled> {
  const config = readConfig(dir, 'platform');
  const trust = readTrust(dir);
  const stores = await openPlatformStores(dir, (error) => {
    throw error;
  });
  const client = openHttpClient();
  const source = await openSource(from, tell, trust.logKey.name).catch(async (error) => {
    await stores.close();
    throw error;
  });
  try {
    const mirrors = config.members.filter(({ kind }) => kind === 'arbitration').map(({ member }) => member);
    const copy = await openCopy(source.fetch, stores, trust, mirrors);
    const notes = await askCosigners(cosignersOf(config, trust, client.http, stores.ledger), copy, trust, tell);
    return await copyIn(dir, stores, trust, copy, notes);
  } finally {
    await source.close();
    client.close();
    await stores.close();
  }
}

/** The mirror's checkpoint, signed by the log and cosigned by a mirror of the policy; and a reader that checks against it. */
async function openCopy(
  fetch: Fetch,
  { tiles }: PlatformStores,
  { policy, past, logKeys }: PlatformTrust,
  mirrors: readonly string[],
): Promise<Copy> {
  const bytes = await fetch('checkpoint');
  if (bytes === undefined) throw refused('the mirror has no checkpoint of this log');
  const note = parseNote(bytes);
  const checkpoint = openCheckpoint(note, logKeys);
  const signatures = note.signatures.filter((line) => logKeys.some((key) => isSignedBy(line, key)));
  const head = { note: formatNote({ text: note.text, signatures }), checkpoint };
  const round = new Round(head, policyFor(checkpoint.size, past, policy));
  round.restore(note);
  const member = mirrors.find((name) => round.has(name));
  if (member === undefined) throw refused('no arbitration body of the policy has cosigned what it shows');
  // What a refill that was cut short has brought already need not be brought again; it is checked all the same.
  const reader = new TileReader(checkpoint, async (tile) => {
    const path = formatTilePath(tile);
    const found = (await tiles.get(path)) ?? (await fetch(path));
    if (found === undefined) throw refused(`the mirror has no ${path}`);
    return found;
  });
  return { head, note: formatNote(note), member, reader };
}

/**
 * The start-up question, asked about the mirror's copy.
 * @returns what the cosigners showed
 * @throws StartError refill-refused when one of them knows more, or another history
 */
async function askCosigners(
  cosigners: readonly Cosigner[],
  { head, note, member, reader }: Copy,
  { policy, logKeys }: PlatformTrust,
  tell: (line: string) => void,
): Promise<string[]> {
  const notes = [note];
  const asked = cosigners.map((cosigner): Cosigner => {
    const latest = async (): Promise<string | undefined> => {
      // The copy may be that of a mirror that is down: it is its answer.
      const answer = cosigner.name === member ? note : await cosigner.latest();
      if (answer !== undefined) notes.push(answer);
      return answer;
    };
    return { ...cosigner, latest };
  });
  const question = new StartupQuestion({
    cosigners: asked,
    policy,
    logKeys,
    own: { head, reader },
    onEvent: (event) => {
      if (event.kind === 'question-unanswered') tell(`waiting for ${event.cosigner}: ${event.error.message}`);
    },
  });
  try {
    await question.ask();
  } catch (cause) {
    question.close();
    if (!(cause instanceof LogError)) throw cause;
    const why = cause.code === 'fork' ? 'two histories' : 'the mirror is behind';
    throw refused(`${why}: ${cause.message}`, cause);
  }
  return notes;
}

async function copyIn(
  dir: string,
  stores: PlatformStores,
  { policy, past, logKey, logKeys }: PlatformTrust,
  { head, reader }: Copy,
  notes: readonly string[],
): Promise<Refilled> {
  const { tiles, heads } = stores;
  const { checkpoint } = head;
  const { size, root } = checkpoint;
  const deposits = new DepositStore(stores.deposits);
  const onSequenced = (first: number, entries: readonly Uint8Array[]) => deposits.sequenced(first, entries);
  const open = () => recover({ tiles, heads, origin: logKey.name, logKey, earlierLogKeys: logKeys, onSequenced });
  const tip = (await heads.latest()) === undefined ? EMPTY_TIP : (await open()).tip;
  const oldSize = tip.tree.range.size;
  if (oldSize > size) throw refused(`the mirror has size ${size}, and this ledger ${oldSize} already`);
  if (!equal(rangeRoot(await reader.range(oldSize)), rangeRoot(tip.tree.range)))
    throw refused(`this ledger of size ${oldSize} is not the beginning of the mirror's: keep both, they are evidence`);
  markRefilling(dir);
  const { tree, lost } = await grow(stores, tip.tree, reader, size, deposits);
  if (!equal(rangeRoot(tree.range), root))
    throw new Error('invariant: checked entries give the root they were checked against');
  if (size > oldSize || tip.head === undefined) await swap(stores, tip, head, reader);
  // A crash up to here, or behind the swap: run again, it finds the same and ends the same.
  await tiles.discard(narrower(tip.number + 1, oldSize, size));
  await publish(stores, new Round(head, policyFor(size, past, policy)), notes);
  await open();
  forgetRefilling(dir);
  return { size, root: base64Encode(root), added: size - oldSize, lost };
}

const EMPTY_TIP: Tip = { number: -1, record: undefined, head: undefined, sealedMs: 0, receivedMs: 0, tree: EMPTY_TREE };

/** Brings the entries from the tree's end to `size`, with the tiles above them, and tells the deposits of each. */
async function grow(
  { tiles }: PlatformStores,
  from: Tree,
  reader: TileReader,
  size: number,
  deposits: DepositStore,
): Promise<{ tree: Tree; lost: number }> {
  let tree = from;
  let lost = 0;
  for (let lo = tree.range.size; lo < size; lo = tree.range.size) {
    const hi = Math.min(size, lo - (lo % ENTRIES_AT_ONCE) + ENTRIES_AT_ONCE);
    const entries = await reader.entries(lo, hi);
    const step = buildStep(
      tree,
      entries.map((entry) => ({ entry, leaf: leafHash(entry) })),
    );
    const full = step.tiles.filter(({ tile }) => tile.width === TILE_WIDTH);
    await tiles.put(full.map(({ tile, bytes }) => [formatTilePath(tile), bytes]));
    lost += await deposits.refilled(lo, entries);
    tree = step.tree;
  }
  const edge = [...tree.edge].map(([level, bytes]) => {
    const index = edgeIndex(size, level);
    return [
      formatTilePath({ level, index, width: tileWidth({ level, index, width: TILE_WIDTH }, size) }),
      bytes,
    ] as const;
  });
  await tiles.put(edge);
  return { tree, lost };
}

/** Makes the mirror's checkpoint the head. */
async function swap({ heads }: PlatformStores, tip: Tip, head: SignedHead, reader: TileReader): Promise<void> {
  const { size } = head.checkpoint;
  const [last] = size === 0 ? [] : await reader.entries(size - 1, size);
  const record = formatHeadRecord({
    number: tip.number + 1,
    sealedMs: Math.max(tip.sealedMs, last === undefined ? 0 : receivedMsOf(last)),
    previous: tip.record === undefined ? undefined : recordHash(tip.record),
    staging: undefined,
    note: head.note,
  });
  if (!(await heads.create(tip.number + 1, record)))
    throw new Error('invariant: nobody else writes the heads of an open store');
}

/** Names of partial tiles that the larger tree no longer needs. */
function narrower(headNumber: number, oldSize: number, size: number): string[] {
  const completed = edgeTiles(oldSize)
    .map((tile) => ({ ...tile, width: TILE_WIDTH }))
    .filter((tile) => tileWidth(tile, size) === TILE_WIDTH)
    .map((tile) => ({ tile, bytes: new Uint8Array(0) }));
  return superseded(headNumber, { oldSize, note: '', tiles: completed });
}

/** Publishes the head when what the cosigners showed is enough; otherwise the platform asks them at its start. */
async function publish({ ledger }: PlatformStores, round: Round, notes: readonly string[]): Promise<void> {
  const { text } = parseNote(round.head.note);
  for (const note of notes.map((each) => parseNote(each)).filter((each) => each.text === text)) round.restore(note);
  if (round.quorum.satisfied) await ledger.write([[PUBLISHED_KEY, utf8Encode(round.note)]]);
}

function refused(why: string, cause?: unknown): StartError {
  return new StartError('refill-refused', `nothing was refilled: ${why}`, { cause });
}
