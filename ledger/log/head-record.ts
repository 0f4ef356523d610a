// The head record: what one number of the head store holds. Text, UTF-8:
//
//   probata-head/v1
//   number <decimal>
//   sealed <decimal, milliseconds since the epoch>
//   previous <64 lower-case hex digits: SHA-256 of the record with the number below> | none
//   staging <name of the staging bundle in the tile store> | none
//   <empty line>
//   <signed checkpoint note, verbatim>
//
// A record without a staging bundle and with the note of the record below it is a fence: see recovery.ts.

import { decimal, hexDecode, hexEncode, utf8Decode, utf8Encode } from '../core/bytes.ts';
import { type Hash, sha256 } from '../core/hash.ts';
import { HASH_BYTES } from '../core/limits.ts';
import { LogError } from './errors.ts';

export interface HeadRecord {
  readonly number: number;
  readonly sealedMs: number;
  readonly previous: Hash | undefined;
  readonly staging: string | undefined;
  readonly note: string;
}

const FORM =
  /^probata-head\/v1\nnumber ([0-9]+)\nsealed ([0-9]+)\nprevious (none|[0-9a-f]{64})\nstaging ([a-z0-9/]+)\n\n([\s\S]*)$/;

/** The bytes of a record. */
export function formatHeadRecord(record: HeadRecord): Uint8Array {
  const { number, sealedMs, previous, staging, note } = record;
  return utf8Encode(
    `probata-head/v1\nnumber ${number}\nsealed ${sealedMs}\n` +
      `previous ${previous === undefined ? 'none' : hexEncode(previous)}\nstaging ${staging ?? 'none'}\n\n${note}`,
  );
}

/**
 * Reads a record.
 * @throws LogError state-inconsistent for anything formatHeadRecord would not write
 */
export function parseHeadRecord(bytes: Uint8Array): HeadRecord {
  const text = utf8Decode(bytes) ?? '';
  const [, numberText = '', sealedText = '', previousText = '', stagingText = '', note = ''] = FORM.exec(text) ?? [];
  const number = decimal(numberText);
  const sealedMs = decimal(sealedText);
  if (number !== undefined && sealedMs !== undefined) {
    const previous = hexDecode(previousText, HASH_BYTES);
    const staging = stagingText === 'none' ? undefined : stagingText;
    const record: HeadRecord = { number, sealedMs, previous, staging, note };
    if (utf8Decode(formatHeadRecord(record)) === text) return record;
  }
  throw new LogError('state-inconsistent', 'a head record is malformed');
}

/** What the next record says about this one: its SHA-256. */
export function recordHash(bytes: Uint8Array): Hash {
  return sha256(bytes);
}
