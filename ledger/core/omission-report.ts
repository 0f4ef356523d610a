// Omission reports, `probata-omission/v2`: a receipt whose entry is not on the ledger after its deadline, with all that is needed to see it.
// Canonical JSON (RFC 8785). Checked with the epochs of a trust bundle. FORMATS.md, "Omission report".
//
// Entries stand in order of receipt: `received` never decreases with the index. So an entry can only stand between one received before it
// and one received after it; a run of neighbours that holds both and not the entry shows that it is absent, or that the order is broken, and
// the platform has promised both. Of the run the leaf hashes are enough, however many and long its entries: the receipt says which hash is
// missing. Whole are only the entries whose times are needed. Two of them that decrease prove the broken order.
//
// The checkpoint must be cosigned under the policy by cosignatures later than the deadline, by more than honest clocks may be apart. An honest
// court puts a later time only to the newest checkpoint it knows. So what is proven is that no quorum knew of the entry by the deadline, which is what the platform promised; not
// that it lied: a platform whose cosigners were away until the deadline had passed breaks its promise too.

import { base64Encode, equal } from './bytes.ts';
import type { Checkpoint } from './checkpoint.ts';
import { parseEntry } from './entry.ts';
import { cosignedAfter, openJudged, openOwed, type PolicyEpoch } from './epoch.ts';
import { LedgerError } from './errors.ts';
import { type Hash, leafHash } from './hash.ts';
import { canonicalJson, type Json } from './json.ts';
import { HASH_BYTES, OMISSION_LEAVES_MAX } from './limits.ts';
import { parseNote, type VerifierKey } from './note.ts';
import { checkConsistency } from './proof.ts';
import { appendLeaf, type CompactRange, rangeRoot } from './range.ts';
import type { Receipt } from './receipt.ts';
import { bytesOf, hashesOf, indexOf, malformed, proofOf, readFields, readReport, textOf, unproven } from './report.ts';

/** The evidence. Notes are whole and verbatim. */
export interface Omission {
  readonly receipt: string;
  readonly checkpoint: string;
  /** Index of the run's first leaf. */
  readonly first: number;
  /** The leaves before the run, as {@link CompactRange} keeps them. */
  readonly left: readonly Hash[];
  /** Neighbours on the ledger; may be empty only when the ledger is. */
  readonly leaves: readonly Hash[];
  /** Consistency proof from the tree that ends with the run to the checkpoint. */
  readonly proof: readonly Hash[];
  /** Entries of the run whose times are needed, by ascending index. */
  readonly entries: readonly ShownEntry[];
}

/** An entry as it stands on the ledger. */
export interface ShownEntry {
  readonly index: number;
  readonly entry: Uint8Array;
}

/** Whom a checker of omission reports believes: the epochs of a trust bundle, oldest first. */
export interface OmissionTrust {
  readonly epochs: readonly PolicyEpoch[];
}

/** What a report has proven: the entry is not where it must be, or entries stand in the wrong order. */
export interface ProvenOmission {
  readonly what: 'omission' | 'order';
  readonly receipt: Receipt;
  readonly checkpoint: Checkpoint;
  /** Keys of the cosignatures that count: later than the deadline by any honest clock, and enough. */
  readonly cosigned: readonly VerifierKey[];
}

/** The first words of every omission report, as its `kind`. */
export const OMISSION_KIND = 'probata-omission/v2';

/** The text of a report; it proves nothing by being written. */
export function formatOmissionReport({ left, leaves, proof, entries, ...rest }: Omission): string {
  return canonicalJson({
    ...rest,
    kind: OMISSION_KIND,
    left: left.map(base64Encode),
    leaves: base64Encode(inARow(leaves)),
    proof: proof.map(base64Encode),
    entries: entries.map(({ index, entry }) => ({ index, entry: base64Encode(entry) })),
  });
}

/** Hashes one after the other, as in a tile: half a million are too many arguments for `concat`. */
function inARow(hashes: readonly Hash[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * HASH_BYTES);
  for (const [i, hash] of hashes.entries()) bytes.set(hash, i * HASH_BYTES);
  return bytes;
}

/**
 * Checks that a report proves a broken promise.
 * @throws LedgerError report-malformed | report-unproven, or the code of the part that fails: the receipt, the checkpoint, a proof
 */
