/**
 * `probata refill`: the platform's ledger again, out of one arbitration mirror's copy: into an empty store, or onto the end of an old one,
 * whose rotten tiles are made again (mend.ts).
 * What is taken is what the log signed and the mirror cosigned, checked entry by entry against that checkpoint; and only when enough
 * cosigners have said that they know nothing more and nothing else. Signs nothing: the head is the one that the log signed before.
 *
 * The order is that of a commit: tiles first, the head last, the owner told in between. Cut short anywhere, it is run again; until then the
 * platform does not start (marks.ts).
 */
import { base64Encode, equal, utf8Encode } from '../../ledger/core/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../../ledger/core/checkpoint.ts';
import { TILE_WIDTH } from '../../ledger/core/limits.ts';
import { parseNote } from '../../ledger/core/note.ts';
import { rangeRoot } from '../../ledger/core/range.ts';
import { LogError } from '../../ledger/log/errors.ts';
import { formatHeadRecord, parseHeadRecord, recordHash } from '../../ledger/log/head-record.ts';
import { policyFor } from '../../ledger/log/past-epoch.ts';
import { receivedMsOf } from '../../ledger/log/pool.ts';
import { type Cosigner, StoreError } from '../../ledger/log/ports.ts';
import { PUBLISHED_KEY } from '../../ledger/log/published.ts';
import { recover } from '../../ledger/log/recovery.ts';
import { Round } from '../../ledger/log/round.ts';
import type { Tip } from '../../ledger/log/sequencer.ts';
import { superseded, tileWidth } from '../../ledger/log/staging.ts';
import { StartupQuestion } from '../../ledger/log/startup-question.ts';
import { EMPTY_TREE, edgeTiles, type Tree } from '../../ledger/log/step.ts';
import { openSource } from '../commands/ledger-source.ts';
import { readConfig } from '../config.ts';
import { refuseStale } from '../epochs/follows.ts';
import { install, isProven } from '../epochs/next.ts';
import { openHttpClient } from '../http/client.ts';
import { DepositStore } from '../intake/deposit-store.ts';
import { cosignersOf, type PlatformTrust, readTrust } from '../roles/platform-setup.ts';
import { StartError } from '../start-error.ts';
import { isStoreLost, openPlatformStores, type PlatformStores } from '../wiring.ts';
import { refuseLaterPolicy } from './later-policy.ts';
import { forgetRefilling, markRefilling } from './marks.ts';
import { dropBadForms, mendTiles, rewrite } from './mend.ts';
import { type Copy, cosignedBy, openCopy, refused } from './mirror-copy.ts';
import { edgeOf, growths } from './steps.ts';

export interface Refilled {
  readonly size: number;
  /** Base64. */
  readonly root: string;
  /** Entries that the ledger did not have. */
  readonly added: number;
  /** Of these, entries whose deposit is not known here. */
  readonly lost: number;
  /** Rows of tiles that the ledger should have had, and had not, or not as they were written. */
  readonly mended: number;
}

/**
 * Refills a platform.
 * @param dir the platform's folder: configuration and trust bundle; its keys are not read
 * @param from the mirror's prefix (`http://host:port/mirror`), or the folder of one
 * @param tell what the operator reads meanwhile
 * @param withdrawn entries of changes of policy that the operator says were withdrawn (later-policy.ts)
 * @throws StartError `refill-refused` (nothing was changed, but that a lost store waits for a refill), `data-corrupt`, `data-locked`, `config-*`; LogError or StoreError when the store
 *   that is there cannot be used, or not be written
 */
export async function refill(
  dir: string,
  from: string,
  tell: (line: string) => void,
  withdrawn: readonly number[] = [],
): Promise<Refilled> {
  const { bytes, epoch } = readTrust(dir);
  refuseStale(dir, bytes);
  // A change that is on the ledger and proven, and was cut short while its files were moved: as at the next start.
  if (isProven(dir)) install(dir, epoch);
  const config = readConfig(dir, 'platform');
  const trust = readTrust(dir);
  const failed = (error: Error): never => {
    throw error;
  };
  // From here on there is a store again, and until the end of the refill it is not what the log has signed.
  if (isStoreLost(dir)) markRefilling(dir);
  const stores = await openPlatformStores(dir, failed, 'begin-anew');
  const client = openHttpClient();
  const source = await openSource(from, tell, { origin: trust.logKey.name }).catch(async (error) => {
    await stores.close();
    throw error;
  });
  try {
    const mirrors = config.members.filter(({ kind }) => kind === 'arbitration').map(({ member }) => member);
    const copy = await openCopy(source.fetch, stores.tiles, trust);
    await refuseLaterPolicy(dir, trust, copy, withdrawn);
    const member = cosignedBy(copy, mirrors, trust);
    const notes = await askCosigners(cosignersOf(config, trust, client.http, stores.ledger), copy, member, trust, tell);
    return await copyIn(dir, stores, trust, copy, notes).catch(explainRot);
  } finally {
    await source.close();
    client.close();
    await stores.close();
  }
}

