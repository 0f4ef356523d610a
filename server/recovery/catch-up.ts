/**
 * What a restored court or mirror does before it serves anything: it asks others what the log has signed since, checks that all of it is
 * one history with its own memory, and follows the log there through its own front door (add-checkpoint, add-entries), fed from the
 * others' tiles. Only then may it sign what a log asks for: else an old copy could cosign a fork of what it cosigned before.
 * All that were named must answer but one, which may be down: with what is left, a single liar hides nothing that was published.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { equal } from '../../ledger/core/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../../ledger/core/checkpoint.ts';
import { EMPTY_ROOT } from '../../ledger/core/hash.ts';
import { NOTE_BYTES_MAX } from '../../ledger/core/limits.ts';
import { formatNote, isSignedBy, parseNote, type VerifierKey } from '../../ledger/core/note.ts';
import { rangeRoot } from '../../ledger/core/range.ts';
import { formatTilePath, type Tile } from '../../ledger/core/tile.ts';
import { TileReader } from '../../ledger/core/tile-reader.ts';
import type { Cosigner, HeadStore, Http, SignedHead } from '../../ledger/log/ports.ts';
import { telling } from '../../ledger/log/reader.ts';
import { CosignerError } from '../../ledger/witness/gateway.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { type Accepted, Heads } from '../../ledger/witness/state.ts';
import { openHttpClient } from '../http/client.ts';
import type { EventLog } from '../logging.ts';
import { StartError } from '../start-error.ts';
import { forgetRestored, readRestored } from './marks.ts';

const TIMEOUT_MS = 30_000;
const TILE_BYTES_MAX = 33_554_432;
const RETRY_MS = 2000;

export interface CatchUpOptions {
  /** The member's folder. */
  readonly dir: string;
  readonly log: EventLog;
  readonly logs: readonly { readonly origin: string; readonly keys: readonly VerifierKey[] }[];
  /** Whom it asks when the restore named nobody. */
  readonly peers: readonly { readonly url: string }[];
  /** The checkpoints that the copy has accepted of a log, and those it has cosigned: of a court the same. */
  readonly accepted: (originHash: string) => HeadStore;
  readonly cosigned: (originHash: string) => HeadStore;
  /** The member as the log's client sees it (front-door.ts). */
  readonly door: (logKey: VerifierKey) => Cosigner;
}

/**
 * Catches up when the folder says that it is restored; does nothing otherwise. Asks for as long as it takes.
 * @throws StartError `restored-fork`: the log has signed two histories, or the others do not follow from this copy. Nothing was signed.
 */
export async function catchUp(options: CatchUpOptions): Promise<void> {
  const { dir, log, logs, peers, accepted, cosigned, door } = options;
  const restored = readRestored(dir);
  if (restored === undefined) return;
  log('warn', 'restored', { reason: `a copy of ${restored.taken}: signs nothing before it has caught up` });
  const ask = restored.ask.length > 0 ? restored.ask : peers.map(({ url }) => url);
  const client = openHttpClient();
  try {
    for (const { origin, keys } of logs) {
      const [logKey] = keys;
      if (logKey === undefined) throw new Error('invariant: a log that is followed has a key');
      // Read without opening the member: opening may already sign.
      const hash = originHash(origin);
      const own = await new Heads(accepted(hash)).latest();
      const signed = (await new Heads(cosigned(hash)).latest())?.checkpoint.size ?? 0;
      const prefixes = ask.map((url) => prefixOf(url, origin));
      const size = await followOthers({
        origin,
        keys,
        own,
        signed,
        door: door(logKey),
        prefixes,
        http: client.http,
        log,
      });
      log('info', 'caught-up', { origin, size });
    }
  } finally {
    client.close();
  }
  // A crash before here: it catches up once more, which changes nothing.
  forgetRestored(dir);
}

/** One log that the member follows, and whom to ask about it. */
interface Followed {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
  /** The newest checkpoint that its copy has accepted, and the size of the newest that it has cosigned. */
  readonly own: Accepted | undefined;
  readonly signed: number;
  readonly door: Cosigner;
  readonly prefixes: readonly string[];
  readonly http: Http;
  readonly log: EventLog;
}

/** Where a log's checkpoint and tiles are: `…/ledger` is one log's, and so is a prefix with the hash; the others' prefixes hold many. */
function prefixOf(url: string, origin: string): string {
  const prefix = url.replace(/\/+$/, '');
  const hash = originHash(origin);
  return prefix.endsWith('/ledger') || prefix.endsWith(`/${hash}`) ? prefix : `${prefix}/${hash}`;
}

