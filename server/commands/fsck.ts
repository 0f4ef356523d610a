/**
 * `probata fsck`: derives a whole ledger again (ledger/tools/fsck.ts) over HTTP or from a member's folder, and prints every difference.
 * A folder whose process runs is asked over HTTP; one at rest is opened, and nothing is written to it but what LevelDB writes on opening.
 * Exit 0 when all is in order, 1 when something differs or is missing.
 */
import { join } from 'node:path';
import { base64Encode, utf8Encode } from '../../ledger/core/bytes.ts';
import { parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { LedgerError } from '../../ledger/core/errors.ts';
import { parseNote, parseVkey, type VerifierKey } from '../../ledger/core/note.ts';
import { parseTilePath } from '../../ledger/core/tile.ts';
import { LogError } from '../../ledger/log/errors.ts';
import { parseHeadRecord } from '../../ledger/log/head-record.ts';
import { StoreError, type TileStore } from '../../ledger/log/ports.ts';
import { PUBLISHED_KEY } from '../../ledger/log/published.ts';
import { Reader } from '../../ledger/log/reader.ts';
import { entryOrder } from '../../ledger/tools/entry-order.ts';
import { type FsckProblem, fsck } from '../../ledger/tools/fsck.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { parseRemembered } from '../../ledger/witness/state.ts';
import { readConfig, readRole, TRUST_FILE } from '../config.ts';
import { openHttpClient } from '../http/client.ts';
import { StartError } from '../start-error.ts';
import { openMirrorStores, openPlatformStores } from '../wiring.ts';
import type { Terminal } from './context.ts';
import { readTrust } from './trust.ts';

const TIMEOUT_MS = 30_000;
/** The largest answer: a full bundle of the longest entries. */
const ANSWER_BYTES_MAX = 33_554_432;

type Fetch = (path: string) => Promise<Uint8Array | undefined>;

/** A ledger to read, and the keys its folder trusts. */
interface Source {
  readonly fetch: Fetch;
  readonly keys?: readonly VerifierKey[];
  close(): Promise<void>;
}

/**
 * Checks one ledger.
 * @param target URL of a ledger (`…/ledger`, `…/mirror/<origin hash>`) or a platform's or mirror's folder
 * @param options `trust`: trust bundle that names the log's key; a folder's own when not given. `opaque`: the entries are somebody
 *   else's, and nothing is said about what they hold
 * @returns the exit code
 * @throws StartError
 */
export async function runFsck(
  target: string,
  options: { trust?: string; opaque?: boolean },
  terminal: Terminal,
): Promise<number> {
  const source = await openSource(target, terminal);
  try {
    const keys = options.trust === undefined ? source.keys : readTrust(options.trust).policy.logs.map(({ key }) => key);
    if (keys === undefined)
      throw new StartError('input-missing', 'name the trust bundle that has the log’s key with --trust');
    const logKey = await keyOf(source.fetch, keys);
    const inspect = options.opaque === true ? {} : { inspect: entryOrder() };
    const result = await fsck({ fetch: source.fetch, logKey, onProgress: progress, ...inspect });
    for (const problem of result.problems) terminal.out(line(problem));
    const { size, root, entries, problems } = result;
    terminal.out(`size ${size}, root ${base64Encode(root)}, ${entries} entries read, ${problems.length} problems`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    await source.close();
  }
}

function line({ code, path, detail }: FsckProblem): string {
  return `${code} ${path}: ${detail}`;
}

function progress(entries: number, size: number): void {
  if (process.stderr.isTTY) process.stderr.write(entries < size ? `\r${entries} of ${size}` : '\r\u001b[K');
}

/** The key of the log whose checkpoint is there; an unreadable checkpoint is left for fsck to report. */
async function keyOf(fetch: Fetch, keys: readonly VerifierKey[]): Promise<VerifierKey> {
  const bytes = await fetch('checkpoint');
  const origin = bytes === undefined ? undefined : originIn(bytes);
  const key = origin === undefined ? keys[0] : keys.find(({ name }) => name === origin);
  if (key === undefined)
    throw new StartError('not-trusted', `the log ${JSON.stringify(origin)} is not one that the trust bundle names`);
  return key;
}

function originIn(bytes: Uint8Array): string | undefined {
  try {
    return parseCheckpoint(parseNote(bytes).text).origin;
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}

async function openSource(target: string, terminal: Terminal): Promise<Source> {
  if (/^https?:\/\//.test(target)) return overHttp(target);
  const role = readRole(target);
  if (role === 'platform') return openPlatform(target, terminal);
  if (role === 'mirror') return openMirror(target, terminal);
  throw new StartError('input-malformed', `${target} is a court's folder: a court keeps checkpoints, not the ledger`);
}

function overHttp(url: string): Source {
  const client = openHttpClient();
  const prefix = url.replace(/\/+$/, '');
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

async function openPlatform(dir: string, terminal: Terminal): Promise<Source> {
  const { listen } = readConfig(dir, 'platform');
  const keys = readTrust(join(dir, TRUST_FILE)).policy.logs.map(({ key }) => key);
  const stores = await openedOr(() => openPlatformStores(dir, failed));
  if (stores === undefined) return { ...overHttp(`http://${listen.host}:${listen.port}/ledger`), keys };
  const head = await stores.heads.latest();
  const size = head === undefined ? 0 : sizeOf(parseHeadRecord(head.bytes).note);
  const fetch = fromStore(terminal, stores.tiles, size, () => stores.ledger.get(PUBLISHED_KEY));
  return { fetch, keys, close: () => stores.close() };
}

async function openMirror(dir: string, terminal: Terminal): Promise<Source> {
  const { listen, logs } = readConfig(dir, 'mirror');
  const [log] = logs;
  if (log === undefined) throw new Error('invariant: a mirror has a log');
  const keys = log.vkeys.map(parseVkey);
  const hash = originHash(log.origin);
  const stores = await openedOr(() => openMirrorStores(dir, failed));
  if (stores === undefined) return { ...overHttp(`http://${listen.host}:${listen.port}/mirror/${hash}`), keys };
  const head = await stores.heads(hash).latest();
  const note = head === undefined ? undefined : parseRemembered(head.bytes).note;
  const size = note === undefined ? 0 : sizeOf(note);
  const fetch = fromStore(terminal, stores.tiles(hash), size, async () =>
    note === undefined ? undefined : utf8Encode(note),
  );
  return { fetch, keys, close: () => stores.close() };
}

/** Undefined when the folder's own process has the store open. */
async function openedOr<T>(open: () => Promise<T>): Promise<T | undefined> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof StartError && error.code === 'data-locked') return undefined;
    throw error;
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
  terminal: Terminal,
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
      terminal.err(`${path}: ${error.message}`);
      return undefined;
    }
  };
}
