// An arbitration node: keeps its own copy of logs, and cosigns a checkpoint only when it durably holds all of its entries.
// c2sp.org/tlog-mirror. Transport-free: bodies in, answers out. Content types of requests, gzip, body time limits, draining what was not
// read, and cache headers are the HTTP layer's.

import type { Tile } from '../core/tile.ts';
import { answering, orRefuseRead, type ProtocolAnswer, refuse, textAnswer } from '../witness/answer.ts';
import { addCheckpoint } from '../witness/check.ts';
import { originHash } from '../witness/request.ts';
import { checkCosignerConfig, checkpointAnswer } from '../witness/service.ts';
import { signSubtree } from '../witness/subtree.ts';
import { ByteReader } from './byte-reader.ts';
import { packageRanges, readPackage, readUploadHeader } from './package.ts';
import { MirroredLog, type MirrorOptions } from './state.ts';
import { type Holding, Unfinished } from './unfinished.ts';

/**
 * A mirror. Every method may be called concurrently. Refusals are answers; a rejection means that a store failed or an invariant is
 * broken: the process should end, and is safe to start again on the same stores. `readTile` alone changes nothing, and may fail alone.
 */
export class Mirror {
  readonly #options: MirrorOptions;
  /** By origin. */
  readonly #logs = new Map<string, MirroredLog>();
  readonly #unfinished: Unfinished;

  private constructor(options: MirrorOptions) {
    this.#options = options;
    this.#unfinished = new Unfinished(options.clock);
  }

  /** Opens every log, checks its copy against its mirror checkpoint, and signs what a crash left unsigned. */
  static async open(options: MirrorOptions): Promise<Mirror> {
    checkCosignerConfig(options);
    const self = new Mirror(options);
    for (const { origin, keys } of options.logs) {
      self.#logs.set(origin, await MirroredLog.open(origin, keys, options));
    }
    return self;
  }

  /** `POST <submission prefix>/add-checkpoint`. 200 with an empty body, or 400, 403, 404, 409, 422. */
  addCheckpoint(body: Uint8Array): Promise<ProtocolAnswer> {
    return addCheckpoint(
      body,
      this.#logs,
      (event) => this.#options.onEvent(event),
      (log, latest, submitted) => log.acceptPending(latest, submitted),
    );
  }

  /**
   * `POST <submission prefix>/add-entries`.
   * @param body any chunks, already without content encoding; read only as far as needed. One that fails counts as one that ended.
   * @returns 200 with cosignature lines, 202 or 409 with mirror-info, or 400, 404, 422; 503 when it was given up before its first package was kept (unfinished.ts)
   */
  async addEntries(body: AsyncIterable<Uint8Array>): Promise<ProtocolAnswer> {
    const holding = this.#unfinished.begin(new ByteReader(body));
    try {
      const answer = await answering(() => this.#takeIn(holding));
      // To its reader the body ended. Nothing was kept, or the answer were 202.
      const isCut = holding.givenUp && answer.status === 400;
      return isCut ? textAnswer(503, 'too many uploads are unfinished: send it again\n') : answer;
    } finally {
      this.#unfinished.release(holding);
    }
  }

  async #takeIn(holding: Holding): Promise<ProtocolAnswer> {
    const { reader } = holding;
    const onHeld = (bytes: number) => this.#unfinished.add(holding, bytes);
    const { origin, start, end } = await orRefuseRead(400, readUploadHeader(reader, onHeld));
    this.#unfinished.release(holding);
    // SPEC tlog-mirror: "If `log_origin` is not a known log, the mirror MUST respond with a 404".
    const log = this.#logs.get(origin) ?? refuse(404, 'unknown origin');
    const target = log.target({ start, end });
    let kept = 0;
    for (const range of packageRanges(start, end)) {
      holding.waiting = await orRefuseRead(400, readPackage(reader, range, onHeld));
      if (holding.givenUp) holding.waiting = undefined;
      if (!(await log.keep(range, () => this.#unfinished.take(holding), target))) {
        // SPEC tlog-mirror: "If at least one entry package was authenticated and saved, but the mirror has not yet received all packages …
        // 202"; "no entry package was authenticated and saved before the body ended … 400".
        if (kept > 0) return log.info(202, end);
        refuse(400, 'package-malformed: the body ends inside the first package');
      }
      // A crash here: the package is durable, the client finds the next entry in a 409.
      kept++;
    }
    return log.commit(target);
  }

  /** `POST <submission prefix>/sign-subtree`, for checkpoints with the mirror's own ML-DSA-44 cosignature. */
  signSubtree(body: Uint8Array): Promise<ProtocolAnswer> {
    return signSubtree(body, (origin) => this.#logs.has(origin), this.#options.signers);
  }

  /** `GET <monitoring prefix>/<origin hash>/checkpoint`. 200 with the mirror checkpoint, its log signature and our cosignatures, or 404. */
  async checkpoint(hash: string): Promise<ProtocolAnswer> {
    return checkpointAnswer(this.#find(hash)?.cosigned);
  }

  /** `GET <monitoring prefix>/<origin hash>/tile/…`. The bytes, or undefined when the mirror checkpoint's tree has no such tile. */
  async readTile(hash: string, tile: Tile): Promise<Uint8Array | undefined> {
    return this.#find(hash)?.read(tile);
  }

  #find(hash: string): MirroredLog | undefined {
    return [...this.#logs.values()].find(({ origin }) => originHash(origin) === hash);
  }
}