/** @returns the size reached */
async function followOthers(followed: Followed): Promise<number> {
  const { origin, prefixes, log } = followed;
  for (;;) {
    const answers = await Promise.allSettled(prefixes.map((prefix) => ask(prefix, followed)));
    const reasons = answers.flatMap((answer) => (answer.status === 'rejected' ? [String(answer.reason)] : []));
    const known = answers.flatMap((answer) => (answer.status === 'fulfilled' ? (answer.value ?? []) : []));
    if (reasons.length <= 1 && reasons.length < prefixes.length) {
      const reached = await follow(followed, known, (reason) => reasons.push(reason));
      if (reached !== undefined) return reached;
    }
    log('warn', 'catch-up-waits', { origin, reason: reasons.join('; ') });
    await sleep(RETRY_MS);
  }
}

/** The newest checkpoint that somebody shows; undefined when it knows none of this log. Rejects without a usable answer. */
async function ask(prefix: string, { keys, origin, http }: Followed): Promise<SignedHead | undefined> {
  const url = `${prefix}/checkpoint`;
  const { status, body } = await http({ method: 'GET', url, timeoutMs: TIMEOUT_MS, responseBytesMax: NOTE_BYTES_MAX });
  if (status === 404) return undefined;
  if (status !== 200) throw new Error(`${url} answered ${status}`);
  const note = parseNote(body);
  const checkpoint = openCheckpoint(note, keys);
  if (checkpoint.origin !== origin) throw new Error(`${url} is of another log`);
  const signatures = note.signatures.filter((line) => keys.some((key) => isSignedBy(line, key)));
  return { note: formatNote({ text: note.text, signatures }), checkpoint };
}

/**
 * Goes by one after the other until the tiles of one have shown the way: a member does without whoever has a bad one.
 * @param onFailure told why those before did not show it
 * @returns the size reached; undefined when nobody showed the way
 */
async function follow(
  followed: Followed,
  known: readonly SignedHead[],
  onFailure: (reason: string) => void,
): Promise<number | undefined> {
  const { own, signed, prefixes } = followed;
  const newest = known.reduce<SignedHead | undefined>(
    (best, head) => (best !== undefined && best.checkpoint.size >= head.checkpoint.size ? best : head),
    own,
  );
  if (newest === undefined) return 0;
  const { checkpoint } = newest;
  const twin = known.find(
    (head) => head.checkpoint.size === checkpoint.size && !equal(head.checkpoint.root, checkpoint.root),
  );
  if (twin !== undefined) throw fork(twin.checkpoint, checkpoint);
  // Nobody knows more than the copy does: what it signs from here on follows from all it has ever signed.
  if (newest === own && signed === checkpoint.size) return signed;
  const earlier = own === undefined ? known : [own, ...known];
  for (const prefix of prefixes) {
    const failure = await followBy(prefix, newest, earlier, followed);
    if (failure === undefined) return checkpoint.size;
    onFailure(failure);
  }
  return undefined;
}

/**
 * By the tiles under one prefix. They are checked against the newest checkpoint, so whatever is there cannot make a fork of one history.
 * @returns what these tiles did not give; undefined when the member has followed
 */
async function followBy(
  prefix: string,
  newest: SignedHead,
  earlier: readonly SignedHead[],
  { door, http }: Followed,
): Promise<string | undefined> {
  const reader = new TileReader(newest.checkpoint, async (tile) => read(prefix, tile, http));
  let failure: unknown;
  const tiles = telling(reader, (error) => {
    failure = error;
  });
  try {
    for (const { checkpoint } of earlier) await requireOneTree(tiles, checkpoint, newest.checkpoint);
    await door.cosign(newest, tiles);
    return undefined;
  } catch (error) {
    // An upload whose tiles fail is one that ends early, which a mirror refuses like anybody's.
    if (failure !== undefined && (error === failure || error instanceof CosignerError))
      return `${prefix}: ${String(failure)}`;
    // A fork, or the member itself: its store has failed, and only a restart finds out what it holds.
    throw error;
  }
}

async function requireOneTree(tiles: Pick<TileReader, 'range'>, older: Checkpoint, newer: Checkpoint): Promise<void> {
  const root = older.size === 0 ? EMPTY_ROOT : rangeRoot(await tiles.range(older.size));
  if (equal(root, older.root)) return;
  throw fork(older, newer);
}

function fork(a: Checkpoint, b: Checkpoint): StartError {
  return new StartError(
    'restored-fork',
    `${a.origin} has signed trees of sizes ${a.size} and ${b.size} that are not one history: this member must not sign; keep the folder`,
  );
}

async function read(prefix: string, tile: Tile, http: Http): Promise<Uint8Array> {
  const path = formatTilePath(tile);
  const url = `${prefix}/${path}`;
  const { status, body } = await http({ method: 'GET', url, timeoutMs: TIMEOUT_MS, responseBytesMax: TILE_BYTES_MAX });
  if (status !== 200) throw new Error(`${path} answered ${status}`);
  return body;
}
