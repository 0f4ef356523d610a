/**
 * A ledger to read, wherever it is: a platform or a mirror over HTTP, or the folder of one. A folder whose process runs is asked over HTTP; one
 * at rest is opened, and nothing is written to it but what LevelDB writes on opening.
 */
import { join } from 'node:path';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { parseNote, parseVkey, type VerifierKey } from '../../ledger/core/note.ts';
import { parseTilePath } from '../../ledger/core/tile.ts';
import { LogError } from '../../ledger/log/errors.ts';
import { parseHeadRecord } from '../../ledger/log/head-record.ts';
import { StoreError, type TileStore } from '../../ledger/log/ports.ts';
import { PUBLISHED_KEY } from '../../ledger/log/published.ts';
import { Reader } from '../../ledger/log/reader.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { parseRemembered } from '../../ledger/witness/state.ts';
import { readConfig, readRole, TRUST_FILE } from '../config.ts';
import { openHttpClient } from '../http/client.ts';
import { StartError } from '../start-error.ts';
import { openMirrorStores, openPlatformStores } from '../wiring.ts';
import { readTrust } from './trust.ts';

const TIMEOUT_MS = 30_000;
/** The largest answer: a full bundle of the longest entries. */
const ANSWER_BYTES_MAX = 33_554_432;

export type Fetch = (path: string) => Promise<Uint8Array | undefined>;

/** A ledger to read, and the keys its folder trusts. */
export interface Source {
  /** Bytes under a path of tlog-tiles; undefined when there are none. */
  readonly fetch: Fetch;
  readonly keys?: readonly VerifierKey[];
  close(): Promise<void>;
}

/** A line for the operator about what could not be read. */
type Tell = (line: string) => void;

/**
 * Opens a ledger.
 * @param target URL of one (`…/ledger`, `…/mirror/<origin hash>`), or a platform's or mirror's folder
 * @throws StartError
 */
export async function openSource(target: string, tell: Tell): Promise<Source> {
  if (/^https?:\/\//.test(target)) return overHttp(target);
  const role = readRole(target);
  if (role === 'platform') return openPlatform(target, tell);
  if (role === 'mirror') return openMirror(target, tell);
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

async function openPlatform(dir: string, tell: Tell): Promise<Source> {
  const { listen } = readConfig(dir, 'platform');
  const keys = readTrust(join(dir, TRUST_FILE)).policy.logs.map(({ key }) => key);
  const stores = await openedOr(() => openPlatformStores(dir, failed));
  if (stores === undefined) return { ...overHttp(`http://${listen.host}:${listen.port}/ledger`), keys };
  const head = await stores.heads.latest();
  const size = head === undefined ? 0 : sizeOf(parseHeadRecord(head.bytes).note);
  const fetch = fromStore(tell, stores.tiles, size, () => stores.ledger.get(PUBLISHED_KEY));
  return { fetch, keys, close: () => stores.close() };
}

async function openMirror(dir: string, tell: Tell): Promise<Source> {
  const { listen, logs } = readConfig(dir, 'mirror');
  const [log] = logs;
  if (log === undefined) throw new Error('invariant: a mirror has a log');
  const keys = log.vkeys.map(parseVkey);
  const hash = originHash(log.origin);
  const stores = await openedOr(() => openMirrorStores(dir, failed));
  if (stores === undefined) return { ...overHttp(`http://${listen.host}:${listen.port}/mirror/${hash}`), keys };
  const head = await stores.heads(hash).latest();
  const cosigned = (await stores.cosigned.get(hash)) ?? head?.bytes;
  const note = cosigned === undefined ? undefined : parseRemembered(cosigned).note;
  const size = note === undefined ? 0 : sizeOf(note);
  const fetch = fromStore(tell, stores.tiles(hash), size, async () =>
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
