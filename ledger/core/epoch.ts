// Epochs: which policy judges a checkpoint, up to when its cosigners could be asked, and up to when a receipt key could promise anything. The
// one place where that is chosen.
// A policy judges the checkpoints up to a size; the next one judges those that are larger. FORMATS.md, "Trust bundle".
// How an epoch is read and proven to have followed another is the verifier's business (verifier/core/epochs.ts).

import { equal } from './bytes.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { openCosigned, type Revoked } from './cosigned.ts';
import { LedgerError } from './errors.ts';
import { CLOCK_TOLERANCE_MS } from './limits.ts';
import { isSignedBy, type Note, parseNote, type VerifierKey } from './note.ts';
import { evaluatePolicy, type Policy } from './policy.ts';
import { openReceipt, type Receipt, receiptKeyName } from './receipt.ts';

/** What holds for the checkpoints of more entries than the epoch before, and up to `upTo`. */
export interface PolicyEpoch {
  readonly policy: Policy;
  /** The first of a log's is the key of the receipts given in it; those behind it gave receipts earlier. */
  readonly receiptKeys: readonly VerifierKey[];
  /** Everything revoked when it began; none is ever taken back. */
  readonly revoked: readonly Revoked[];
  /** When it began: by then an honest court had cosigned the change, ms since the epoch. Undefined for the first. */
  readonly sinceMs: number | undefined;
  /** The same as the platform dated the change on the ledger, which no earlier entry's time exceeds. Undefined for the first. */
  readonly changeReceivedMs: number | undefined;
  /** Infinity for the newest. */
  readonly upTo: number;
}

/** The epoch that judges checkpoints of a size. @param epochs oldest first */
export function epochAt<E extends { readonly upTo: number }>(epochs: readonly E[], size: number): E {
  const epoch = epochs.find(({ upTo }) => size <= upTo);
  if (epoch === undefined) throw new Error('invariant: the newest epoch has no end');
  return epoch;
}

/** What has been revoked by now. @param epochs oldest first */
export function revokedIn<R extends Revoked>(epochs: readonly { readonly revoked: readonly R[] }[]): readonly R[] {
  return epochs.at(-1)?.revoked ?? [];
}

/**
 * The checkpoint of a note signed by the log, with a key that it had in the epoch of that size.
 * @param epochs oldest first
 * @throws LedgerError as {@link openCheckpoint}
 */
export function openJudged(note: Note, epochs: readonly PolicyEpoch[]): Checkpoint {
  const { policy } = epochAt(epochs, parseCheckpoint(note.text).size);
  return openCheckpoint(
    note,
    policy.logs.map(({ key }) => key),
  );
}

/**
 * The checkpoint of a note that is held against the log: signed with a key that it had at that size or later. A key that was replaced signs nothing
 * larger: whoever does that with it is not the log. A later key that signs a smaller tree is the log's.
 * @param epochs oldest first
 * @throws LedgerError as {@link openCheckpoint}
 */
export function openHeld(note: Note, epochs: readonly PolicyEpoch[]): Checkpoint {
  const { size } = parseCheckpoint(note.text);
  return openCheckpoint(
    note,
    epochs.filter(({ upTo }) => size <= upTo).flatMap(({ policy }) => policy.logs.map(({ key }) => key)),
  );
}

/**
 * True when the cosignatures on a checkpoint satisfy the policy it is judged by.
 * @param epochs oldest first
 * @throws LedgerError when a cosignature by a key of such a policy does not verify
 */
export function isAccepted(note: Note, epochs: readonly PolicyEpoch[]): boolean {
  return quorumOf(note, epochs, () => true) !== undefined;
}

/**
 * The keys that cosigned a checkpoint after a deadline, when they alone satisfy the policy it is judged by; otherwise undefined.
 * After it by whatever honest clock: a court whose clock is ahead of the platform's says a later time before the deadline has passed.
 * What an epoch's cosigners sign after its end does not count: one that has left goes on cosigning, honestly, the newest checkpoint that it
 * knows.
 * @param epochs oldest first
 * @param deadlineMs ms since the epoch
 * @throws LedgerError as {@link isAccepted}
 */
