// Omission reports, `probata-omission/v1`: a receipt whose entry is not on the ledger after its deadline, with all that is needed to see it.
// Canonical JSON (RFC 8785). Checked with a trust bundle's policy and receipt keys. FORMATS.md, "Omission report".
//
// Entries stand in order of receipt: `received` never decreases with the index. So an entry can only stand between the last one received
// before it and the first one received after it; a run of neighbours from one to the other, none of which is the entry, shows that it is
// absent, or that the order is broken, and the platform has promised both. A run that itself decreases proves the broken order.
//
// The checkpoint must be cosigned under the policy by cosignatures later than the deadline. An honest court puts a later time only to the
// newest checkpoint it knows; so an older one, without the entry, can only be passed off by as many liars as the policy does not survive.

import { base64Encode, equal } from './bytes.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { openCosignatures } from './cosignature.ts';
import { parseEntry } from './entry.ts';
import { LedgerError } from './errors.ts';
import { type Hash, leafHash } from './hash.ts';
import { canonicalJson } from './json.ts';
import { type Note, parseNote, type VerifierKey } from './note.ts';
import { evaluatePolicy, type Policy } from './policy.ts';
import { checkInclusion } from './proof.ts';
import { openReceipt, type Receipt, receiptKeyName } from './receipt.ts';
import { bytesOf, malformed, proofOf, readFields, readReport, textOf, unproven } from './report.ts';

/** An entry and the audit path of its leaf. */
export interface ProvenEntry {
  readonly entry: Uint8Array;
  readonly proof: readonly Hash[];
}

/** The evidence. Notes are whole and verbatim. */
export interface Omission {
  readonly receipt: string;
  readonly checkpoint: string;
  /** Index of the run's first entry. */
  readonly first: number;
  /** Neighbours on the ledger; may be empty only when the ledger is. */
  readonly run: readonly ProvenEntry[];
}

/** Whom a checker of omission reports believes. */
export interface OmissionTrust {
  readonly policy: Policy;
  readonly receiptKeys: readonly VerifierKey[];
}

/** What a report has proven: the entry is not where it must be, or neighbours stand in the wrong order. */
export interface ProvenOmission {
  readonly what: 'omission' | 'order';
  readonly receipt: Receipt;
  readonly checkpoint: Checkpoint;
  /** Names of the policy's witnesses whose cosignatures are later than the deadline. */
  readonly cosigned: readonly string[];
}

/** The first words of every omission report, as its `kind`. */
export const OMISSION_KIND = 'probata-omission/v1';

/** The text of a report; it proves nothing by being written. */
export function formatOmissionReport({ receipt, checkpoint, first, run }: Omission): string {
  const shown = run.map(({ entry, proof }) => ({ entry: base64Encode(entry), proof: proof.map(base64Encode) }));
  return canonicalJson({ kind: OMISSION_KIND, receipt, checkpoint, first, run: shown });
}

/**
 * Checks that a report proves a broken promise.
 * @throws LedgerError report-malformed | report-unproven, or the code of the part that fails: the receipt, the checkpoint, a proof
 */
export function checkOmissionReport(report: string, trust: OmissionTrust): ProvenOmission {
  const omission = parseOmissionReport(report);
  const note = parseNote(omission.checkpoint);
  const checkpoint = openCheckpoint(
    note,
    trust.policy.logs.map(({ key }) => key),
  );
  const receipt = openReceipt(omission.receipt, receiptKeysOf(checkpoint.origin, trust.receiptKeys));
  const cosigned = cosignedAfter(note, trust.policy, receipt.deadline);
  if (cosigned === undefined) throw unproven('the checkpoint is not cosigned under the policy after the deadline');
  for (const [i, { entry, proof }] of omission.run.entries()) {
    checkInclusion(proof, omission.first + i, checkpoint.size, leafHash(entry), checkpoint.root);
  }
  const entries = omission.run.map(({ entry }) => entry);
  const what = verdictOf(entries, omission.first, checkpoint.size, receipt);
  return { what, receipt, checkpoint, cosigned };
}

/** The keys that may sign receipts of a log. */
export function receiptKeysOf(origin: string, keys: readonly VerifierKey[]): VerifierKey[] {
  return keys.filter(({ name }) => name === receiptKeyName(origin));
}

/**
 * The witnesses that cosigned after a time, when they alone satisfy the policy; otherwise undefined.
 * @param time YYYY-MM-DDTHH:MM:SS.mmmZ
 * @throws LedgerError when a cosignature by a key of the policy does not verify
 */
export function cosignedAfter(note: Note, policy: Policy, time: string): string[] | undefined {
  const timeMs = BigInt(Date.parse(time));
  const witnesses = [...policy.witnesses];
  const opened = openCosignatures(
    note,
    witnesses.map(([, { key }]) => key),
  );
  const late = opened.filter(({ timeSeconds }) => timeSeconds * 1000n > timeMs);
  const names = witnesses.filter(([, { key }]) => late.some((each) => each.key === key)).map(([name]) => name);
  return evaluatePolicy(policy, new Set(names)).satisfied ? names : undefined;
}

/** When an entry was received; undefined for an entry of a kind that does not say so, which may stand anywhere. */
export function receivedOf(entry: Uint8Array): string | undefined {
  try {
    return parseEntry(entry).received;
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}

/** What a run of neighbours says about the receipt's entry. Times of this form sort as texts. */
function verdictOf(
  entries: readonly Uint8Array[],
  first: number,
  size: number,
  { entry, entryBytes }: Receipt,
): ProvenOmission['what'] {
  const times = entries.map(receivedOf);
  const known = times.filter((time) => time !== undefined);
  if (known.some((time, i) => time < (known[i - 1] ?? ''))) return 'order';
  if (entries.some((each) => equal(each, entryBytes))) throw unproven('the entry is on the ledger');
  const [lowest, highest] = [times[0], times.at(-1)];
  const fromBefore = first === 0 || (lowest !== undefined && lowest < entry.received);
  const toAfter = first + entries.length === size || (highest !== undefined && highest > entry.received);
  if (!fromBefore || !toAfter) throw unproven('the run does not cover every place where the entry may stand');
  return 'omission';
}

/**
 * Reads a report; nothing is verified.
 * @throws LedgerError report-malformed
 */
export function parseOmissionReport(report: string): Omission {
  const fields = readReport(report, OMISSION_KIND, ['receipt', 'checkpoint', 'first', 'run']);
  const { receipt, checkpoint, first, run } = fields;
  if (typeof first !== 'number' || !Number.isSafeInteger(first) || first < 0) throw malformed('not an index');
  if (!Array.isArray(run)) throw malformed('not a run of entries');
  return { receipt: textOf(receipt), checkpoint: textOf(checkpoint), first, run: run.map(readProvenEntry) };
}

function readProvenEntry(value: Parameters<typeof readFields>[0]): ProvenEntry {
  const { entry, proof } = readFields(value, ['entry', 'proof']);
  return { entry: bytesOf(entry), proof: proofOf(proof) };
}
