// How the log talks to one cosigner over HTTP: add-checkpoint with its 409, cosignature answers, the monitoring checkpoint.
// c2sp.org/tlog-witness. Shared by the clients of courts (client.ts) and of mirrors (../mirror/client.ts).
// When to ask again after a failure, and whether the cosignatures verify, is the caller's.

import { decimal, utf8Decode, utf8Encode } from '../core/bytes.ts';
import { openCheckpoint } from '../core/checkpoint.ts';
import { openCosignatures } from '../core/cosignature.ts';
import { LedgerError } from '../core/errors.ts';
import { NOTE_BYTES_MAX } from '../core/limits.ts';
import {
  formatNote,
  formatSignatureLine,
  isSignedBy,
  parseNote,
  parseSignatureLines,
  type VerifierKey,
} from '../core/note.ts';
import { type Http, type IndexStore, type LogSource, type SignedHead, StoreError } from '../log/ports.ts';
import { formatAddCheckpoint, originHash } from './request.ts';

/** Times out an exchange of a few kilobytes, ms. */
const EXCHANGE_TIMEOUT_MS = 10_000;

/** Asking once, once more with the size of the 409, and once more because another client was faster. */
const ADD_CHECKPOINT_ATTEMPTS = 3;

/** One cosigner as the log knows it. */
export interface GatewayOptions {
  /** The policy member, such as `court-1`. */
  readonly name: string;
  /** Submission prefix, without a final slash. */
  readonly url: string;
  /** Monitoring prefix, without a final slash; `url` when not given. SPEC tlog-witness: it "MAY use the same value for both". */
  readonly monitoringUrl?: string;
  /** The cosigner's keys, types 0x04 and 0x06. */
  readonly keys: readonly VerifierKey[];
  readonly logKey: VerifierKey;
  /** Keys that the log had before: the cosigner's latest checkpoint may still be signed by one. */
  readonly earlierLogKeys?: readonly VerifierKey[];
  readonly http: Http;
  /** Remembers how far the cosigner was. A loss costs one more round trip. */
  readonly index: IndexStore;
  /** Told once when it says that it is at a smaller size than it has cosigned: whoever forgets could sign a fork. */
  readonly onWentBack?: (was: number, is: number) => void;
}

/**
 * Why a cosigner gave no cosignature. `unavailable`: it answered with a status that may pass (5xx, 429). `refused`: it will not cosign this
 * (400, 403, 404, 422): an alarm. `ahead`: it says that it has cosigned a larger tree than this head, or another one: an old backup, or a
 * fork. `answer-bad`: what it answered is not of the protocol. A failed connection is an error of the Http port, passed on as it is.
 */
export type CosignerCode = 'unavailable' | 'refused' | 'ahead' | 'answer-bad';

export class CosignerError extends Error {
  override readonly name = 'CosignerError';
  readonly code: CosignerCode;

  constructor(code: CosignerCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

export class Gateway {
  readonly #options: GatewayOptions;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /**
   * Brings the cosigner to the head, from wherever it is.
   * @returns the body of its 200
   * @throws CosignerError, or an error of the Http port
   */
  async addCheckpoint(head: SignedHead, source: LogSource): Promise<Uint8Array> {
    const { size } = head.checkpoint;
    let known = await this.#lastSize();
    let oldSize = Math.min(known, size);
    for (let attempt = 0; attempt < ADD_CHECKPOINT_ATTEMPTS; attempt++) {
      // SPEC tlog-witness: "If the old size is zero, the consistency proof MUST be empty".
      const proof = oldSize === 0 || oldSize === size ? [] : await source.consistencyProof(oldSize, size);
      const answer = await this.post('add-checkpoint', formatAddCheckpoint({ oldSize, proof, note: head.note }));
      if (answer.status === 200) {
        await this.#remember(size);
        return answer.body;
      }
      if (answer.status !== 409) throw this.failure(answer);
      oldSize = this.#conflictingSize(answer);
      if (oldSize > size) throw this.error('ahead', `has cosigned size ${oldSize}, this head has ${size}`);
      if (oldSize < known) {
        await this.#remember(oldSize);
        this.#options.onWentBack?.(known, oldSize);
        known = oldSize;
      }
    }
    throw this.error('unavailable', 'its size kept changing');
  }

  /**
   * The cosigner's own lines of an answer, not verified: the Cosigner port leaves that to the log, once for all cosigners.
   * SPEC tlog-witness: "The client MUST ignore any cosignatures from unknown keys."
   * @throws CosignerError answer-bad when there is none
   */
  cosignatures(body: Uint8Array): string {
    return this.#checked(() => {
      const lines = parseSignatureLines(utf8Decode(body) ?? '');
      const ours = lines.filter((line) => this.#options.keys.some((key) => isSignedBy(line, key)));
      if (ours.length === 0) throw new LedgerError('note-not-signed', 'no cosignature of its keys');
      return ours.map(formatSignatureLine).join('');
    });
  }

  /**
   * The latest checkpoint that it shows, signed by the log and by it; undefined when it shows none.
   * SPEC tlog-witness: it "SHOULD serve a recent checkpoint", and "MAY delay updating" it. So who needs to know whether it has cosigned more
   * than `own` has this head offered to it too: only its add-checkpoint must know how far it is.
   * @param own a head of the log; not given, what it shows is all that is asked
   * @throws CosignerError `ahead`: it says that it has cosigned more, or another tree, and does not show it; or an error of the Http port
   */
  async latest(own?: SignedHead): Promise<string | undefined> {
    const shown = await this.#shown();
    const shownSize = shown?.checkpoint.size ?? 0;
    if (own !== undefined && shownSize <= own.checkpoint.size) {
      const claimed = await this.#offer(own);
      if (claimed > shownSize) throw this.error('ahead', `has cosigned size ${claimed}, and does not show it`);
    }
    return shown?.note;
  }

  /** @returns the size of its tree that is not a beginning of ours, as it says; 0 when it says nothing of the kind */
  async #offer({ note, checkpoint: { size } }: SignedHead): Promise<number> {
    const answer = await this.post('add-checkpoint', formatAddCheckpoint({ oldSize: size, proof: [], note }));
    // Who refuses to look at the head, or knows no such log, says nothing about its memory: what it shows is all that there is.
    if (answer.status === 200 || isRefusal(answer)) return 0;
    if (answer.status !== 409) throw this.failure(answer);
    const claimed = this.#conflictingSize(answer);
    // SPEC tlog-witness: a 409 with our own size means that its tree of this size has another root.
    return claimed >= size ? claimed : 0;
  }