export function cosignedAfter(
  note: Note,
  epochs: readonly PolicyEpoch[],
  deadlineMs: number,
): VerifierKey[] | undefined {
  return quorumOf(note, epochs, (timeMs, endMs) => timeMs > deadlineMs + CLOCK_TOLERANCE_MS && timeMs <= endMs);
}

/**
 * The keys of those cosignatures that count, when they satisfy a policy that judges the checkpoint: that of its epoch; and of the checkpoint
 * that ended an epoch also the next one, to whose cosigners it is the newest until there is a larger one.
 */
function quorumOf(
  note: Note,
  epochs: readonly PolicyEpoch[],
  counts: (timeMs: number, endMs: number) => boolean,
): VerifierKey[] | undefined {
  const { size } = parseCheckpoint(note.text);
  const first = epochs.indexOf(epochAt(epochs, size));
  const last = size === epochs[first]?.upTo ? first + 1 : first;
  for (const [i, { policy }] of epochs.entries()) {
    if (i < first || i > last) continue;
    const endMs = epochs[i + 1]?.sinceMs ?? Number.POSITIVE_INFINITY;
    const counting = openCosigned(policy, note, revokedIn(epochs)).counting.filter(({ cosignature }) =>
      counts(Number(cosignature.timeSeconds) * 1000, endMs),
    );
    const names = new Set(counting.map(({ witness }) => witness));
    if (evaluatePolicy(policy, names).satisfied) return counting.map(({ cosignature }) => cosignature.key);
  }
  return undefined;
}

/**
 * A receipt that the platform owes: signed with a receipt key of the log, and received before that key had been replaced. What was promised with a
 * key is owed when the key has been replaced, but nothing is promised with it any more: a later receipt is the work of whoever stole it.
 * @param epochs oldest first
 * @throws LedgerError as {@link openReceipt}; note-not-signed when it is later than its key
 */
export function openOwed(text: string, origin: string, epochs: readonly PolicyEpoch[]): Receipt {
  const listed = epochs.map(({ receiptKeys }) => receiptKeys.filter(({ name }) => name === receiptKeyName(origin)));
  const receipt = openReceipt(text, listed.flat());
  const receivedMs = Date.parse(receipt.entry.received);
  const { signatures } = parseNote(text);
  // Each line of a listed key has been verified.
  const signers = listed.flat().filter((key) => signatures.some((line) => isSignedBy(line, key)));
  if (signers.some((key) => receivedMs <= lastPromiseMs(key, listed, epochs))) return receipt;
  throw new LedgerError('note-not-signed', 'signed with a receipt key that had been replaced when it was received');
}

/**
 * Up to when a receipt key may have signed, by the time of receipt, ms since the epoch: the end of the last epoch that names it first. Later ones
 * may name it behind its successor. One that was never first is one in a list that was written by hand: then nothing says which was in use.
 * The later one of two clocks counts. An honest platform puts all that it took in on the ledger before the change, so no receipt of it is later
 * than the change's own time, whatever its clock says; and one that dates the change back owes what it promised until the courts saw it.
 */
function lastPromiseMs(
  { publicKey }: VerifierKey,
  listed: readonly (readonly VerifierKey[])[],
  epochs: readonly PolicyEpoch[],
): number {
  const isThis = (key: VerifierKey): boolean => equal(key.publicKey, publicKey);
  const inUse = listed.findLastIndex((keys) => keys.slice(0, 1).some(isThis));
  const next = epochs[(inUse < 0 ? listed.findLastIndex((keys) => keys.some(isThis)) : inUse) + 1];
  const { sinceMs = Number.POSITIVE_INFINITY, changeReceivedMs = 0 } = next ?? {};
  return Math.max(sinceMs + CLOCK_TOLERANCE_MS, changeReceivedMs);
}
