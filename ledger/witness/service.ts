// A court node: follows logs, checks that each only grows, and cosigns. c2sp.org/tlog-witness.
// Transport-free: bodies in, answers out. Sockets, body limits and cache headers are the server's.

import { utf8Encode } from '../core/bytes.ts';
import { COSIGNED_NAME_BYTES_MAX } from '../core/limits.ts';
import type { VerifierKey } from '../core/note.ts';
import type { Signer } from '../core/signature.ts';
import type { Clock, HeadStore, IndexStore } from '../log/ports.ts';
import { type ProtocolAnswer, textAnswer } from './answer.ts';
import { addCheckpoint, type FollowedLog } from './check.ts';
import { CosignedHeads } from './cosigned-heads.ts';
import type { WitnessEvent } from './events.ts';
import { originHash } from './request.ts';
import { Heads, Queue } from './state.ts';
import { signSubtree } from './subtree.ts';

export interface WitnessOptions {
  /** The logs to follow; every key of a log has the origin as its name. */
  readonly logs: readonly { readonly origin: string; readonly keys: readonly VerifierKey[] }[];
  /** The court's keys: types 0x04 and 0x06. All sign every checkpoint. */
  readonly signers: readonly Signer[];
  /** The heads of one log. */
  heads(originHash: string): HeadStore;
  /** Cosigned notes for monitors, one for each log. */
  readonly cosigned: IndexStore;
  readonly clock: Clock;
  onEvent(event: WitnessEvent): void;
}

interface WitnessedLog extends FollowedLog {
  readonly cosigned: CosignedHeads;
}

/**
 * A witness. Every method may be called concurrently. Refusals are answers; a rejection means that a store failed or an invariant is
 * broken: the process should end, and is safe to start again on the same stores.
 */
export class Witness {
  readonly #options: WitnessOptions;
  readonly #logs = new Map<string, WitnessedLog>();

  private constructor(options: WitnessOptions) {
    this.#options = options;
  }

  /** Opens the state of every log and signs what a crash left unsigned. */
  static async open(options: WitnessOptions): Promise<Witness> {
    checkCosignerConfig(options);
    const self = new Witness(options);
    for (const { origin, keys } of options.logs) {
      const { signers, cosigned, clock } = options;
      const heads = new Heads(options.heads(originHash(origin)));
      const onEvent = (event: WitnessEvent) => options.onEvent(event);
      const opened = await CosignedHeads.open({ origin, heads, signers, cosigned, clock, onEvent });
      self.#logs.set(origin, { origin, keys, heads, queue: new Queue(), cosigned: opened });
    }
    return self;
  }

  /** `POST <submission prefix>/add-checkpoint`. 200 with our cosignature lines, or 400, 403, 404, 409, 422. */
  addCheckpoint(body: Uint8Array): Promise<ProtocolAnswer> {
    const onEvent = (event: WitnessEvent) => this.#options.onEvent(event);
    return addCheckpoint(body, this.#logs, onEvent, async (log, latest, submitted) => {
      const lines = await log.cosigned.cosign(latest, submitted);
      return lines === undefined ? undefined : textAnswer(200, lines);
    });
  }

  /** `POST <submission prefix>/sign-subtree`. 200 with ML-DSA-44 cosignature lines, or 400, 403, 404, 422. */
  signSubtree(body: Uint8Array): Promise<ProtocolAnswer> {
    return signSubtree(body, (origin) => this.#logs.has(origin), this.#options.signers);
  }

  /** `GET <monitoring prefix>/<origin hash>/checkpoint`. 200 with the note, or 404. */
  async checkpoint(hash: string): Promise<ProtocolAnswer> {
    const log = [...this.#logs.values()].find(({ origin }) => originHash(origin) === hash);
    return checkpointAnswer(log?.cosigned);
  }
}

/** The latest cosigned note. SPEC tlog-witness: "If the witness has never cosigned a checkpoint for that log, it MUST respond with a 404". */
export function checkpointAnswer(cosigned: CosignedHeads | undefined): ProtocolAnswer {
  const note = cosigned?.note;
  return note === undefined ? textAnswer(404, 'no checkpoint\n') : textAnswer(200, note);
}

/** Refuses a configuration that could not work: it is the operator's mistake, not input. */
export function checkCosignerConfig(options: Pick<WitnessOptions, 'logs' | 'signers'>): void {
  const types = options.signers.map((signer) => signer.key.type);
  if (types.length === 0 || types.includes(0x01))
    throw new Error('invariant: a cosigner has keys of types 0x04 and 0x06');
  for (const { origin, keys } of options.logs) {
    const named = keys.length > 0 && keys.every((key) => key.name === origin && key.type === 0x01);
    if (!named) throw new Error(`invariant: the keys of ${origin} are of type 0x01 and named like the origin`);
    if (utf8Encode(origin).length > COSIGNED_NAME_BYTES_MAX)
      throw new Error(`invariant: ${origin} is too long to cosign`);
  }
}
