/**
 * A ledger to read, wherever it is: a platform or a mirror over HTTP, or the folder of one. A folder whose process runs is asked over HTTP; one
 * at rest is opened, and nothing is written to it but what LevelDB writes on opening.
 */
import { join } from 'node:path';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { openJudged } from '../../ledger/core/epoch.ts';
import { parseNote, parseVkey } from '../../ledger/core/note.ts';
import { parseTilePath } from '../../ledger/core/tile.ts';
import { LogError } from '../../ledger/log/errors.ts';
import { parseHeadRecord } from '../../ledger/log/head-record.ts';
import { StoreError, type TileStore } from '../../ledger/log/ports.ts';
import { PUBLISHED_KEY } from '../../ledger/log/published.ts';
import { Reader } from '../../ledger/log/reader.ts';
import { type Claim, type FsckProblem, type OpenNote, signedBy } from '../../ledger/tools/fsck.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { parseRemembered } from '../../ledger/witness/state.ts';
import type { Epoch } from '../../verifier/core/epochs.ts';
import type { Trust } from '../../verifier/core/trust.ts';
import { readConfig, readRole, TRUST_FILE } from '../config.ts';
import { openHttpClient } from '../http/client.ts';
import { StartError } from '../start-error.ts';
import {
  type MirrorStores,
  openMirrorStores,
  openPlatformStores,
  PLATFORM_TILES,
  type PlatformStores,
} from '../wiring.ts';
import { depositRowCheck, entryCheck } from './fsck-deposits.ts';
import {
  applied,
  checkRows,
  merged,
  mirrorHeads,
  noteClaim,
  platformHeads,
  platformStages,
  unappliedStep,
} from './fsck-folder.ts';
import { readTrust } from './trust.ts';

const TIMEOUT_MS = 30_000;
/** The largest answer: a full bundle of the longest entries. */
const ANSWER_BYTES_MAX = 33_554_432;

export type Fetch = (path: string) => Promise<Uint8Array | undefined>;

/** What is known of the log before it is read. */
export interface Believed {
  readonly open: OpenNote;
  /** Checkpoints of it that a quorum has cosigned, by size. */
  readonly claims: readonly Claim[];
}

/** A ledger to read, and what is believed of it. */
export interface Source {
  /** Bytes under a path of tlog-tiles; undefined when there are none. */
  readonly fetch: Fetch;
  /** By the bundle that names the wanted log, or by what the folder itself trusts; undefined when there is neither. */
  readonly believed?: Believed;
  /** Of a folder at rest: what else can be looked at. @param evidence whether to read evidence and certificates too */
  readonly folder?: (report: (problem: FsckProblem) => void, evidence: boolean) => FolderCheck;
  close(): Promise<void>;
}

/** What to hand to fsck, and what to do behind it. */
export interface FolderCheck {
  readonly claims: AsyncIterator<Claim> & AsyncIterable<Claim>;
  readonly inspect?: (first: number, entries: readonly Uint8Array[]) => Promise<FsckProblem[]>;
  readonly finish: () => Promise<void>;
}

/** The log that is looked for. */
export interface Wanted {
  readonly origin: string;
  /** Of a bundle that tells of it, oldest first: which keys it had, and up to which size. What the folder itself trusts when not given. */
  readonly epochs?: readonly Epoch[];
}

/** The log that a bundle tells of. */
export function wantedOf({ policy, epochs }: Trust): Wanted {
  const log = policy.logs[0];
  if (log === undefined) throw new Error('invariant: a trust bundle names a log');
  return { origin: log.key.name, epochs };
}

/** A line for the operator about what could not be read, or was read elsewhere. */
type Tell = (line: string) => void;

/**
 * Opens a ledger.
 * @param target URL of one (`…/ledger`, `…/mirror/<origin hash>`, `…/mirror` when the origin is known), or a platform's or mirror's folder
 * @param wanted the log that is looked for; of a mirror's folder the first when not given
 * @throws StartError
 */