  async #shown(): Promise<SignedHead | undefined> {
    const { http, keys, logKey, earlierLogKeys = [], url, monitoringUrl = url } = this.#options;
    const answer = await http({
      method: 'GET',
      url: `${monitoringUrl}/${originHash(logKey.name)}/checkpoint`,
      timeoutMs: EXCHANGE_TIMEOUT_MS,
      responseBytesMax: NOTE_BYTES_MAX,
    });
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw this.failure(answer);
    return this.#checked(() => {
      const note = parseNote(answer.body);
      const checkpoint = openCheckpoint(note, [logKey, ...earlierLogKeys]);
      if (openCosignatures(note, keys).length === 0) {
        throw new LedgerError('note-not-signed', 'no cosignature of its keys');
      }
      return { note: formatNote(note), checkpoint };
    });
  }

  /** One POST under the submission prefix. */
  post(
    path: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    headers: Record<string, string> = { 'content-type': 'text/plain; charset=utf-8' },
    timeoutMs = EXCHANGE_TIMEOUT_MS,
  ): Promise<HttpAnswer> {
    const url = `${this.#options.url}/${path}`;
    return this.#options.http({ method: 'POST', url, headers, body, timeoutMs, responseBytesMax: NOTE_BYTES_MAX });
  }

  /** The error for an answer that is not the one hoped for. */
  failure(answer: HttpAnswer): CosignerError {
    const reason = utf8Decode(answer.body.subarray(0, 200)) ?? '';
    return this.error(isRefusal(answer) ? 'refused' : 'unavailable', `answered ${answer.status} ${reason.trimEnd()}`);
  }

  error(code: CosignerCode, message: string, options?: ErrorOptions): CosignerError {
    return new CosignerError(code, `${this.#options.name} ${message}`, options);
  }

  /** What an answer is read with; a LedgerError is the cosigner's fault. */
  #checked<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof LedgerError)
        throw this.error('answer-bad', `answered badly: ${error.code}`, { cause: error });
      throw error;
    }
  }

  #conflictingSize(answer: HttpAnswer): number {
    const text = utf8Decode(answer.body) ?? '';
    const size = text.endsWith('\n') ? decimal(text.slice(0, -1)) : undefined;
    // SPEC tlog-witness: "The response MUST have a Content-Type of text/x.tlog.size."
    if (!answer.headers['content-type']?.startsWith('text/x.tlog.size') || size === undefined) {
      throw this.error('answer-bad', 'answered 409 without a size');
    }
    return size;
  }

  /** How far it was; 0 when that is not known. What cannot be read is as good as forgotten: its 409 tells, and is written over it. */
  async #lastSize(): Promise<number> {
    const bytes = await this.#options.index.get(this.#key()).catch((error) => {
      if (error instanceof StoreError && error.code === 'corrupt') return undefined;
      throw error;
    });
    return decimal(utf8Decode(bytes ?? new Uint8Array(0)) ?? '') ?? 0;
  }

  #remember(size: number): Promise<void> {
    return this.#options.index.write([[this.#key(), utf8Encode(String(size))]]);
  }

  #key(): string {
    return `cosigner/${this.#options.name}/size`;
  }
}

/** Whether it will not have what was sent, now or later. */
function isRefusal({ status }: HttpAnswer): boolean {
  return [400, 403, 404, 422].includes(status);
}
