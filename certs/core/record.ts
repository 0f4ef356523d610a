// The record: everything a deposit states, as salted parts that can be shown one by one.
// DESIGN.md, "Formats of our own"; text form is RFC 8785 (JCS) JSON, the commitment is an RFC 6962 root over
// SHA-256(0x00 ‖ JCS(part)). Part 0 is the header and is always shown; part i describes file i.
// Canonical by construction: what `parseRecord` accepts is byte for byte what `formatRecord` writes.
// Not here: building paths (certs/issue/bundle-tree.ts), drawing pages (certs/render).

import { base64Decode, equal, hexDecode, isWellFormed, utf8Encode } from '../../ledger/core/bytes.ts';
import { isUtcMilliseconds, isUuidV7 } from '../../ledger/core/entry.ts';
import { LedgerError } from '../../ledger/core/errors.ts';
import { type Hash, leafHash, nodeHash, treeRoot } from '../../ledger/core/hash.ts';
import { canonicalJson, type Json, parseCanonicalJson } from '../../ledger/core/json.ts';
import { HASH_BYTES } from '../../ledger/core/limits.ts';
import { isKeyName } from '../../ledger/core/note.ts';
import { checkInclusion } from '../../ledger/core/proof.ts';
import { CertError } from './errors.ts';

/** Most files in one deposit; parts are one more. */
export const RECORD_FILES_MAX = 10_000;
/** Longest file name, in characters (code points): 255 is what every common file system allows, at most 1,020 UTF-8 bytes. */
export const FILE_NAME_CHARACTERS_MAX = 255;
/** Longest of the six declared facts and of the platform's statement, in characters. */
export const STATEMENT_CHARACTERS_MAX = 2_000;
/** Longest name of a person, body or program, in characters. */
export const NAME_CHARACTERS_MAX = 200;
/** Longest media type, in characters (RFC 6838 allows 127 on each side of the slash). */
export const MEDIA_TYPE_CHARACTERS_MAX = 255;
/** Most courts and arbitration bodies named in one record: as many groups as a policy may have. */
export const RECORD_MEMBERS_MAX = 256;
/** Longest path of a part: the height of a tree of RECORD_FILES_MAX + 1 leaves. */
export const RECORD_PATH_HASHES_MAX = 14;
/** Longest record in bytes. 10,000 names of 255 escaped characters stay below it. */
export const RECORD_BYTES_MAX = 32 * 1024 * 1024;

/** Online Litigation Rules Art. 18: what the submitter declares about the time before deposit. '' = not declared. */
export interface Declared {
  source: string;
  generation: string;
  storage: string;
  notarisation: string;
  witness: string;
  corroboration: string;
}

/** A court or arbitration body whose cosignature counts, with the names people know it by. */
export interface RecordMember {
  /** Group of the policy, 'court-1'. */
  member: string;
  kind: 'court' | 'arbitration';
  /** Name in its signature lines. */
  keyName: string;
  name: string;
  nameEn: string;
}

/** Part 0. */
export interface RecordHeader {
  v: 1;
  /** 64 lower-case hex. */
  salt: string;
  /** UUIDv7. */
  id: string;
  /** YYYY-MM-DDTHH:MM:SS.mmmZ, by the platform's clock. */
  received: string;
  files: number;
  submitter: { name: string; identified: string; relation: string };
  capture: { how: 'upload' | 'digest'; transport: string; build: string };
  declared: Declared;
  platform: { name: string; nameEn: string; statement: string; statementEn: string };
  members: RecordMember[];
  origin: string;
  policySha256: string;
  renderer: string;
}

/** Part i, i >= 1. */
export interface FilePart {
  v: 1;
  salt: string;
  /** 1-based; equals the part number. */
  index: number;
  name: string;
  /** Bytes. */
  size: number;
  mediaType: string;
  sha256: string;
  sm3?: string;
}

/** One part as shown; `path` holds base64 hashes, leaf's sibling first. */
export interface ShownPart {
  part: number;
  content: RecordHeader | FilePart;
  path?: string[];
}

