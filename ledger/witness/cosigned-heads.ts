// Cosigning: the checkpoints a cosigner has put its name to, and the note that monitors read.
// c2sp.org/tlog-cosignature and tlog-witness, "Monitor Retrieval Mechanism". The order is persist, sign, store the note, answer: a
// cosignature that has left this process is always backed by a checkpoint that survives a crash.
// Whether a checkpoint may be cosigned is decided before, in check.ts or by the mirror.

import { cosign, openCosignatures } from '../core/cosignature.ts';
import { formatNote, formatSignatureLine, isSignedBy, type NoteSignature, parseNote } from '../core/note.ts';
import type { Signer } from '../core/signature.ts';
import type { Clock, IndexStore } from '../log/ports.ts';
import type { WitnessEvent } from './events.ts';
import { originHash } from './request.ts';
import {
  type Accepted,
  follows,
  formatRemembered,
  type Head,
  type Heads,
  parseRemembered,
  type Remembered,
  sameCheckpoint,
} from './state.ts';

/** What one cosigner needs to cosign the checkpoints of one log. */
export interface CosigningOptions {
  readonly origin: string;
  readonly heads: Heads;
  readonly signers: readonly Signer[];
  /** Cosigned notes under their origin hash; can be made again from the heads. */
  readonly cosigned: IndexStore;
  readonly clock: Clock;
  readonly onEvent: (event: WitnessEvent) => void;
}

/** The cosigned checkpoints of one log. Calls of `cosign` for one log must not overlap: the caller runs them in the log's queue. */
export class CosignedHeads {
  readonly #options: CosigningOptions;
  /** The latest note with our cosignatures, as stored. */
  #latest: Remembered | undefined;
  /** How often in a row the clock was behind the previous cosignature. */
  #behind = 0;

  private constructor(options: CosigningOptions) {
    this.#options = options;
  }

  /**
   * Opens the heads and finishes what a crash left: a checkpoint that was persisted but not yet signed is signed now.
   * @throws Error when the stored note is ahead of the heads: the head store went back, and signing could equivocate
   */
  static async open(options: CosigningOptions): Promise<CosignedHeads> {
    const self = new CosignedHeads(options);
    const bytes = await options.cosigned.get(originHash(options.origin));
    const latest = await options.heads.latest();
    self.#latest = bytes === undefined ? undefined : parseRemembered(bytes);
    if (self.#latest !== undefined && !follows(self.#latest.checkpoint, latest?.checkpoint)) {
      throw new Error(`invariant: the heads of ${options.origin} went back behind a published cosignature`);
    }
    if (latest !== undefined && self.#published(latest) === undefined) {
      await self.#sign(latest, Math.max(latest.timeSeconds, self.#latest?.timeSeconds ?? 0));
    }
    return self;
  }

  /** The note monitors read: the log's signature and our cosignatures, or undefined when nothing was cosigned. */
  get note(): string | undefined {
    return this.#latest?.note;
  }

  /**
   * Cosigns a checkpoint that may follow `latest`.
   * @param latest the head it was checked against
   * @returns signature lines; undefined when another process appended first, then the check must be made again
   */
  async cosign(latest: Head | undefined, next: Accepted): Promise<string | undefined> {
    const timeSeconds = this.#now(latest);
    const known = latest !== undefined && sameCheckpoint(latest, next);
    const published = known ? this.#published(latest) : undefined;
    // The same checkpoint again within one second would get the same cosignatures: replays cost neither space nor signing.
    if (published !== undefined && this.#latest?.timeSeconds === timeSeconds) return published;
    // SPEC tlog-witness: "The witness MUST persist the new checkpoint before responding."
    // A checkpoint that is already the latest is persisted; to sign it anew needs no new head.
    if (!known && !(await this.#options.heads.append(latest, { ...next, timeSeconds }))) return undefined;
    // A crash here: persisted, not signed, not answered. `open` signs it, and the log asks again.
    return this.#sign(next, timeSeconds);
  }

  async #sign(accepted: Accepted, timeSeconds: number): Promise<string> {
    const { origin, signers, cosigned, onEvent } = this.#options;
    const signed = parseNote(accepted.note);
    const cosignatures: NoteSignature[] = [];
    for (const signer of signers) cosignatures.push(await cosign(accepted.checkpoint, BigInt(timeSeconds), signer));
    const note = { text: signed.text, signatures: [...signed.signatures, ...cosignatures] };
    // Throws when one of ours does not verify (a bit flipped while signing): it must not leave.
    openCosignatures(
      note,
      signers.map((signer) => signer.key),
    );
    const published = { note: formatNote(note), checkpoint: accepted.checkpoint, timeSeconds };
    await cosigned.write([[originHash(origin), formatRemembered(published)]]);
    // A crash here: monitors see the cosignatures, the log has not got them yet and asks again.
    this.#latest = published;
    onEvent({ kind: 'cosigned', origin, size: accepted.checkpoint.size, timeSeconds });
    return cosignatures.map(formatSignatureLine).join('');
  }

  /** The lines of the stored note when it is of this checkpoint and has a cosignature of every key we sign with today. */
  #published(head: Head): string | undefined {
    if (this.#latest === undefined || !sameCheckpoint(this.#latest, head)) return undefined;
    const { signers } = this.#options;
    const { signatures } = parseNote(this.#latest.note);
    const ours = signatures.filter((line) => signers.some((signer) => isSignedBy(line, signer.key)));
    return ours.length === signers.length ? ours.map(formatSignatureLine).join('') : undefined;
  }

  /** The present in seconds, never before a cosignature already made. */
  #now(latest: Head | undefined): number {
    const { clock, origin, onEvent } = this.#options;
    const present = Math.floor(clock() / 1000);
    // SPEC tlog-witness: "the timestamp MUST NOT be zero".
    if (present < 1) throw new Error('invariant: the clock stands before 1970-01-01T00:00:01Z');
    const previous = Math.max(latest?.timeSeconds ?? 0, this.#latest?.timeSeconds ?? 0);
    this.#behind = present < previous ? this.#behind + 1 : 0;
    if (this.#behind > 0) {
      onEvent({ kind: 'clock-behind', origin, behindSeconds: previous - present, count: this.#behind });
    }
    return Math.max(present, previous);
  }
}