export function checkOmissionReport(report: string, { epochs }: OmissionTrust): ProvenOmission {
  const omission = parseOmissionReport(report);
  const note = parseNote(omission.checkpoint);
  const checkpoint = openJudged(note, epochs);
  const receipt = openOwed(omission.receipt, checkpoint.origin, epochs);
  const cosigned = cosignedAfter(note, epochs, Date.parse(receipt.deadline));
  if (cosigned === undefined) throw unproven('the checkpoint is not cosigned under the policy after the deadline');
  checkRun(omission, checkpoint);
  return { what: verdictOf(omission, checkpoint.size, receipt), receipt, checkpoint, cosigned };
}

/** What an entry says of its time, as far as this program can read it. */
export interface EntryTime {
  /** Undefined for an entry that does not say so, which may stand anywhere. */
  readonly received: string | undefined;
  /** It is of a kind or version that a later program may know. Malformed entries are nobody's, and on no honest ledger. */
  readonly isNewer: boolean;
}

/** When an entry was received. */
export function timeOf(entry: Uint8Array): EntryTime {
  try {
    return { received: parseEntry(entry).received, isNewer: false };
  } catch (error) {
    if (error instanceof LedgerError) return { received: undefined, isNewer: error.code === 'entry-newer-format' };
    throw error;
  }
}

/** The leaves are those of the checkpoint's tree from `first` on, and the entries shown are theirs. */
function checkRun({ first, left, leaves, proof, entries }: Omission, { size, root }: Checkpoint): void {
  if (left.length !== fullSubtrees(first)) throw malformed('not the subtrees before the run');
  if (first + leaves.length > size) throw malformed('a run beyond the end of the ledger');
  // A tree with other leaves here, and the same root after them, would be a collision.
  const range = leaves.reduce<CompactRange>(appendLeaf, { size: first, hashes: left });
  checkConsistency(proof, range.size, size, rangeRoot(range), root);
  for (const { index, entry } of entries) {
    const leaf = leaves[index - first];
    if (leaf === undefined || !equal(leafHash(entry), leaf))
      throw new LedgerError('proof-bad', 'not the entry of its leaf');
  }
}

/** How many full subtrees make up a tree: the set bits of its size. */
function fullSubtrees(size: number): number {
  return size === 0 ? 0 : (size % 2) + fullSubtrees(Math.floor(size / 2));
}

/** What the run says about the receipt's entry. Times of this form sort as texts. */
function verdictOf(
  { first, leaves, entries }: Omission,
  size: number,
  { entry, entryBytes }: Receipt,
): ProvenOmission['what'] {
  const times = entries.flatMap((shown) => timeOf(shown.entry).received ?? []);
  if (times.some((time, i) => time < (times[i - 1] ?? ''))) return 'order';
  const promised = leafHash(entryBytes);
  if (leaves.some((leaf) => equal(leaf, promised))) throw unproven('the entry is on the ledger');
  const fromBefore = first === 0 || times.some((time) => time < entry.received);
  const toAfter = first + leaves.length === size || times.some((time) => time > entry.received);
  if (!fromBefore || !toAfter) throw unproven('the run does not cover every place where the entry may stand');
  return 'omission';
}

/**
 * Reads a report; nothing is verified.
 * @throws LedgerError report-malformed
 */
export function parseOmissionReport(report: string): Omission {
  const names = ['receipt', 'checkpoint', 'first', 'left', 'leaves', 'proof', 'entries'];
  const { receipt, checkpoint, first, left, leaves, proof, entries } = readReport(report, OMISSION_KIND, names);
  if (!Array.isArray(entries)) throw malformed('not a list of entries');
  const shown = entries.map(readShown);
  if (shown.some(({ index }, i) => index <= (shown[i - 1]?.index ?? -1))) throw malformed('entries out of order');
  return {
    receipt: textOf(receipt),
    checkpoint: textOf(checkpoint),
    first: indexOf(first),
    left: proofOf(left),
    leaves: hashesOf(leaves, OMISSION_LEAVES_MAX),
    proof: proofOf(proof),
    entries: shown,
  };
}

function readShown(value: Json): ShownEntry {
  const { index, entry } = readFields(value, ['index', 'entry']);
  return { index: indexOf(index), entry: bytesOf(entry) };
}
