// Our ledger entries: canonical JSON (RFC 8785) that fixes something without saying anything about a person.
// FORMATS.md, "Entry": a deposit is fixed by the commitment to its record, a change of policy by the digest of the statement that follows.
// Neither the record nor the statement is ever on the ledger.

import { equal, hexDecode, utf8Encode } from './bytes.ts';
import { LedgerError } from './errors.ts';
import { canonicalJson, type Json, parseCanonicalJson } from './json.ts';
import { ENTRY_BYTES_MAX, HASH_BYTES } from './limits.ts';

/**
 * The entry of a deposit. `id` is a UUIDv7, `received` the platform's time as YYYY-MM-DDTHH:MM:SS.mmmZ,
 * `commitment` 64 lower-case hex digits: the RFC 6962 root over the parts of the record.
 */
export interface DepositEntry {
  readonly kind: 'deposit';
  readonly v: 1;
  readonly id: string;
  readonly received: string;
  readonly commitment: string;
}

/**
 * The entry that ends a policy: `statement` is the digest, 64 lower-case hex digits, of what holds for every larger tree.
 * `received` as for a deposit: when the platform put it on the ledger.
 */
export interface PolicyEntry {
  readonly kind: 'policy';
  readonly v: 1;
  readonly received: string;
  readonly statement: string;
}

export type Entry = DepositEntry | PolicyEntry;

const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** True for a UUID of version 7 (RFC 9562 section 5.7) in lower case. */
export function isUuidV7(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(text);
}

/** True for YYYY-MM-DDTHH:MM:SS.mmmZ on a day that the calendar has. No leap seconds: POSIX time has none. */
export function isUtcMilliseconds(text: string): boolean {
  const match = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.[0-9]{3}Z$/.exec(text);
  if (match === null) return false;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && leap ? 29 : (DAYS_IN_MONTH[month - 1] ?? 0);
  return day >= 1 && day <= days && hour <= 23 && minute <= 59 && second <= 59;
}

/**
 * The bytes of an entry.
 * @throws LedgerError entry-malformed when a field has the wrong form: nothing unreadable may reach the ledger
 */
export function formatEntry(entry: Entry): Uint8Array {
  return utf8Encode(canonicalJson({ ...checkFields({ ...entry }) }));
}

/**
 * Reads the bytes of an entry of any kind.
 * @throws LedgerError entry-newer-format (canonical JSON with a kind or version we do not know: an explicit verdict, never valid)
 *   | entry-malformed (anything else)
 */
export function parseEntry(bytes: Uint8Array): Entry {
  return checkFields(parseObject(bytes));
}

const POLICY_START = utf8Encode('{"kind":"policy",');

/**
 * True for every change of policy that {@link parseEntry} reads, by how its canonical form begins. Not everything that begins so is one: it
 * is for those who keep entries without reading them.
 */
export function beginsAsPolicy(bytes: Uint8Array): boolean {
  return equal(bytes.subarray(0, POLICY_START.length), POLICY_START);
}

/**
 * Reads the entry of a deposit.
 * @throws LedgerError as {@link parseEntry}; entry-malformed for an entry of another kind
 */
export function parseDepositEntry(bytes: Uint8Array): DepositEntry {
  const entry = parseEntry(bytes);
  return entry.kind === 'deposit' ? entry : refuse(`of the kind ${entry.kind}, where a deposit is expected`);
}

function checkFields({ kind, v, received, ...fields }: { [key: string]: Json }): Entry {
  if (typeof kind !== 'string' || typeof v !== 'number') refuse('no kind or no version');
  if ((kind !== 'deposit' && kind !== 'policy') || v !== 1) {
    throw new LedgerError('entry-newer-format', 'entry of a kind or version that this program does not know');
  }
  if (typeof received !== 'string' || !isUtcMilliseconds(received)) refuse('received is not a UTC time');
  if (kind === 'deposit') {
    const { id, commitment, ...rest } = fields;
    refuseMore(rest);
    if (typeof id !== 'string' || !isUuidV7(id)) refuse('id is not a UUIDv7');
    return { kind, v, id, received, commitment: digest('commitment', commitment) };
  }
  const { statement, ...rest } = fields;
  refuseMore(rest);
  return { kind, v, received, statement: digest('statement', statement) };
}

function refuseMore(rest: { [key: string]: Json }): void {
  if (Object.keys(rest).length > 0) refuse('a field that version 1 of its kind does not have');
}

function digest(name: string, value: Json | undefined): string {
  if (typeof value === 'string' && hexDecode(value, HASH_BYTES) !== undefined) return value;
  return refuse(`${name} is not 64 lower-case hex digits`);
}

function parseObject(bytes: Uint8Array): { [key: string]: Json } {
  if (bytes.length > ENTRY_BYTES_MAX) refuse(`${bytes.length} bytes`);
  try {
    const value = parseCanonicalJson(bytes);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    refuse(error.message, error);
  }
  return refuse('not a JSON object');
}

function refuse(why: string, cause?: unknown): never {
  throw new LedgerError('entry-malformed', `entry: ${why}`, { cause });
}
