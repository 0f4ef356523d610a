// The body of add-entries: a header and entry packages; and the mirror-info text of its 202 and 409. c2sp.org/tlog-mirror, "add-entries".
// Whether the entries belong to the log is checked in state.ts.

import { formatBundle } from '../core/bundle.ts';
import {
  base64Decode,
  base64Encode,
  concat,
  decimal,
  lines,
  readUint16,
  readUint64,
  uint16,
  uint64,
  utf8Decode,
  utf8Encode,
} from '../core/bytes.ts';
import { LedgerError } from '../core/errors.ts';
import type { Hash } from '../core/hash.ts';
import { HASH_BYTES, INDEX_MAX, MIRROR_PACKAGE_ENTRIES, PROOF_HASHES_MAX } from '../core/limits.ts';
import type { ByteReader } from './byte-reader.ts';

/** What one upload is about: the entries [start, end) of a log, towards its checkpoint of size `end`. */
export interface UploadHeader {
  readonly origin: string;
  readonly start: number;
  readonly end: number;
  /** Opaque; this mirror gives out empty ones and ignores all. At most 65,535 bytes. */
  readonly ticket: Uint8Array;
}

/** One package of the canonical sequence: the entries [start, end), in the bundle that starts at `bundleStart`. */
export interface PackageRange {
  readonly bundleStart: number;
  readonly start: number;
  readonly end: number;
}

/** The entries of a range, and the subtree consistency proof of [bundleStart, end). */
export interface EntryPackage {
  readonly entries: readonly Uint8Array[];
  readonly proof: readonly Hash[];
}

/** What a mirror tells a client that has more to send, or must start elsewhere. */
export interface MirrorInfo {
  /** Tree size of a valid pending checkpoint. */
  readonly size: number;
  readonly nextEntry: number;
  readonly ticket: Uint8Array;
}

/** What an array costs beside its bytes, roughly: empty entries are not free. */
const ARRAY_BYTES = 128;

/** The content type of mirror-info. */
export const MIRROR_INFO_TYPE = 'text/x.tlog.mirror-info';

/** Told of bytes that are about to come in, and to be held. */
export type OnHeld = (bytes: number) => void;

/** Reads the header. @throws LedgerError upload-malformed; also when the body ends inside it */
export async function readUploadHeader(reader: ByteReader, onHeld: OnHeld = () => undefined): Promise<UploadHeader> {
  const origin = utf8Decode(await readCounted(reader, onHeld));
  const start = readUint64(await required(reader, 8), 0);
  const end = readUint64(await required(reader, 8), 0);
  const ticket = await readCounted(reader, onHeld);
  if (origin === undefined) throw new LedgerError('upload-malformed', 'the origin is not UTF-8');
  // SPEC tlog-mirror: "`upload_start` MUST be less or equal to `upload_end`."
  if (start > end || end > BigInt(INDEX_MAX)) {
    throw new LedgerError('upload-malformed', `no interval [${start}, ${end})`);
  }
  return { origin, start: Number(start), end: Number(end), ticket };
}

/** The bytes of a header. */
export function formatUploadHeader(header: UploadHeader): Uint8Array {
  const origin = utf8Encode(header.origin);
  const { start, end, ticket } = header;
  return concat(uint16(origin.length), origin, uint64(start), uint64(end), uint16(ticket.length), ticket);
}

/** SPEC tlog-mirror: "The interval determines a fixed canonical sequence of entry packages, aligned at multiples of 256." */
export function* packageRanges(start: number, end: number): Generator<PackageRange> {
  const roundedStart = start - (start % MIRROR_PACKAGE_ENTRIES);
  if (start === end) return;
  for (let bundleStart = roundedStart; bundleStart < end; bundleStart += MIRROR_PACKAGE_ENTRIES) {
    yield {
      bundleStart,
      start: Math.max(start, bundleStart),
      end: Math.min(end, bundleStart + MIRROR_PACKAGE_ENTRIES),
    };
  }
}

/**
 * Reads the package of a range: at most 256 entries of 65,535 bytes and 63 hashes are held in memory.
 * @returns undefined when the body ends inside it
 * @throws LedgerError package-malformed for more than 63 hashes
 */
export async function readPackage(
  reader: ByteReader,
  range: PackageRange,
  onHeld: OnHeld = () => undefined,
): Promise<EntryPackage | undefined> {
  const entries: Uint8Array[] = [];
  for (let index = range.start; index < range.end; index++) {
    const prefix = await reader.take(2);
    if (prefix === undefined) return undefined;
    const length = readUint16(prefix, 0);
    onHeld(ARRAY_BYTES + length);
    const entry = await reader.take(length);
    if (entry === undefined) return undefined;
    entries.push(entry);
  }
  const count = (await reader.take(1))?.[0];
  if (count === undefined) return undefined;
  // SPEC tlog-mirror: "`num_hashes`, which MUST be at most 63".
  if (count > PROOF_HASHES_MAX) throw new LedgerError('package-malformed', `a proof of ${count} hashes`);
  const hashes = await reader.take(count * HASH_BYTES);
  if (hashes === undefined) return undefined;
  const proof = Array.from({ length: count }, (_, i) => hashes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
  return { entries, proof };
}

/** The bytes of a package. Entries are encoded as in a bundle: "each with a big-endian uint16 length prefix". */
export function formatPackage({ entries, proof }: EntryPackage): Uint8Array {
  return concat(formatBundle(entries), Uint8Array.of(proof.length), ...proof);
}

/** SPEC tlog-mirror: "three lines, each followed by a newline": a pending size, the next entry, a ticket in base64. */
export function formatMirrorInfo(info: MirrorInfo): string {
  return `${info.size}\n${info.nextEntry}\n${base64Encode(info.ticket)}\n`;
}

/** @throws LedgerError mirror-info-malformed for anything formatMirrorInfo would not write */
export function parseMirrorInfo(body: Uint8Array): MirrorInfo {
  const fields = lines(utf8Decode(body) ?? '') ?? [];
  const [sizeText = '', nextText = '', ticketText = ''] = fields;
  const size = decimal(sizeText);
  const nextEntry = decimal(nextText);
  const ticket = base64Decode(ticketText);
  if (size === undefined || nextEntry === undefined || ticket === undefined || fields.length !== 3) {
    throw new LedgerError('mirror-info-malformed', 'not a mirror-info');
  }
  return { size, nextEntry, ticket };
}

async function readCounted(reader: ByteReader, onHeld: OnHeld): Promise<Uint8Array> {
  const length = readUint16(await required(reader, 2), 0);
  onHeld(ARRAY_BYTES + length);
  return required(reader, length);
}

async function required(reader: ByteReader, length: number): Promise<Uint8Array> {
  const bytes = await reader.take(length);
  if (bytes === undefined) throw new LedgerError('upload-malformed', 'the body ends inside the header');
  return bytes;
}
