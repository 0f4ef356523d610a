// The report: one verdict, every check with its status, the facts that a consistent certificate shows, and warnings.
// DESIGN.md, "What the verifier answers". Plain JSON values throughout: the program's --json is this object, and the
// page in the browser shows the same. Words for people are in messages.ts.

import type { Json } from '../../ledger/core/json.ts';
import type { Code } from './errors.ts';
import type { Facts } from './facts.ts';

/** The checks, in the order in which they are made and listed. */
export const CHECK_IDS = [
  'trust',
  'pdf-structure',
  'pdf-signature',
  'pdf-chain',
  'record',
  'proof',
  'commitment',
  'entry',
  'inclusion',
  'checkpoint',
  'cosignatures',
  'quorum',
  'timestamp',
  'times',
  'evidence',
  'pages',
] as const;

export type CheckId = (typeof CHECK_IDS)[number];
export type Outcome = 'consistent' | 'inconsistent' | 'unverifiable';
export type CheckStatus = 'passed' | 'failed' | 'unknown' | 'not-run';

/** One check. `code` is set unless it passed; `detail` holds values for the reader. */
export interface Check {
  readonly id: CheckId;
  readonly status: CheckStatus;
  readonly code?: Code;
  readonly detail?: Readonly<Record<string, Json>>;
}

/** Something a reader must not overlook although it does not decide the verdict. */
export type WarningCode =
  | 'files-not-compared'
  | 'names-differ'
  | 'policy-differs'
  | 'signatures-unconfirmed'
  | 'key-revoked'
  | 'clocks-disagree';
export interface Warning {
  readonly code: WarningCode;
  readonly detail: Readonly<Record<string, Json>>;
}

/** The check that decided the verdict, and what it found. */
export interface Reason {
  readonly check: CheckId;
  readonly code: Code;
}

export interface Report {
  readonly outcome: Outcome;
  /** Absent when the outcome is consistent. */
  readonly reason?: Reason;
  /** Every check of {@link CHECK_IDS} once, in that order. */
  readonly checks: readonly Check[];
  readonly warnings: readonly Warning[];
  /** Only when every check of the certificate itself passed; the files at hand may still differ. */
  readonly facts: Facts | undefined;
  /** When the check was made by the verifier's clock, ISO 8601 UTC. */
  readonly checkedAt: string;
  /** SHA-256 of the trust bundle, lower-case hex. */
  readonly trustDigest: string;
  /** SHA-256 over the verifier's own files as the program computes it; '' when it did not say. */
  readonly toolDigest: string;
  readonly network: 'none';
}