/** What travels: the whole record (no paths), or some of its parts, each with its path. */
export interface ShownRecord {
  v: 1;
  /** Total number of parts of the record, part 0 included. */
  parts: number;
  shown: ShownPart[];
}

/**
 * Writes a record in its one canonical form.
 * @returns JCS bytes
 * @throws CertError record-malformed, record-newer-format, by the rules of {@link parseRecord}
 */
export function formatRecord(record: ShownRecord): Uint8Array {
  const bytes = utf8Encode(canonical(checkRecord(record)));
  if (bytes.length > RECORD_BYTES_MAX) refuse(`longer than ${RECORD_BYTES_MAX} bytes`);
  return bytes;
}

/**
 * Reads a record. Every field is checked for type, form and length; unknown fields are refused.
 * @param bytes JCS JSON
 * @throws CertError record-malformed; record-newer-format when it says a version this program does not know
 */
export function parseRecord(bytes: Uint8Array): ShownRecord {
  if (bytes.length > RECORD_BYTES_MAX) refuse(`longer than ${RECORD_BYTES_MAX} bytes`);
  let value: Json;
  try {
    value = parseCanonicalJson(bytes);
  } catch (cause) {
    if (!(cause instanceof LedgerError)) throw cause;
    throw new CertError('record-malformed', 'record: not canonical JSON (RFC 8785)', { cause });
  }
  return checkRecord(value);
}

/** The leaf hash of one part: SHA-256(0x00 ‖ JCS(part)). */
export function partLeaf(content: RecordHeader | FilePart): Hash {
  return leafHash(utf8Encode(canonical(content)));
}

/**
 * The commitment a record belongs to: what its ledger entry must hold. Every shown part is checked to be under it.
 * @param record from {@link parseRecord}
 * @returns 32 bytes
 * @throws CertError commitment-mismatch when the shown parts do not belong to one record
 */
export function commitmentOf(record: ShownRecord): Hash {
  const first = record.shown[0] as ShownPart;
  // Part 0 is the leftmost leaf, so every hash of its path stands to the right (RFC 6962 section 2.1.1).
  const root =
    first.path === undefined
      ? treeRoot(record.shown.map(({ content }) => partLeaf(content)))
      : hashes(first.path).reduce(nodeHash, partLeaf(first.content));
  checkCommitment(record, root);
  return root;
}

/**
 * Checks that what is shown belongs to the record the ledger committed to.
 * @param record from {@link parseRecord}
 * @param commitment 32 bytes, from the ledger entry
 * @throws CertError commitment-mismatch
 */
export function checkCommitment(record: ShownRecord, commitment: Hash): void {
  if (record.shown.length === record.parts) {
    if (equal(treeRoot(record.shown.map(({ content }) => partLeaf(content))), commitment)) return;
    throw new CertError('commitment-mismatch', 'record: its parts have another root than the commitment');
  }
  for (const { part, content, path } of record.shown) {
    try {
      checkInclusion(hashes(path ?? []), part, record.parts, partLeaf(content), commitment);
    } catch (cause) {
      if (!(cause instanceof LedgerError)) throw cause;
      throw new CertError('commitment-mismatch', `record: part ${part} is not under the commitment`, { cause });
    }
  }
}

/** Part 0 of a checked record. */
export function header(record: ShownRecord): RecordHeader {
  const content = record.shown[0]?.content;
  if (content === undefined || !isHeader(content)) throw new Error('invariant: a checked record shows its header');
  return content;
}

/** The files a checked record shows, in order. Fewer than `header().files` when only some are shown. */
export function files(record: ShownRecord): FilePart[] {
  return record.shown.slice(1).map(({ content }) => {
    if (isHeader(content)) throw new Error('invariant: a checked record has one header');
    return content;
  });
}

function isHeader(content: RecordHeader | FilePart): content is RecordHeader {
  return 'id' in content;
}

