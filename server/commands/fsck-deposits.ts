/**
 * What a platform at rest keeps of its deposits: each entry of the ledger has its deposit, and each deposit its entry or its place among those that
 * wait for one; its record, its digests, its evidence; and no row is there of a deposit that nobody knows.
 *
 * What a crash may leave follows from the batches in which rows are written (intake/deposit-store.ts): `deposit`, `record`, `digest`, `key`, `pending`
 * and `uncertified` come together; `pending` goes with the batch that brings `index`, and `uncertified` with the one that brings `certificate`. So at
 * every moment one of the two is there. Certificates that were only asked for can be made again: nobody misses their rows.
 */
import { commitmentOf, files, parseRecord } from '../../certs/core/record.ts';
import { parseBundle } from '../../ledger/core/bundle.ts';
import { decimal, equal, hexEncode, utf8Decode } from '../../ledger/core/bytes.ts';
import { parseEntry } from '../../ledger/core/entry.ts';
import { LedgerError } from '../../ledger/core/errors.ts';
import { TILE_WIDTH } from '../../ledger/core/limits.ts';
import { formatTilePath } from '../../ledger/core/tile.ts';
import { type BlobStore, type IndexStore, StoreError } from '../../ledger/log/ports.ts';
import type { FsckProblem } from '../../ledger/tools/fsck.ts';
import { type Deposit, DepositStore, entryOf } from '../intake/deposit-store.ts';
import { evidenceFlaws } from './fsck-evidence.ts';

/** A problem whose path the caller knows. */
export type Flaw = Omit<FsckProblem, 'path'>;

/**
 * Compares deposits with entries as they come.
 * @param notedBelow entries from this index on may have no place noted yet
 */
export function entryCheck(
  deposits: IndexStore,
  notedBelow: number,
): (first: number, entries: readonly Uint8Array[]) => Promise<FsckProblem[]> {
  return async (first, entries) => {
    const flaws = await Promise.all(entries.map((entry, i) => entryFlaw(deposits, first + i, entry, notedBelow)));
    return flaws.flatMap((detail, i): FsckProblem[] =>
      detail === undefined ? [] : [{ path: `entry ${first + i}`, code: 'wrong', detail }],
    );
  };
}

/** Why an entry and what the platform holds of its deposit do not belong together. */
async function entryFlaw(
  deposits: IndexStore,
  index: number,
  entry: Uint8Array,
  notedBelow: number,
): Promise<string | undefined> {
  try {
    const parsed = parseEntry(entry);
    if (parsed.kind !== 'deposit') return undefined;
    const [noted, deposit, lost] = await Promise.all(
      ['index', 'deposit', 'lost'].map((kind) => deposits.get(`${kind}/${parsed.id}`)),
    );
    if (noted === undefined ? index < notedBelow : Number(utf8Decode(noted)) !== index)
      return `deposit ${parsed.id} is not noted at this index`;
    // What came back from a mirror without its deposit was said once, when it was refilled.
    if (deposit === undefined) return lost === undefined ? `deposit ${parsed.id} is missing` : undefined;
    return equal(entryOf(parse(deposit)), entry) ? undefined : `deposit ${parsed.id} says something else`;
  } catch (error) {
    // An entry that is none of ours is entry-order.ts's to report.
    return error instanceof LedgerError ? undefined : `its deposit cannot be read: ${String(error)}`;
  }
}

/** The rows of intake/deposit-store.ts: a kind, whose they are, and of some certificates the number of a file. */
const ROW =
  /^(deposit|record|pending|index|uncertified|certificate|lost|key|upload|digest\/[0-9a-f]{64})\/([^/]+)(\/[1-9]\d*)?$/;

/** The ledger as it is read beside the rows. */
export interface RowLedger {
  readonly size: number;
  /** Bytes under a path of tlog-tiles. */
  readonly fetch: (path: string) => Promise<Uint8Array | undefined>;
}

/**
 * Looks at one row after the other.
 * @param blobs where evidence and certificates are; not given, those are not read
 * @returns what is wrong with a row of this name and value
 */
export function depositRowCheck(
  deposits: IndexStore,
  ledger: RowLedger,
  blobs?: BlobStore,
): (name: string, value: Uint8Array) => Promise<Flaw[]> {
  const entryAt = entriesOf(ledger);
  return async (name, value) => {
    const [, kind, id, file] = ROW.exec(name) ?? [];
    if (kind === undefined || id === undefined || (file !== undefined && kind !== 'certificate'))
      return [{ code: 'extra', detail: 'no row of a deposit has that name' }];
    const needs = ownersOf(kind, id, value);
    const found = await Promise.all(needs.map((owner) => has(deposits, owner)));
    if (needs.length > 0 && !found.includes(true))
      return [{ code: 'extra', detail: `there is no ${needs.join(' or ')}` }];
    if (kind === 'index') return placeFlaws(id, utf8Decode(value) ?? '', ledger.size, entryAt);
    if (kind !== 'deposit') return [];
    const details = await depositFlaws(deposits, id, value, blobs).catch((error) => [`it cannot be read: ${error}`]);
    return details.map((detail) => ({ code: 'wrong', detail }));
  };
}