export async function openSource(target: string, tell: Tell, wanted?: Wanted): Promise<Source> {
  if (/^https?:\/\//.test(target)) {
    const source = overHttp(prefixOf(target.replace(/\/+$/, ''), wanted?.origin));
    return wanted?.epochs === undefined ? source : { ...source, believed: judgedBy(wanted.epochs) };
  }
  const role = readRole(target);
  if (role === 'platform') return openPlatform(target, tell, wanted);
  if (role === 'mirror') return openMirror(target, tell, wanted);
  throw new StartError('input-malformed', `${target} is a court's folder: a court keeps checkpoints, not the ledger`);
}

/** A mirror holds many logs: each has its own prefix below the mirror's. */
function prefixOf(url: string, origin: string | undefined): string {
  return url.endsWith('/mirror') && origin !== undefined ? `${url}/${originHash(origin)}` : url;
}

function overHttp(prefix: string): Source {
  const client = openHttpClient();
  return {
    async fetch(path) {
      const url = `${prefix}/${path}`;
      const answer = await client.http({
        method: 'GET',
        url,
        timeoutMs: TIMEOUT_MS,
        responseBytesMax: ANSWER_BYTES_MAX,
      });
      if (answer.status === 200) return answer.body;
      if (answer.status === 404) return undefined;
      throw new StartError('input-missing', `${url} answered ${answer.status}`);
    },
    close: async () => client.close(),
  };
}

async function openPlatform(dir: string, tell: Tell, wanted: Wanted | undefined): Promise<Source> {
  const { listen } = readConfig(dir, 'platform');
  const believed = judgedBy(wanted?.epochs ?? readTrust(join(dir, TRUST_FILE)).epochs);
  const stores = await openedOr(dir, () => openPlatformStores(dir, failed), tell);
  if (stores === undefined) return { ...overHttp(`http://${listen.host}:${listen.port}/ledger`), believed };
  return closedOnError(stores, platformFolder(stores, believed, tell));
}

/** As the epochs of a bundle have it: a key that was replaced is believed up to the end of its time, and no further. */
function judgedBy(epochs: readonly Epoch[]): Believed {
  const claims = epochs.flatMap(({ number, lastNote }): Claim[] => {
    if (lastNote === undefined) return [];
    const { size, root } = parseCheckpoint(parseNote(lastNote).text);
    return [{ path: `checkpoint of the trust bundle that ended epoch ${number}`, size, root }];
  });
  return { open: (note) => openJudged(note, epochs), claims };
}

async function platformFolder(stores: PlatformStores, believed: Believed, tell: Tell): Promise<Source> {
  const { open } = believed;
  const head = await stores.heads.latest();
  const record = head === undefined ? undefined : parseHeadRecord(head.bytes);
  const note = record?.note;
  const step = await unappliedStep(stores.tiles, record);
  const size = note === undefined ? 0 : sizeOf(note);
  // The head, and not what is published: what the quorum has not cosigned yet is on the ledger all the same.
  const fetch = fromStore(tell, applied(stores.tiles, step), size, async () =>
    note === undefined ? undefined : utf8Encode(note),
  );
  const published = await stores.ledger.get(PUBLISHED_KEY);
  const folder: Source['folder'] = (report, evidence) => {
    const publishedClaim = noteClaim('published', published, open, report);
    return {
      claims: merged(platformHeads(stores.heads, open, report), publishedClaim),
      inspect: entryCheck(stores.deposits, step?.oldSize ?? Number.POSITIVE_INFINITY),
      finish: async () => {
        const flaws = depositRowCheck(stores.deposits, { size, fetch }, evidence ? stores.blobs : undefined);
        const others = [{ prefix: 'heads!ledger!' }, { prefix: 'index!ledger!' }, { prefix: 'index!deposits!', flaws }];
        const names = { tiles: PLATFORM_TILES, others };
        const mayStage = platformStages(stores.heads);
        await checkRows({ rows: stores.rows(), ...names, size, fetch, mayStage, report });
      },
    };
  };
  return { fetch, believed, folder, close: () => stores.close() };
}

