/**
 * Why a process of ours cannot start or a command cannot run: one sentence for the operator, and a stable code.
 * It is thrown before anything is served; errors of requests are problem+json, not this.
 */
export type StartCode =
  | 'config-missing'
  | 'config-malformed'
  | 'key-missing'
  | 'key-malformed'
  | 'key-exposed'
  | 'key-mismatch'
  | 'key-in-the-clear'
  | 'key-cost-refused'
  | 'keys-busy'
  | 'passphrase-missing'
  | 'passphrase-wrong'
  | 'secret-missing'
  | 'secret-malformed'
  | 'secret-exposed'
  | 'pin-missing'
  | 'pin-wrong'
  | 'hsm-unavailable'
  | 'port-in-use'
  | 'listen-failed'
  | 'data-locked'
  | 'data-corrupt'
  | 'data-in-use'
  | 'data-incomplete'
  | 'data-exists'
  | 'disk-refused'
  | 'backup-refused'
  | 'backup-damaged'
  | 'restored-fork'
  | 'refill-refused'
  | 'input-missing'
  | 'input-malformed'
  | 'output-refused'
  | 'not-trusted';

/** The message is a whole sentence that says what is wrong and what to do; the command line prints it alone, without a stack. */
export class StartError extends Error {
  readonly code: StartCode;

  /**
   * @param code stable name of the cause
   * @param message one sentence for the operator
   * @param options the underlying error, as `cause`
   */
  constructor(code: StartCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
    this.code = code;
  }
}