/** @throws StartError data-corrupt instead of a StoreError that names a row which is not a tile: heads, deposits */
function explainRot(error: unknown): never {
  if (!(error instanceof StoreError && error.code === 'corrupt')) throw error;
  throw new StartError('data-corrupt', `${error.message}, and no mirror has them: restore a backup, then refill it`, {
    cause: error,
  });
}

/**
 * The start-up question, asked about the mirror's copy.
 * @returns what the cosigners showed
 * @throws StartError refill-refused when one of them knows more, or another history
 */
async function askCosigners(
  cosigners: readonly Cosigner[],
  { head, note, reader }: Copy,
  member: string,
  { policy, logKey, past }: PlatformTrust,
  tell: (line: string) => void,
): Promise<string[]> {
  const notes = [note];
  const asked = cosigners.map((cosigner): Cosigner => {
    const latest: Cosigner['latest'] = async (own) => {
      // The copy may be that of a mirror that is down: it is its answer.
      const answer = cosigner.name === member ? note : await cosigner.latest(own);
      if (answer !== undefined) notes.push(answer);
      return answer;
    };
    return { ...cosigner, latest };
  });
  const question = new StartupQuestion({
    cosigners: asked,
    policy,
    keys: { logKey, past },
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
  trust: PlatformTrust,
  copy: Copy,
  notes: readonly string[],
): Promise<Refilled> {
  const { policy, past, logKey, logKeys } = trust;
  const { tiles, heads } = stores;
  const { head, reader } = copy;
  const { size, root } = head.checkpoint;
  const deposits = new DepositStore(stores.deposits);
  const onSequenced = (first: number, entries: readonly Uint8Array[]) => deposits.sequenced(first, entries);
  const open = () => recover({ tiles, heads, origin: logKey.name, logKey, earlierLogKeys: logKeys, onSequenced });
  const own = await ownHead(stores, trust);
  const oldSize = own?.size ?? 0;
  if (oldSize > size) throw refused(`the mirror has size ${size}, and this ledger ${oldSize} already`);
  if (own !== undefined && !equal(rangeRoot(await reader.range(oldSize)), own.root))
    throw refused(`this ledger of size ${oldSize} is not the beginning of the mirror's: keep both, they are evidence`);
  markRefilling(dir);
  // First what the head has signed: without its right edge the log does not open.
  const mended = await mendTiles(tiles, copy, oldSize);
  const tip = own === undefined ? EMPTY_TIP : (await open()).tip;
  const { tree, lost } = await grow(stores, tip.tree, copy, deposits);
  if (!equal(rangeRoot(tree.range), root))
    throw new Error('invariant: checked entries give the root they were checked against');
  if (size > oldSize || tip.head === undefined) await swap(stores, tip, copy);
  // A crash up to here, or behind the swap: run again, it finds the same and ends the same.
  await tiles.discard(narrower(tip.number + 1, oldSize, size));
  const dropped = await dropBadForms(stores, size);
  await publish(stores, new Round(head, policyFor(size, past, policy)), notes);
  await open();
  forgetRefilling(dir);
  return { size, root: base64Encode(root), added: size - oldSize, lost, mended: mended + dropped };
}

const EMPTY_TIP: Tip = { number: -1, record: undefined, head: undefined, sealedMs: 0, receivedMs: 0, tree: EMPTY_TREE };

/** What the head says, which the log has signed; undefined before the first. */
async function ownHead({ heads }: PlatformStores, { logKeys }: PlatformTrust): Promise<Checkpoint | undefined> {
  const latest = await heads.latest();
  return latest === undefined ? undefined : openCheckpoint(parseNote(parseHeadRecord(latest.bytes).note), logKeys);
}

/** Brings the entries from the tree's end to `size`, with the tiles above them, and tells the deposits of each. */
async function grow(
  { tiles }: PlatformStores,
  from: Tree,
  copy: Copy,
  deposits: DepositStore,
): Promise<{ tree: Tree; lost: number }> {
  let tree = from;
  let lost = 0;
  for await (const growth of growths(from, copy.head.checkpoint.size, copy)) {
    // A refill that was cut short may have brought it.
    await rewrite(tiles, growth.full);
    lost += await deposits.refilled(growth.first, growth.entries);
    tree = growth.tree;
  }
  await rewrite(tiles, edgeOf(tree));
  return { tree, lost };
}

/** Makes the mirror's checkpoint the head. */
async function swap({ heads }: PlatformStores, tip: Tip, { head, entries }: Copy): Promise<void> {
  const { size } = head.checkpoint;
  const [last] = size === 0 ? [] : await entries(size - 1, size);
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