function hashes(path: readonly string[]): Hash[] {
  return path.map((text) => base64Decode(text) ?? new Uint8Array(0));
}

/** JCS of a checked value: the interfaces hold only JSON values, which their types cannot express. */
function canonical(value: ShownRecord | RecordHeader | FilePart): string {
  return canonicalJson(value as unknown as Json);
}

// ---- validation ----------------------------------------------------------------------------------------------------

type Fields = Record<string, unknown>;

function refuse(why: string): never {
  throw new CertError('record-malformed', `record: ${why}`);
}

function checkRecord(value: unknown): ShownRecord {
  const fields = versioned(value, 'record', ['v', 'parts', 'shown']);
  const parts = integer(fields, 'parts', 2, RECORD_FILES_MAX + 1);
  const shown = list(fields, 'shown', 1, parts);
  const partial = shown.length < parts;
  let previous = -1;
  for (const item of shown) {
    const entry = object(item, 'shown', partial ? ['part', 'content', 'path'] : ['part', 'content']);
    const part = integer(entry, 'part', 0, parts - 1);
    if (part <= previous) refuse('parts are not in strictly ascending order');
    if (previous === -1 && part !== 0) refuse('the header is not shown');
    previous = part;
    if (part === 0) checkHeader(entry['content'], parts);
    else checkFile(entry['content'], part);
    if (partial) checkPath(list(entry, 'path', 1, RECORD_PATH_HASHES_MAX));
  }
  return value as ShownRecord;
}

function checkPath(path: unknown[]): void {
  for (const hash of path) {
    const isHash = typeof hash === 'string' && base64Decode(hash)?.length === HASH_BYTES;
    if (!isHash) refuse('a path holds something else than hashes');
  }
}

const HEADER_KEYS =
  'v salt id received files submitter capture declared platform members origin policySha256 renderer'.split(' ');
const DECLARED_KEYS = ['source', 'generation', 'storage', 'notarisation', 'witness', 'corroboration'];

function checkHeader(value: unknown, parts: number): void {
  const fields = versioned(value, 'header', HEADER_KEYS);
  hex32(fields, 'salt');
  satisfying(fields, 'id', isUuidV7);
  satisfying(fields, 'received', isUtcMilliseconds);
  if (integer(fields, 'files', 1, RECORD_FILES_MAX) !== parts - 1) refuse('"files" and "parts" disagree');
  const submitter = object(fields['submitter'], 'submitter', ['name', 'identified', 'relation']);
  text(submitter, 'name', 1, NAME_CHARACTERS_MAX);
  text(submitter, 'identified', 0, NAME_CHARACTERS_MAX);
  text(submitter, 'relation', 0, NAME_CHARACTERS_MAX);
  const capture = object(fields['capture'], 'capture', ['how', 'transport', 'build']);
  matching(capture, 'how', /^(?:upload|digest)$/);
  text(capture, 'transport', 0, NAME_CHARACTERS_MAX);
  text(capture, 'build', 0, NAME_CHARACTERS_MAX);
  const declared = object(fields['declared'], 'declared', DECLARED_KEYS);
  for (const key of DECLARED_KEYS) text(declared, key, 0, STATEMENT_CHARACTERS_MAX);
  const platform = object(fields['platform'], 'platform', ['name', 'nameEn', 'statement', 'statementEn']);
  text(platform, 'name', 1, NAME_CHARACTERS_MAX);
  text(platform, 'nameEn', 0, NAME_CHARACTERS_MAX);
  text(platform, 'statement', 0, STATEMENT_CHARACTERS_MAX);
  text(platform, 'statementEn', 0, STATEMENT_CHARACTERS_MAX);
  checkMembers(list(fields, 'members', 0, RECORD_MEMBERS_MAX));
  keyName(fields, 'origin');
  hex32(fields, 'policySha256');
  hex32(fields, 'renderer');
}

