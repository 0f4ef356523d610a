/**
 * Every limit of what may be deposited, with its unit. The numbers of the formats themselves are in certs/core/record.ts.
 * A limit passed is a Refusal with a code of its own, and nothing of the deposit is kept.
 */
import { RECORD_FILES_MAX, STATEMENT_CHARACTERS_MAX } from '../../certs/core/record.ts';

/** Files in one deposit. */
export const FILES_MAX = RECORD_FILES_MAX;
/** A file name, in bytes of UTF-8: what common file systems allow for one name. */
export const NAME_BYTES_MAX = 255;
/** Each of the six declared facts, in characters. */
export const DECLARED_CHARACTERS_MAX = STATEMENT_CHARACTERS_MAX;
/** Idempotency-Key, in visible ASCII characters. */
export const IDEMPOTENCY_KEY_CHARACTERS_MAX = 255;
/** Lines of one batch. */
export const BATCH_LINES_MAX = 10_000;
/** Longest `Prefer: wait`, in seconds. */
export const WAIT_SECONDS_MAX = 60;
/** Deposits shown by one lookup. */
export const LOOKUP_MAX = 100;
/** The receipt's promise: on the ledger within this time of `received`. */
export const RECEIPT_DEADLINE_MS = 24 * 60 * 60 * 1000;

/** What an operator may set. */
export interface Limits {
  readonly fileBytesMax: number;
  /** All files of one deposit together. */
  readonly depositBytesMax: number;
  /** A declaration, or a deposit given as JSON, or one line of a batch. */
  readonly jsonBytesMax: number;
  /** A whole batch. */
  readonly batchBytesMax: number;
  /** Deposits that are taken in but not yet sequenced; more wait for room, and for a while only: then `pushback`. */
  readonly outstandingMax: number;
  /** Share of the data volume that must stay free, 0..1; below it nothing is taken in. */
  readonly freeShareMin: number;
  /** As freeShareMin, smaller: below it no certificate is made either. */
  readonly certificateShareMin: number;
}

const MIB = 1024 * 1024;

/**
 * A 20 GB video fits; a batch of 10,000 lines of one file each fits with room.
 * Certificates may use 3 % of the volume once intake has stopped: on 100 GB that is some 20,000, so those that are owed then can be made.
 * Any party can ask for more, one for each file of a deposit, so the last 2 % are kept from them: for the ledger's own writes and the store's
 * compactions, which need tens of megabytes and end the process when they find none.
 */
export const DEFAULT_LIMITS: Limits = {
  fileBytesMax: 32 * 1024 * MIB,
  depositBytesMax: 64 * 1024 * MIB,
  jsonBytesMax: MIB,
  batchBytesMax: 64 * MIB,
  outstandingMax: 4096,
  freeShareMin: 0.05,
  certificateShareMin: 0.02,
};
