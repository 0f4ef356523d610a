// The one error class of ledger/core and the closed list of its codes.
// A code says what the caller may do; the message is for people and is never parsed.
// Broken invariants are not here: they are plain Errors whose message starts with "invariant:", and end the process.

/** `…-malformed`: the bytes are not of the format, never retry. The others: well formed, but not verified; the bytes are evidence. */
export type LedgerCode =
  | 'json-malformed'
  | 'note-malformed'
  | 'vkey-malformed'
  | 'checkpoint-malformed'
  | 'cosignature-malformed'
  | 'policy-malformed'
  | 'tlog-proof-malformed'
  | 'tile-path-malformed'
  | 'tile-malformed'
  | 'bundle-malformed'
  | 'entry-malformed'
  | 'entry-newer-format'
  | 'proof-malformed'
  | 'request-malformed'
  | 'receipt-malformed'
  | 'report-malformed'
  | 'upload-malformed'
  | 'package-malformed'
  | 'mirror-info-malformed'
  | 'note-not-signed'
  | 'signature-bad'
  | 'proof-bad'
  | 'tile-bad'
  | 'origin-unknown'
  | 'root-mismatch'
  | 'report-unproven';

/** What every parser and every check of the ledger throws on input it refuses. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  readonly code: LedgerCode;

  constructor(code: LedgerCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