/** What is wrong with the place of a deposit: it is that of its own entry, so no two are noted at one. */
async function placeFlaws(
  id: string,
  place: string,
  size: number,
  entryAt: (index: number) => Promise<Uint8Array | undefined>,
): Promise<Flaw[]> {
  const index = decimal(place);
  if (index === undefined || index >= size) return [{ code: 'extra', detail: `the ledger has no entry ${place}` }];
  const entry = await entryAt(index);
  // What cannot be read is reported where it is.
  if (entry === undefined || isOf(id, entry)) return [];
  return [{ code: 'wrong', detail: `entry ${index} is not that of this deposit` }];
}

function isOf(id: string, entry: Uint8Array): boolean {
  try {
    const parsed = parseEntry(entry);
    return parsed.kind === 'deposit' && parsed.id === id;
  } catch (error) {
    if (error instanceof LedgerError) return false;
    throw error;
  }
}

/** Entries by index; undefined when their bundle cannot be read. Keeps one bundle: ids are in the order of entries, and so are the rows. */
function entriesOf({ size, fetch }: RowLedger): (index: number) => Promise<Uint8Array | undefined> {
  let kept: { readonly bundle: number; readonly entries: readonly Uint8Array[] } | undefined;
  return async (index) => {
    const bundle = Math.floor(index / TILE_WIDTH);
    if (kept?.bundle !== bundle) {
      const width = Math.min(TILE_WIDTH, size - bundle * TILE_WIDTH);
      const bytes = await fetch(formatTilePath({ level: 'entries', index: bundle, width }));
      kept = { bundle, entries: entriesIn(bytes, width) };
    }
    return kept.entries[index % TILE_WIDTH];
  };
}

function entriesIn(bundle: Uint8Array | undefined, width: number): Uint8Array[] {
  try {
    return bundle === undefined ? [] : parseBundle(bundle, width);
  } catch (error) {
    if (error instanceof LedgerError) return [];
    throw error;
  }
}

/** Rows of which one must be there for this one to belong to anybody; none: it stands by itself. */
function ownersOf(kind: string, id: string, value: Uint8Array): string[] {
  switch (kind) {
    case 'deposit':
    case 'upload':
      return [];
    case 'index':
      return [`deposit/${id}`, `lost/${id}`];
    case 'lost':
      return [`index/${id}`];
    case 'key':
      return [`deposit/${utf8Decode(value)?.replaceAll('"', '')}`];
    default:
      return [`deposit/${id}`];
  }
}

/** What is missing or wrong beside a deposit. */
async function depositFlaws(
  deposits: IndexStore,
  id: string,
  value: Uint8Array,
  blobs: BlobStore | undefined,
): Promise<string[]> {
  const deposit = parse(value);
  const { mode, blob, commitment } = deposit;
  const isThere = (name: string): Promise<boolean> => has(deposits, name);
  const kinds = ['pending', 'index', 'uncertified', 'certificate'];
  const [pending, index, uncertified, certificate] = await Promise.all(kinds.map((kind) => isThere(`${kind}/${id}`)));
  const flaws: string[] = [];
  if (pending === index)
    flaws.push(pending ? 'it is both pending and on the ledger' : 'it is neither pending nor on the ledger');
  if (mode === 'single' && !uncertified && !certificate) flaws.push('it has no certificate, and none is owed');
  if (blob !== undefined && (await isThere(`upload/${blob}`)))
    flaws.push('its evidence is noted as nobody’s: the next start would delete it');
  const record = await deposits.get(`record/${id}`);
  if (record === undefined) return [...flaws, 'it has no record'];
  const parsed = parseRecord(record);
  if (hexEncode(commitmentOf(parsed)) !== commitment) flaws.push('its record has another commitment');
  for (const { sha256 } of files(parsed))
    if (!(await isThere(`digest/${sha256}/${id}`))) flaws.push(`it cannot be looked up by the digest ${sha256}`);
  if (blobs !== undefined) flaws.push(...(await evidenceFlaws(deposit, record, new DepositStore(deposits), blobs)));
  return flaws;
}

/** Whether there is a row; one that has rotted is there, and is reported for itself. */
async function has(deposits: IndexStore, name: string): Promise<boolean> {
  try {
    return (await deposits.get(name)) !== undefined;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'corrupt') return true;
    throw error;
  }
}

function parse(deposit: Uint8Array): Deposit {
  return JSON.parse(utf8Decode(deposit) ?? '');
}
