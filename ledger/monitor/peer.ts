// What another node shows in public of the logs it cosigns: its monitoring checkpoint, and the tiles it holds.
// c2sp.org/tlog-witness, "Monitor Retrieval Mechanism", and c2sp.org/tlog-tiles; the platform's own ledger is read in the same way.

import { openCheckpoint } from '../core/checkpoint.ts';
import { openCosignatures } from '../core/cosignature.ts';
import { LedgerError } from '../core/errors.ts';
import { ENTRY_BYTES_MAX, NOTE_BYTES_MAX, TILE_BYTES, TILE_WIDTH } from '../core/limits.ts';
import { fetchOrCut } from '../core/narrow.ts';
import { formatNote, isSignedBy, type Note, type NoteSignature, parseNote, type VerifierKey } from '../core/note.ts';
import { formatTilePath } from '../core/tile.ts';
import type { FetchTile } from '../core/tile-reader.ts';
import type { Http, SignedHead } from '../log/ports.ts';

/** Someone who signs or cosigns checkpoints, as others see it. */
export interface Peer {
  readonly name: string;
  /** `<url>/checkpoint` is its latest note of one log; `<url>/tile/…` its tiles, if it has any. No final slash. */
  readonly url: string;
  /** Its cosignature keys, types 0x04 and 0x06; none for the log itself. */
  readonly keys: readonly VerifierKey[];
}

/** A peer's latest checkpoint. Its note carries the verified signatures only: of the log and of the peer. */
export interface Shown {
  readonly head: SignedHead;
  /** Why its own cosignature is not on it. The log's signature is, so it can be held against the log all the same. */
  readonly unsigned?: Error;
}

/** How long one exchange of a few kilobytes may take, ms. */
const EXCHANGE_TIMEOUT_MS = 5000;

/** The longest bundle: every entry after its length. */
const BUNDLE_BYTES_MAX = TILE_WIDTH * (2 + ENTRY_BYTES_MAX);

/**
 * How long one bundle may take, ms: the longest needs 134 s over a line of 1 Mbit/s. Whoever pads a ledger with long entries must not keep
 * those with ordinary lines from reading it. Nothing that watches reads bundles, so no poll waits for one.
 */
const BUNDLE_TIMEOUT_MS = 150_000;

/**
 * Its latest checkpoint; undefined when it has none.
 * @param logKeys keys of the logs it may show
 * @throws Error when it cannot be reached; LedgerError when what it shows is not signed by a log
 */
export async function latestOf(peer: Peer, logKeys: readonly VerifierKey[], http: Http): Promise<Shown | undefined> {
  const bytes = await get(http, `${peer.url}/checkpoint`, NOTE_BYTES_MAX, EXCHANGE_TIMEOUT_MS);
  return bytes === undefined ? undefined : openShown(bytes, peer.keys, logKeys);
}

/**
 * Reads a note that a peer shows.
 * @throws LedgerError when it is no checkpoint signed by one of the log keys
 */
export function openShown(bytes: Uint8Array, keys: readonly VerifierKey[], logKeys: readonly VerifierKey[]): Shown {
  const note = parseNote(bytes);
  const checkpoint = openCheckpoint(note, logKeys);
  const byLog = note.signatures.filter((line) => logKeys.some((key) => isSignedBy(line, key)));
  const cosigned = cosignaturesOf(note, keys);
  const verified = cosigned instanceof Error ? byLog : [...byLog, ...cosigned];
  const head = { note: formatNote({ text: note.text, signatures: verified }), checkpoint };
  return cosigned instanceof Error ? { head, unsigned: cosigned } : { head };
}

function cosignaturesOf(note: Note, keys: readonly VerifierKey[]): NoteSignature[] | Error {
  try {
    const lines = openCosignatures(note, keys).map(({ line }) => line);
    if (lines.length > 0 || keys.length === 0) return lines;
    return new LedgerError('note-not-signed', 'no cosignature of its own keys');
  } catch (error) {
    return error as Error;
  }
}

/** Where its tiles and entry bundles are fetched. Rejects when it does not have one. */
export function tilesOf(url: string, http: Http): FetchTile {
  return async (tile) => {
    const [bytesMax, timeoutMs] =
      tile.level === 'entries' ? [BUNDLE_BYTES_MAX, BUNDLE_TIMEOUT_MS] : [TILE_BYTES, EXCHANGE_TIMEOUT_MS];
    const bytes = await fetchOrCut(tile, (path) => get(http, `${url}/${path}`, bytesMax, timeoutMs));
    if (bytes === undefined) throw new Error(`${url} does not have ${formatTilePath(tile)}`);
    return bytes;
  };
}

/** The body of a 200, or undefined for a 404. */
async function get(
  http: Http,
  url: string,
  responseBytesMax: number,
  timeoutMs: number,
): Promise<Uint8Array | undefined> {
  const { status, body } = await http({ method: 'GET', url, timeoutMs, responseBytesMax });
  if (status === 200) return body;
  if (status === 404) return undefined;
  throw new Error(`${url} answered ${status}`);
}
