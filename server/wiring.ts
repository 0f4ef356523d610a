/**
 * Which drivers a role runs on: the only file of the server that names one. LevelDB for everything keyed, files for evidence bytes,
 * all under the member's own `store/` folder. Another driver is another function here and nothing anywhere else.
 *
 * What each store is for, who may change it, and what may be lost stands with its port (ledger/log/ports.ts).
 */
import { join } from 'node:path';
import { type BlobStore, type HeadStore, type IndexStore, StoreError, type TileStore } from '../ledger/log/ports.ts';
import { openBlobFiles } from '../ledger/store/blob-files.ts';
import { IN_USE_FILE, type LevelStore, openLevelStore } from '../ledger/store/level.ts';
import { STORE_FOLDER } from './config.ts';
import { hasStore, isThere, markStore } from './recovery/marks.ts';
import { StartError } from './start-error.ts';

/** How the keys of a platform's tiles begin, among its rows. */
export const PLATFORM_TILES = 'tiles!ledger!';

/** Where a member's folder has the database: not files to be copied, {@link openRows} reads it. */
export const DATABASE = [join(STORE_FOLDER, 'level'), join(STORE_FOLDER, IN_USE_FILE)];

type Fatal = (error: Error) => never;
type Lost = 'refuse' | 'begin-anew';

export interface PlatformStores {
  readonly tiles: TileStore;
  readonly heads: HeadStore;
  /** The ledger's own notes: the published checkpoint, how far each cosigner is. */
  readonly ledger: IndexStore;
  /** Deposits, records and what is owed (intake/deposit-store.ts). */
  readonly deposits: IndexStore;
  readonly blobs: BlobStore;
  rows: LevelStore['rows'];
  close(): Promise<void>;
}

export interface CourtStores {
  /** Of one log, by the hash of its origin. */
  heads(originHash: string): HeadStore;
  readonly cosigned: IndexStore;
  /** Serial numbers of timestamps. */
  readonly serials: IndexStore;
  close(): Promise<void>;
}

export interface MirrorStores {
  pending(originHash: string): HeadStore;
  heads(originHash: string): HeadStore;
  tiles(originHash: string): TileStore;
  readonly cosigned: IndexStore;
  rows: LevelStore['rows'];
  close(): Promise<void>;
}

/**
 * @param dir the platform's folder
 * @param fatal ends the process; called on the first failed write
 * @param lost what to do when the store that it had is not there; only a refill, which finds out what it was, may begin anew
 * @throws StartError data-locked, data-corrupt, data-incomplete (the store is not there); StoreError failed
 */
export async function openPlatformStores(dir: string, fatal: Fatal, lost: Lost = 'refuse'): Promise<PlatformStores> {
  const level = await openLevel(dir, fatal, lost);
  return {
    tiles: level.tiles('ledger'),
    heads: level.heads('ledger'),
    ledger: level.index('ledger'),
    deposits: level.index('deposits'),
    blobs: await openBlobFiles(join(dir, STORE_FOLDER, 'blobs')),
    rows: (prefix) => level.rows(prefix),
    close: () => level.close(),
  };
}

/** As {@link openPlatformStores}, for a court's folder. */
export async function openCourtStores(dir: string, fatal: Fatal): Promise<CourtStores> {
  const level = await openLevel(dir, fatal);
  return {
    heads: (originHash) => level.heads(originHash),
    cosigned: level.index('cosigned'),
    serials: level.index('serials'),
    close: () => level.close(),
  };
}

/** As {@link openPlatformStores}, for a mirror's folder. */
export async function openMirrorStores(dir: string, fatal: Fatal): Promise<MirrorStores> {
  const level = await openLevel(dir, fatal);
  return {
    pending: (originHash) => level.heads(`pending-${originHash}`),
    heads: (originHash) => level.heads(`mirrored-${originHash}`),
    tiles: (originHash) => level.tiles(originHash),
    cosigned: level.index('cosigned'),
    rows: () => level.rows(),
    close: () => level.close(),
  };
}

/**
 * Every row of a member's store, whichever role it has: for copies and checks. As {@link openPlatformStores}, of a command and not of a process
 * that serves: the first failed write rejects, and so does every one after it.
 */
export function openRows(dir: string): Promise<Pick<LevelStore, 'rows' | 'copyIn' | 'close'>> {
  return openLevel(dir, (error) => {
    throw error;
  });
}

/** Whether the member has had a store that is not there now. */
export function isStoreLost(dir: string): boolean {
  return hasStore(dir) && !isThere(join(dir, STORE_FOLDER, IN_USE_FILE));
}

async function openLevel(dir: string, fatal: Fatal, lost: Lost = 'refuse'): Promise<LevelStore> {
  const store = join(dir, STORE_FOLDER);
  if (lost === 'refuse' && isStoreLost(dir))
    throw new StartError(
      'data-incomplete',
      `${store} is not there, or not what it was: mount its disk, or put the member back from a backup`,
    );
  try {
    const level = await openLevelStore(store, fatal);
    try {
      // Before anything is signed.
      markStore(dir);
    } catch (error) {
      await level.close();
      throw error;
    }
    return level;
  } catch (cause) {
    if (!(cause instanceof StoreError)) throw cause;
    if (cause.code === 'locked') {
      throw new StartError('data-locked', `${dir} is in use by another process`, { cause });
    }
    if (cause.code === 'corrupt') {
      throw new StartError('data-corrupt', `${cause.message}: nothing was signed or served, see OPERATIONS.md`, {
        cause,
      });
    }
    throw cause;
  }
}
