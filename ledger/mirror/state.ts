// What a mirror knows of one log: the pending checkpoints, the mirror checkpoint, the copy between them. c2sp.org/tlog-mirror, "Processing".
// Entries are opaque bytes: logs that others wrote are mirrored too. Reading the upload is package.ts's task.

import { equal } from '../core/bytes.ts';
import { beginsAsPolicy } from '../core/entry.ts';
import { EMPTY_ROOT, leafHash, treeRoot } from '../core/hash.ts';
import type { VerifierKey } from '../core/note.ts';
import { checkSubtreeConsistency } from '../core/proof.ts';
import type { Signer } from '../core/signature.ts';
import type { Tile } from '../core/tile.ts';
import type { Clock, HeadStore, IndexStore, TileStore } from '../log/ports.ts';
import { orRefuse, type ProtocolAnswer, refuse, refuseAs, textAnswer } from '../witness/answer.ts';
import type { FollowedLog } from '../witness/check.ts';
import { CosignedHeads } from '../witness/cosigned-heads.ts';
import type { WitnessEvent } from '../witness/events.ts';
import { originHash } from '../witness/request.ts';
import { type Accepted, follows, type Head, Heads, Queue, sameCheckpoint } from '../witness/state.ts';
import {
  type EntryPackage,
  formatMirrorInfo,
  MIRROR_INFO_TYPE,
  type PackageRange,
  type UploadHeader,
} from './package.ts';
import { Replica } from './replica.ts';

/** Pending checkpoints an upload may name. SPEC tlog-mirror: "mirrors SHOULD accept any of the last several". */
export const PENDING_KEPT = 64;

/** Entries of one upload that may be held already: a whole request of 32 packages, sent again after a lost answer. Own choice. */
export const EXCESS_ENTRIES_MAX = 8192;

/** SPEC tlog-mirror: "the mirror can maintain state or use `ticket`": this one keeps state, so its tickets are empty. */
const NO_TICKET = new Uint8Array(0);

/** What an arbitration body tells its operator, beyond what a court does. */
export type MirrorEvent =
  | WitnessEvent
  /** A checkpoint was accepted as pending: its entries may now be uploaded. */
  | { readonly kind: 'pending'; readonly origin: string; readonly size: number }
  /** Entries were authenticated and are durable. */
  | { readonly kind: 'entries'; readonly origin: string; readonly nextEntry: number }
  /** An entry that the log signed and that is about to be kept reads as a change of policy; told again when keeping it was cut short. */
  | { readonly kind: 'policy-entry'; readonly origin: string; readonly index: number };

export interface MirrorOptions {
  /** The logs to mirror; every key of a log has the origin as its name. */
  readonly logs: readonly { readonly origin: string; readonly keys: readonly VerifierKey[] }[];
  /** The mirror's keys: types 0x04 and 0x06, of a name that no witness has. All sign every mirror checkpoint. */
  readonly signers: readonly Signer[];
  /** The pending checkpoints of one log. */
  pending(originHash: string): HeadStore;
  /** The mirror checkpoints of one log. */
  heads(originHash: string): HeadStore;
  /** The copy of one log. One process at a time. */
  tiles(originHash: string): TileStore;
  /** Cosigned notes for readers, one for each log. */
  readonly cosigned: IndexStore;
  readonly clock: Clock;
  onEvent(event: MirrorEvent): void;
}

/** Everything one log consists of, opened. */
interface Parts {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
  readonly pending: Heads;
  readonly recent: readonly Accepted[];
  readonly mirrored: Heads;
  readonly checkpoint: Head | undefined;
  readonly replica: Replica;
  readonly cosigning: CosignedHeads;
  readonly options: MirrorOptions;
}

/** One mirrored log. Every method may be called concurrently. */
export class MirroredLog implements FollowedLog {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
  /** The pending checkpoints. */
  readonly heads: Heads;
  /** Orders changes of the pending checkpoint. */
  readonly queue = new Queue();
  readonly cosigned: CosignedHeads;
  readonly #options: MirrorOptions;
  readonly #mirrored: Heads;
  readonly #replica: Replica;
  /** Orders changes of the copy and of the mirror checkpoint: the packages of concurrent uploads interleave whole. */
  readonly #copying = new Queue();
  /** The latest pending checkpoints, oldest first, at most PENDING_KEPT. */
  #recent: readonly Accepted[];
  /** The mirror checkpoint. */
  #checkpoint: Accepted | undefined;

