// Errors of the verifier: one class, one closed union of codes, and all codes a check can carry.
// A code says what was found; whether that contradicts the certificate or only leaves a question open is outcome.ts.

import type { CertCode } from '../../certs/core/errors.ts';
import type { LedgerCode } from '../../ledger/core/errors.ts';
import type { Json } from '../../ledger/core/json.ts';

/** What the verifier itself finds, beside what the parsers below it refuse. */
export type VerifierCode =
  | 'trust-malformed'
  | 'not-a-certificate'
  | 'entry-absent'
  | 'id-differs'
  | 'received-differs'
  | 'origin-differs'
  | 'quorum-short'
  | 'certificate-revoked'
  | 'time-in-future'
  | 'time-outside-trust'
  | 'file-not-in-record'
  | 'file-not-shown'
  | 'file-digests-disagree'
  | 'pages-differ'
  | 'renderer-absent'
  | 'internal';

/** Why a check was not made at all. */
export type NotRunCode = 'not-reached' | 'no-file' | 'not-asked';

/** Every code a check can carry. */
export type Code = LedgerCode | CertCode | VerifierCode | NotRunCode;

/** A check found something. Broken invariants of our own code are plain `Error`s instead. */
export class VerifierError extends Error {
  readonly code: VerifierCode;
  /** What the report shows beside the code. */
  readonly detail: Readonly<Record<string, Json>>;

  /**
   * @param code stable, machine-readable finding
   * @param message what exactly was found, for developers
   * @param detail values for the reader of the report
   */
  constructor(
    code: VerifierCode,
    message: string,
    detail: Readonly<Record<string, Json>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'VerifierError';
    this.code = code;
    this.detail = detail;
  }
}
