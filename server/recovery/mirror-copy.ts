/**
 * The ledger as one arbitration mirror has it: what the log signed and the mirror cosigned, every entry checked against that checkpoint.
 * What this platform's own store still has of it need not be brought again; it is checked all the same.
 */
import { LedgerError } from '../../ledger/core/errors.ts';
import { formatNote, isSignedBy, parseNote } from '../../ledger/core/note.ts';
import { formatTilePath, type Tile } from '../../ledger/core/tile.ts';
import { TileReader } from '../../ledger/core/tile-reader.ts';
import { openOwn, policyFor } from '../../ledger/log/past-epoch.ts';
import type { SignedHead, TileStore } from '../../ledger/log/ports.ts';
import { Round } from '../../ledger/log/round.ts';
import type { Fetch } from '../commands/ledger-source.ts';
import type { PlatformTrust } from '../roles/platform-setup.ts';
import { StartError } from '../start-error.ts';
import { storedBytes } from './mend.ts';

/** A mirror's copy. */
export interface Copy {
  /** As the log signed it, and as the mirror shows it with its cosignatures. */
  readonly head: SignedHead;
  readonly note: string;
  /** Of the mirror alone. */
  readonly reader: TileReader;
  /** The entries [lo, hi), which are all held in memory. */
  entries(lo: number, hi: number): Promise<Uint8Array[]>;
}

/** @throws StartError `refill-refused` when the mirror shows nothing that this log signed */
export async function openCopy(fetch: Fetch, tiles: TileStore, trust: PlatformTrust): Promise<Copy> {
  const bytes = await fetch('checkpoint');
  if (bytes === undefined) throw refused('the mirror has no checkpoint of this log');
  const { head, note } = readNote(bytes, trust);
  const fromMirror = async (tile: Tile): Promise<Uint8Array> => {
    const path = formatTilePath(tile);
    const found = await fetch(path);
    if (found === undefined) throw refused(`the mirror has no ${path}`);
    return found;
  };
  const reader = new TileReader(head.checkpoint, fromMirror);
  const own = new TileReader(
    head.checkpoint,
    async (tile) => (await storedBytes(tiles, formatTilePath(tile))) ?? (await fromMirror(tile)),
  );
  const entries = (lo: number, hi: number): Promise<Uint8Array[]> =>
    own.entries(lo, hi).catch((error: unknown) => {
      // Some tile of ours is not one of this tree, though it is what was written.
      if (error instanceof LedgerError) return reader.entries(lo, hi);
      throw error;
    });
  return { head, note, reader, entries };
}

function readNote(bytes: Uint8Array, trust: PlatformTrust): Pick<Copy, 'head' | 'note'> {
  try {
    const note = parseNote(bytes);
    const checkpoint = openOwn(note, trust);
    const signatures = note.signatures.filter((line) => trust.logKeys.some((key) => isSignedBy(line, key)));
    return { head: { note: formatNote({ text: note.text, signatures }), checkpoint }, note: formatNote(note) };
  } catch (cause) {
    if (!(cause instanceof LedgerError)) throw cause;
    throw refused(`the mirror's checkpoint cannot be believed: ${cause.message}; ${AFTER_A_CHANGE}`, cause);
  }
}

/**
 * Which mirror's copy it is: one that has cosigned what it shows.
 * @param mirrors names of the mirrors in the configuration
 * @throws StartError `refill-refused` when it is none of the policy's
 */
export function cosignedBy({ head, note }: Copy, mirrors: readonly string[], { policy, past }: PlatformTrust): string {
  const round = new Round(head, policyFor(head.checkpoint.size, past, policy));
  round.restore(parseNote(note));
  const member = mirrors.find((name) => round.has(name));
  if (member === undefined)
    throw refused(`no arbitration body of the policy has cosigned what it shows; ${AFTER_A_CHANGE}`);
  return member;
}

/** What to do in a folder that is from before a change of keys or members. */
export const AFTER_A_CHANGE =
  'if keys or members have changed since this folder was made, put the present trust.json, config.json and keys there (from another member what it has, the rest from whoever made the change) and run refill again';

/** A refill that has changed nothing. */
export function refused(why: string, cause?: unknown): StartError {
  return new StartError('refill-refused', `nothing was refilled: ${why}`, { cause });
}