  private constructor(parts: Parts) {
    this.origin = parts.origin;
    this.keys = parts.keys;
    this.heads = parts.pending;
    this.cosigned = parts.cosigning;
    this.#options = parts.options;
    this.#mirrored = parts.mirrored;
    this.#replica = parts.replica;
    this.#recent = parts.recent;
    this.#checkpoint = parts.checkpoint;
  }

  /** Opens one log: the copy must lead to the mirror checkpoint's root before anything is signed again. */
  static async open(origin: string, keys: readonly VerifierKey[], options: MirrorOptions): Promise<MirroredLog> {
    const hash = originHash(origin);
    const pending = new Heads(options.pending(hash));
    const mirrored = new Heads(options.heads(hash));
    const heads = await mirrored.recent(2);
    const checkpoint = heads.at(-1);
    const previousSize = heads.at(-2)?.checkpoint.size ?? 0;
    const recent = await pending.recent(PENDING_KEPT);
    // SPEC tlog-mirror: "A pending checkpoint, which is at or ahead of the mirror checkpoint."
    if (checkpoint !== undefined && !follows(checkpoint.checkpoint, recent.at(-1)?.checkpoint)) {
      throw new Error(`invariant: the pending checkpoints of ${origin} went back behind the mirror checkpoint`);
    }
    const { size, root } = checkpoint?.checkpoint ?? { size: 0, root: EMPTY_ROOT };
    const replica = await Replica.open(options.tiles(hash), size, root, previousSize);
    const { signers, cosigned, clock } = options;
    const onEvent = (event: WitnessEvent) => options.onEvent(event);
    const cosigning = await CosignedHeads.open({ origin, heads: mirrored, signers, cosigned, clock, onEvent });
    return new MirroredLog({ origin, keys, pending, recent, mirrored, checkpoint, replica, cosigning, options });
  }

