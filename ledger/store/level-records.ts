// LevelDB's record files (write-ahead logs and MANIFEST), read with the CRCs in them: blocks of 32 KiB, in each fragments of
//
//   masked CRC-32C of type and payload (4) | payload bytes (2) | type (1) | payload        all little-endian
//
// and at its end less than seven bytes of nothing. LevelDB reads them too, but drops what is damaged, and says so in no way that we see.

import { concat } from '../core/bytes.ts';
import { crc32c, masked } from './crc32c.ts';

const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;

/** Fragment types: a whole record, its first part, (3: a part in the middle,) its last part. */
const FULL = 1;
const FIRST = 2;
const LAST = 4;

export interface RecordFile {
  /** The records before the first damage. */
  readonly records: readonly Uint8Array[];
  /** Where the first damage is, bytes from the start; undefined when the file is whole. A crash leaves one in what it cut short, at the end. */
  readonly damagedAt: number | undefined;
}

/** Reads all records up to the first that is damaged. */
export function readRecords(bytes: Uint8Array): RecordFile {
  const records: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  let start = 0;
  for (let at = 0; at < bytes.length; ) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES);
    if (left < HEADER_BYTES) {
      at += left;
      continue;
    }
    const fragment = fragmentAt(bytes, at);
    const begins = fragment?.type === FULL || fragment?.type === FIRST;
    if (fragment === undefined || begins !== (parts.length === 0)) return { records, damagedAt: start };
    parts.push(fragment.payload);
    at += HEADER_BYTES + fragment.payload.length;
    if (fragment.type === FULL || fragment.type === LAST) {
      records.push(concat(...parts));
      parts = [];
      start = at;
    }
  }
  return { records, damagedAt: parts.length === 0 ? undefined : start };
}

/** Whether a record begins anywhere behind this place: then what is damaged there was not cut short by a crash. Slow: looks everywhere. */
export function hasRecordAfter(bytes: Uint8Array, damagedAt: number): boolean {
  for (let at = damagedAt + 1; at + HEADER_BYTES <= bytes.length; at++) {
    const type = bytes[at + 6];
    if ((type === FULL || type === FIRST) && fragmentAt(bytes, at) !== undefined) return true;
  }
  return false;
}

/** The fragment that begins here, when it lies in its block and has its CRC. */
function fragmentAt(bytes: Uint8Array, at: number): { type: number; payload: Uint8Array } | undefined {
  if (at + HEADER_BYTES > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = view.getUint16(at + 4, true);
  const type = bytes[at + 6] as number;
  const end = at + HEADER_BYTES + length;
  const blockEnd = at - (at % BLOCK_BYTES) + BLOCK_BYTES;
  if (type < FULL || type > LAST || end > bytes.length || end > blockEnd) return undefined;
  if (masked(crc32c(bytes, at + 6, end)) !== view.getUint32(at, true)) return undefined;
  return { type, payload: bytes.subarray(at + HEADER_BYTES, end) };
}
