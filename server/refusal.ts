/**
 * Why a request is refused: one class, one closed union of codes, thrown by intake, notary, authentication and routes alike.
 * http/problem.ts turns a code into status and text (RFC 9457); nothing here knows HTTP.
 * Broken invariants are plain Errors and are not here; neither is what stops a process from starting (start-error.ts).
 */
export type RefusalCode =
  // who asks
  | 'token-missing'
  | 'token-unknown'
  | 'token-expired'
  | 'tokens-unreadable'
  // how it is asked
  | 'not-found'
  | 'method-not-allowed'
  | 'content-type-unsupported'
  | 'content-encoding-unsupported'
  | 'body-too-large'
  | 'body-truncated'
  | 'utf8-invalid'
  | 'json-malformed'
  | 'multipart-malformed'
  | 'idempotency-key-invalid'
  | 'idempotency-key-reused'
  | 'query-invalid'
  | 'lines-too-many'
  | 'line-too-long'
  // what is deposited
  | 'declaration-invalid'
  | 'declaration-repeated'
  | 'unknown-field'
  | 'file-missing'
  | 'files-too-many'
  | 'file-empty'
  | 'file-too-large'
  | 'name-missing'
  | 'name-too-long'
  | 'name-invalid'
  | 'media-type-invalid'
  | 'digest-mismatch'
  // what is asked for
  | 'deposit-not-found'
  | 'file-not-found'
  | 'file-not-held'
  | 'not-published'
  // what the platform cannot do now
  | 'storage-full'
  | 'pushback'
  | 'quorum-away'
  | 'clock-behind'
  | 'stopping'
  | 'certificate-unavailable'
  | 'internal';

/** Where in the request, and which number: what a program needs beside the code. Never a secret, never a stranger's data. */
export interface RefusalFacts {
  /** JSON pointer into the declaration or the deposit. */
  readonly pointer?: string;
  readonly reason?: string;
  /** 1-based number of the file. */
  readonly file?: number;
  /** 1-based line of a batch. */
  readonly line?: number;
  /** The limit that was passed, in the unit the code's text names. */
  readonly limit?: number;
  readonly field?: string;
}

/** Thrown instead of an answer. The message is for developers; people read the text that belongs to the code. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly facts: RefusalFacts;

  /**
   * @param code stable reason
   * @param facts where, and which limit
   * @param options `cause` when another error led here
   */
  constructor(code: RefusalCode, facts: RefusalFacts = {}, options?: ErrorOptions) {
    super(facts.reason === undefined ? code : `${code}: ${facts.reason}`, options);
    this.name = 'Refusal';
    this.code = code;
    this.facts = facts;
  }
}
