// Errors of the certificate layer: one class, one closed union of codes.
// A code says what was refused; the message is for the person who debugs it and is never parsed.

/** Every reason for which the certificate layer refuses an input. */
export type CertCode =
  | 'record-malformed'
  | 'record-newer-format'
  | 'commitment-mismatch'
  | 'pdf-malformed'
  | 'pdf-encrypted'
  | 'pdf-not-ours'
  | 'pdf-too-large'
  | 'der-malformed'
  | 'cms-malformed'
  | 'cms-bad-signature'
  | 'x509-malformed'
  | 'x509-untrusted'
  | 'x509-expired'
  | 'x509-purpose'
  | 'timestamp-malformed'
  | 'timestamp-bad'
  | 'text-unrenderable'
  | 'renderer-unknown';

/** An input was refused. Broken invariants of our own code are plain `Error`s instead. */
export class CertError extends Error {
  readonly code: CertCode;

  /**
   * @param code stable, machine-readable reason
   * @param message what exactly was wrong, for developers
   * @param options `cause` when another error led here
   */
  constructor(code: CertCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CertError';
    this.code = code;
  }
}