  /** Keeps a checked checkpoint as the pending one. Runs in `queue`. Undefined: another process was first. */
  async acceptPending(latest: Head | undefined, submitted: Accepted): Promise<ProtocolAnswer | undefined> {
    if (latest === undefined || !sameCheckpoint(latest, submitted)) {
      const timeSeconds = Math.max(0, Math.floor(this.#options.clock() / 1000));
      // SPEC tlog-mirror: "The mirror MUST retain the log's signature in the pending checkpoint."
      if (!(await this.heads.append(latest, { ...submitted, timeSeconds }))) return undefined;
      // A crash here: the checkpoint is pending, the log has no answer and sends it again.
      this.#recent = [...this.#recent, submitted].slice(-PENDING_KEPT);
      this.#options.onEvent({ kind: 'pending', origin: this.origin, size: submitted.checkpoint.size });
    }
    // SPEC tlog-mirror: "The mirror cosigner MUST NOT sign the checkpoint in this process"; it MAY answer "with an empty response body".
    return textAnswer(200, '');
  }

  /** The checkpoint that an upload is about, or a refusal; in the order of the text. Looks at the present state, which may move on. */
  target({ start, end }: Pick<UploadHeader, 'start' | 'end'>): Accepted {
    // SPEC tlog-mirror: "If the mirror has never received a pending checkpoint signed by the log … 422".
    if (this.#recent.length === 0) refuse(422, 'no pending checkpoint');
    const target = this.#known(end);
    // SPEC tlog-mirror: "If `upload_end` is neither a known pending checkpoint value nor the mirror checkpoint's tree size … 409".
    // SPEC tlog-mirror: "If `upload_end` is less than the mirror checkpoint's tree size … 409".
    if (target === undefined || end < this.#replica.size) refuseAs(this.info(409, end));
    const { nextEntry } = this.#replica;
    // SPEC tlog-mirror: "If `upload_start` is greater than the mirror's next entry … 409".
    if (start > nextEntry) refuseAs(this.info(409, end));
    // SPEC tlog-mirror: "Let `excess_entries = min(upload_end, next_entry) - upload_start` … If `excess_entries` is too large … 409".
    if (Math.min(end, nextEntry) - start > EXCESS_ENTRIES_MAX) refuseAs(this.info(409, end));
    return target;
  }

  /**
   * Authenticates one package against the upload's checkpoint and keeps its entries, or refuses.
   * @param take gives the package when its turn has come, or undefined when there is none any more
   * @returns whether there was one
   */
  keep(range: PackageRange, take: () => EntryPackage | undefined, target: Accepted): Promise<boolean> {
    return this.#copying.run(async () => {
      const taken = take();
      if (taken === undefined) return false;
      const { entries, proof } = taken;
      const { bundleStart, start, end } = range;
      const before = await this.#replica.held(bundleStart, start);
      // SPEC tlog-mirror: "it reconstructs the subtree hash based on the received entries and entries already in the log. It then verifies
      // the subtree consistency proof using this hash and the checkpoint at `upload_end`. If this verification process fails … 422".
      const hashes = [...before, ...entries].map(leafHash);
      const { size, root } = target.checkpoint;
      orRefuse(422, () => checkSubtreeConsistency(proof, bundleStart, end, size, treeRoot(hashes), root));
      this.#tellPolicies(start, entries);
      await this.#replica.save(range, entries, hashes);
      this.#options.onEvent({ kind: 'entries', origin: this.origin, nextEntry: this.#replica.nextEntry });
      return true;
    });
  }

  /** A mirror signs whatever the log appends in order, a change of policy too. So whoever answers for the mirror must hear of it. */
  #tellPolicies(start: number, entries: readonly Uint8Array[]): void {
    const { nextEntry } = this.#replica;
    for (const [i, entry] of entries.entries()) {
      const index = start + i;
      if (index >= nextEntry && beginsAsPolicy(entry)) {
        this.#options.onEvent({ kind: 'policy-entry', origin: this.origin, index });
      }
    }
  }

  /** Makes the target the mirror checkpoint and cosigns it: entries durable, tiles durable, root derived anew, checkpoint durable, signed. */
  commit(target: Accepted): Promise<ProtocolAnswer> {
    return this.#copying.run(async () => {
      const { size, root } = target.checkpoint;
      const latest = await this.#mirrored.latest();
      // SPEC tlog-mirror: "the mirror MUST NOT rewind the checkpoint"; "If `upload_end` was too small, the mirror MUST respond with a 409".
      if (latest !== undefined && size < latest.checkpoint.size) refuseAs(this.info(409, size));
      // SPEC tlog-mirror: "the mirror MUST NOT sign or update its mirror checkpoint until all entries are durably committed."
      if (size > this.#replica.nextEntry) throw new Error('invariant: every entry is there before the commit');
      if (!equal(await this.#replica.grow(size), root))
        throw new Error(`invariant: the copy leads to the root of ${size}`);
      const lines = await this.cosigned.cosign(latest, target);
      if (lines === undefined) throw new Error('invariant: one process at a time writes a mirror');
      this.#checkpoint = target;
      await this.#replica.advance(size);
      // A crash here: everything is durable; the client asks again and gets fresh cosignatures.
      return textAnswer(200, lines);
    });
  }

  /** A mirror-info: where to go on. */
  info(status: 202 | 409, end: number): ProtocolAnswer {
    const { size, nextEntry } = this.#replica;
    const pending = this.#recent.at(-1)?.checkpoint.size ?? 0;
    // SPEC tlog-mirror: "If the client's `upload_end` value was valid, the first line SHOULD contain `upload_end` … Otherwise … the tree size
    // of the current pending checkpoint." Also when all entries below `upload_end` are there: with a next entry beyond the size on the first
    // line the client would come back with a start after its end.
    const usable = this.#known(end) !== undefined && end >= size && end >= nextEntry;
    const body = formatMirrorInfo({ size: usable ? end : pending, nextEntry, ticket: NO_TICKET });
    return { status, contentType: MIRROR_INFO_TYPE, body };
  }

  /** A tile or bundle of the mirror checkpoint's tree. */
  read(tile: Tile): Promise<Uint8Array | undefined> {
    return this.#replica.read(tile);
  }

  /** The known checkpoint of this size: pending, or the mirror checkpoint. */
  #known(size: number): Accepted | undefined {
    const pending = this.#recent.findLast(({ checkpoint }) => checkpoint.size === size);
    return pending ?? (this.#checkpoint?.checkpoint.size === size ? this.#checkpoint : undefined);
  }
}