/** A mirror holds many logs: one of them is checked, and what it keeps of the others is let be. */
async function openMirror(dir: string, tell: Tell, wanted: Wanted | undefined): Promise<Source> {
  const { listen, logs } = readConfig(dir, 'mirror');
  const log = wanted === undefined ? logs[0] : logs.find(({ origin }) => origin === wanted.origin);
  if (log === undefined) {
    if (wanted === undefined) throw new Error('invariant: a mirror has a log');
    const followed = logs.map(({ origin }) => origin).join(', ');
    throw new StartError('not-trusted', `${dir} does not follow the log ${wanted.origin}, but ${followed}`);
  }
  // Without a bundle there are the keys that the mirror takes today, and no word of any that was replaced.
  const believed =
    wanted?.epochs === undefined ? { open: signedBy(log.vkeys.map(parseVkey)), claims: [] } : judgedBy(wanted.epochs);
  const hash = originHash(log.origin);
  const others = logs.filter((each) => each !== log).map((each) => each.origin);
  // Whoever named a log has chosen.
  for (const other of wanted === undefined ? others : [])
    tell(`${log.origin} is checked, and not ${other}: name its trust bundle with --trust`);
  const stores = await openedOr(dir, () => openMirrorStores(dir, failed), tell);
  if (stores === undefined) return { ...overHttp(`http://${listen.host}:${listen.port}/mirror/${hash}`), believed };
  return closedOnError(stores, mirrorFolder(stores, hash, others.map(originHash), believed, tell));
}

async function mirrorFolder(
  stores: MirrorStores,
  hash: string,
  otherHashes: readonly string[],
  believed: Believed,
  tell: Tell,
): Promise<Source> {
  const { open } = believed;
  const head = await stores.heads(hash).latest();
  const cosigned = (await stores.cosigned.get(hash)) ?? head?.bytes;
  const note = cosigned === undefined ? undefined : parseRemembered(cosigned).note;
  const size = note === undefined ? 0 : sizeOf(note);
  const fetch = fromStore(tell, stores.tiles(hash), size, async () =>
    note === undefined ? undefined : utf8Encode(note),
  );
  const pending = await stores.pending(hash).latest();
  const held = Math.max(size, pending === undefined ? 0 : parseRemembered(pending.bytes).checkpoint.size);
  const folder: Source['folder'] = (report) => ({
    claims: merged(
      mirrorHeads(stores.heads(hash), 'mirror checkpoint', open, report),
      mirrorHeads(stores.pending(hash), 'pending checkpoint', open, report),
    ),
    finish: async () => {
      const heads = [hash, ...otherHashes].flatMap((each) => [`heads!mirrored-${each}!`, `heads!pending-${each}!`]);
      const tiles = otherHashes.map((each) => `tiles!${each}!`);
      const others = [...heads, ...tiles, 'index!cosigned!'].map((prefix) => ({ prefix }));
      const rows = { rows: stores.rows(), tiles: `tiles!${hash}!`, others, size: held };
      await checkRows({ ...rows, fetch, mayStage: async () => false, report });
    },
  });
  return { fetch, believed, folder, close: () => stores.close() };
}

async function closedOnError(stores: { close(): Promise<void> }, opening: Promise<Source>): Promise<Source> {
  return opening.catch(async (error) => {
    await stores.close();
    throw error;
  });
}

/** Undefined when the folder's own process has the store open. */
async function openedOr<T>(dir: string, open: () => Promise<T>, tell: Tell): Promise<T | undefined> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof StartError && error.code === 'data-locked')) throw error;
    tell(`${dir} is in use: what it serves is read over HTTP; its folder can be looked at when it is stopped`);
    return undefined;
  }
}

function failed(error: Error): never {
  throw error;
}

function sizeOf(note: string): number {
  return parseCheckpoint(parseNote(note).text).size;
}

/** Paths as a server would answer them, from the tiles of a tree of `size`. */
function fromStore(
  tell: Tell,
  tiles: TileStore,
  size: number,
  checkpoint: () => Promise<Uint8Array | undefined>,
): Fetch {
  const reader = new Reader(tiles, () => size);
  return async (path) => {
    if (path === 'checkpoint') return checkpoint();
    try {
      return await reader.tile(parseTilePath(path));
    } catch (error) {
      if (!(error instanceof LogError || (error instanceof StoreError && error.code === 'corrupt'))) throw error;
      tell(`${path}: ${error.message}`);
      return undefined;
    }
  };
}
