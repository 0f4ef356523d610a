// The error class of ledger/log and the closed list of its codes. A code says what the caller may do; messages are for people.

/**
 * Operational, try again later: `pushback` (too many entries outstanding), `sealed` (sealing is stopped: the clock went back),
 * `not-published` (no published checkpoint covers this yet).
 * Refused, never retry as is: `received-decreases` (entry order must be received order).
 * Over: `closed` (this object was closed), `stopped` (this object failed; only a restart recovers).
 * Not safe to sign: `behind-cosigners` (a cosigner knows a larger tree: an old backup), `fork` (a cosigner knows another tree),
 * `state-inconsistent` (the stores do not hold what the latest head promises).
 */
export type LogCode =
  | 'pushback'
  | 'sealed'
  | 'not-published'
  | 'received-decreases'
  | 'closed'
  | 'stopped'
  | 'behind-cosigners'
  | 'fork'
  | 'state-inconsistent';

/** What the log throws when it refuses. */
export class LogError extends Error {
  override readonly name = 'LogError';
  readonly code: LogCode;

  constructor(code: LogCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