function checkMembers(members: unknown[]): void {
  const seen = new Set<string>();
  for (const value of members) {
    const member = object(value, 'members', ['member', 'kind', 'keyName', 'name', 'nameEn']);
    // A policy name: no Unicode space (tlog-policy, "name").
    seen.add(matching(member, 'member', /^[!-~]{1,64}$/));
    matching(member, 'kind', /^(?:court|arbitration)$/);
    keyName(member, 'keyName');
    text(member, 'name', 1, NAME_CHARACTERS_MAX);
    text(member, 'nameEn', 0, NAME_CHARACTERS_MAX);
  }
  if (seen.size !== members.length) refuse('a member is named twice');
}

function checkFile(value: unknown, part: number): void {
  const keys = ['v', 'salt', 'index', 'name', 'size', 'mediaType', 'sha256'];
  const hasSm3 = typeof value === 'object' && value !== null && 'sm3' in value;
  const fields = versioned(value, 'file', hasSm3 ? [...keys, 'sm3'] : keys);
  hex32(fields, 'salt');
  if (integer(fields, 'index', 1, RECORD_FILES_MAX) !== part) refuse('a file\'s "index" is not its part number');
  text(fields, 'name', 1, FILE_NAME_CHARACTERS_MAX);
  integer(fields, 'size', 0, Number.MAX_SAFE_INTEGER);
  matching(fields, 'mediaType', new RegExp(`^[ -~]{1,${MEDIA_TYPE_CHARACTERS_MAX}}$`));
  hex32(fields, 'sha256');
  if (hasSm3) hex32(fields, 'sm3');
}

/** An object with a version and exactly these keys. The version is looked at first: a newer format may have others. */
function versioned(value: unknown, what: string, keys: readonly string[]): Fields {
  if (typeof value === 'object' && value !== null && 'v' in value) {
    const v = value.v;
    if (typeof v === 'number' && Number.isSafeInteger(v) && v > 1) {
      throw new CertError('record-newer-format', `record: ${what} has version ${v}, this program knows 1`);
    }
    if (v !== 1) refuse(`${what} has no known version`);
  }
  return object(value, what, keys);
}

function object(value: unknown, what: string, keys: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(`${what} is not an object`);
  const fields = value as Fields;
  for (const key of keys) if (!Object.hasOwn(fields, key)) refuse(`${what} lacks "${key}"`);
  if (Object.keys(fields).length !== keys.length) refuse(`${what} has unknown fields`);
  return fields;
}

function list(fields: Fields, key: string, min: number, max: number): unknown[] {
  const value = fields[key];
  if (!Array.isArray(value) || value.length < min || value.length > max)
    refuse(`"${key}" is not a list of ${min} to ${max}`);
  return value;
}

function integer(fields: Fields, key: string, min: number, max: number): number {
  const value = fields[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    refuse(`"${key}" is not an integer of ${min} to ${max}`);
  }
  return value;
}

function text(fields: Fields, key: string, min: number, max: number): void {
  const value = fields[key];
  if (typeof value !== 'string' || !isWellFormed(value)) refuse(`"${key}" is not Unicode text`);
  // A character has one or two UTF-16 units, so very long text is refused without being counted.
  const characters = value.length > 2 * max ? value.length : [...value].length;
  if (characters < min || characters > max) refuse(`"${key}" is not ${min} to ${max} characters long`);
}

function matching(fields: Fields, key: string, form: RegExp): string {
  const value = fields[key];
  if (typeof value !== 'string' || !form.test(value)) refuse(`"${key}" is not of the form ${form}`);
  return value;
}

function satisfying(fields: Fields, key: string, test: (text: string) => boolean): void {
  const value = fields[key];
  if (typeof value !== 'string' || !test(value)) refuse(`"${key}" has a wrong form`);
}

function hex32(fields: Fields, key: string): void {
  satisfying(fields, key, (text) => hexDecode(text, HASH_BYTES) !== undefined);
}

function keyName(fields: Fields, key: string): void {
  satisfying(fields, key, (text) => text.length <= NAME_CHARACTERS_MAX && isKeyName(text));
}
