/**
 * Timestamps for certificates, out of several RFC 3161 services: the first token that a judge's verifier will believe.
 * A service that is down, whose clock is wrong, or whose certificate is unknown, expired or revoked costs a question, not the certificate.
 * Not here: the protocol (certs/issue/tsa-client.ts), the checks themselves (verifier/core).
 */
import { createHash, randomBytes } from 'node:crypto';
import type { PdfSigner } from '../certs/issue/sign.ts';
import { requestToken } from '../certs/issue/tsa-client.ts';
import { isTold } from '../ledger/core/told.ts';
import type { Clock, Http } from '../ledger/log/ports.ts';
import { checkToken } from '../verifier/core/check-pdf.ts';
import { checkTimestampTime } from '../verifier/core/check-times.ts';
import { parseTrustBundle, type Trust } from '../verifier/core/trust.ts';
import type { EventLog } from './logging.ts';

/** An RFC 3161 service. */
export interface TimestampService {
  readonly url: string;
  /** The court it is of; undefined for an outside authority. */
  readonly member?: string;
}

export interface TimestampOptions {
  /** The one whose token was taken last is asked first the next time. */
  readonly timestampServices: readonly TimestampService[];
  /** The judge's trust bundle, as the file is. */
  readonly trust: Uint8Array;
  readonly http: Http;
  readonly clock: Clock;
  readonly log: EventLog;
}

export class Timestamps {
  readonly #options: TimestampOptions;
  readonly #trust: Trust;
  #first = 0;
  /** How often a service has failed since its last good token, by its URL. */
  readonly #failures = new Map<string, number>();

  constructor(options: TimestampOptions) {
    this.#options = options;
    this.#trust = parseTrustBundle(options.trust);
  }

  /**
   * Makes a certificate with a timestamp. When it fails, the next one begins with another service: a token that holds can still spoil a
   * certificate, being too long for its place, or of a time before the first day of the platform's own.
   * @param make is given what asks for the timestamp of its signature
   */
  async with<T>(make: (timestamp: PdfSigner['timestamp']) => Promise<T>): Promise<T> {
    const first = this.#first;
    try {
      return await make((signature) => this.over(signature));
    } catch (error) {
      // From where this one began: two that fail together go on by one service, and not past the next one.
      this.#first = (first + 1) % this.#options.timestampServices.length;
      throw error;
    }
  }

  /**
   * Asks the services in turn.
   * @returns DER TimeStampToken over this signature
   * @throws Error when none has given a token that holds
   */
  async over(signature: Uint8Array): Promise<Uint8Array> {
    const { timestampServices: services } = this.#options;
    const reasons: string[] = [];
    const first = this.#first;
    for (const at of services.keys()) {
      const turn = (first + at) % services.length;
      const service = services[turn] as TimestampService;
      try {
        const token = await this.#ask(service, signature);
        this.#first = turn;
        this.#failures.delete(service.url);
        return token;
      } catch (error) {
        const { message } = error as Error;
        reasons.push(`${service.url}: ${message}`);
        this.#failed(service, message);
      }
    }
    throw new Error(`no timestamp service gave a token that a verifier believes: ${reasons.join('; ')}`);
  }

  async #ask({ url }: TimestampService, signature: Uint8Array): Promise<Uint8Array> {
    const { http, clock } = this.#options;
    const digest = new Uint8Array(createHash('sha256').update(signature).digest());
    const timestampToken = await requestToken(http, url, digest, randomNonce());
    const { value } = checkToken({ signature, timestampToken }, this.#trust);
    checkTimestampTime(value, this.#trust, clock());
    return timestampToken;
  }

  /** Every certificate may ask a service that stays broken, so it is told sparingly. */
  #failed({ url, member }: TimestampService, reason: string): void {
    const count = (this.#failures.get(url) ?? 0) + 1;
    this.#failures.set(url, count);
    if (isTold(count)) this.#options.log('warn', 'timestamp-failed', { ...(member && { member }), url, count, reason });
  }
}

function randomNonce(): bigint {
  return randomBytes(16).reduce((nonce, byte) => nonce * 256n + BigInt(byte), 0n);
}
