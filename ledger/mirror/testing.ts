// Test support: a mirror over one log, and upload bodies with proofs from the bare definitions.

import { expect } from 'chai';
import { concat, equal, uint16, uint64, utf8Encode } from '../core/bytes.ts';
import { openCosignatures } from '../core/cosignature.ts';
import { parseNote, parseSignatureLines } from '../core/note.ts';
import { formatTilePath, tilesForSize } from '../core/tile.ts';
import { TileReader } from '../core/tile-reader.ts';
import type { Cosigner, Http, IndexStore } from '../log/ports.ts';
import type { KeyedStores } from '../store/key-value.ts';
import { memoryStores } from '../store/memory.ts';
import type { ProtocolAnswer } from '../witness/answer.ts';
import { witnessCosigner } from '../witness/client.ts';
import { formatAddCheckpoint, originHash } from '../witness/request.ts';
import {
  bodyText,
  COURT_KEYS,
  chunksOf,
  gather,
  inProcessHttp,
  ORIGIN,
  TestLog,
  testClock,
  testCosigner,
  type WitnessBench,
} from '../witness/testing.ts';
import { mirrorCosigner } from './client.ts';
import { formatPackage, MIRROR_INFO_TYPE, packageRanges, parseMirrorInfo } from './package.ts';
import { Mirror } from './service.ts';
import type { MirrorEvent } from './state.ts';

/** The log of all benches. Nobody appends to it. */
export const LOG = new TestLog().grow(10_000);

/** The mirror of the tests: Ed25519 and ML-DSA-44. */
export const ARBITRATION = testCosigner('arbitration-1.test.example');
export const ARBITRATION_KEYS = ARBITRATION.map((signer) => signer.key);

/** What an upload body may deviate in. */
export interface UploadChange {
  /** Packages to send; all when absent. */
  readonly packages?: number;
  readonly ticket?: Uint8Array;
  readonly origin?: string;
  /** Another log's entries, with this log's proofs. */
  readonly entriesOf?: TestLog;
  /** The size the proofs are made for, when not the end. */
  readonly proofSize?: number;
}

/** The header of an upload, any numbers. */
export function uploadHeader(
  origin: string,
  start: number | bigint,
  end: number | bigint,
  ticket: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const name = utf8Encode(origin);
  return concat(uint16(name.length), name, uint64(start), uint64(end), uint16(ticket.length), ticket);
}

/** The parts of an upload of [start, end): the header, then one part for each package. */
export function uploadParts(log: TestLog, start: number, end: number, change: UploadChange = {}): Uint8Array[] {
  const ranges = [...packageRanges(start, end)].slice(0, change.packages);
  const { entries } = change.entriesOf ?? log;
  const packages = ranges.map((range) =>
    formatPackage({
      entries: entries.slice(range.start, range.end),
      proof: log.subtreeProof(range.bundleStart, range.end, change.proofSize ?? end),
    }),
  );
  return [uploadHeader(change.origin ?? log.origin, start, end, change.ticket), ...packages];
}

/** A mirror over one log, and everything around it. */
export class MirrorBench {
  readonly log: TestLog;
  readonly clock = testClock();
  readonly events: MirrorEvent[] = [];
  stores: KeyedStores;
  mirror!: Mirror;

  private constructor(stores: KeyedStores, log: TestLog) {
    this.stores = stores;
    this.log = log;
  }

  static async open(stores = memoryStores(), signers = ARBITRATION, log = LOG): Promise<MirrorBench> {
    const bench = new MirrorBench(stores, log);
    await bench.reopen(signers);
    return bench;
  }

  /** Starts the mirror again on the same stores. */
  async reopen(signers = ARBITRATION): Promise<void> {
    this.mirror = await Mirror.open({
      logs: [{ origin: ORIGIN, keys: [this.log.signer.key] }],
      signers,
      pending: (hash) => this.stores.heads(`pending-${hash}`),
      heads: (hash) => this.stores.heads(`mirror-${hash}`),
      tiles: (hash) => this.stores.tiles(hash),
      cosigned: this.stores.index('cosigned'),
      clock: this.clock,
      onEvent: (event) => this.events.push(event),
    });
  }

  /** An honest add-checkpoint. */
  async pend(oldSize: number, size: number): Promise<ProtocolAnswer> {
    return this.mirror.addCheckpoint(await this.log.request(oldSize, size));
  }

  /** An honest add-entries, or one with a change. */
  upload(start: number, end: number, change?: UploadChange): Promise<ProtocolAnswer> {
    return this.send(...uploadParts(this.log, start, end, change));
  }

  send(...parts: Uint8Array[]): Promise<ProtocolAnswer> {
    return this.mirror.addEntries(chunksOf(concat(...parts)));
  }

  /** Mirrors up to a size from whatever was there. */
  async mirrorTo(oldSize: number, size: number): Promise<ProtocolAnswer> {
    await this.pend(oldSize, size);
    return this.upload(oldSize, size);
  }

  /** The mirror's next entry, by the 409 of an upload that cannot be. */
  async nextEntry(): Promise<number> {
    const answer = await this.mirror.addEntries(
      chunksOf(uploadHeader(ORIGIN, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)),
    );
    return parseMirrorInfo(utf8Encode(bodyText(answer))).nextEntry;
  }

  served(): Promise<ProtocolAnswer> {
    return this.mirror.checkpoint(originHash(ORIGIN));
  }

  /** The types of our keys that verify on these lines over the log's checkpoint of this size. */
  async signedBy(size: number, lines: string): Promise<number[]> {
    const { text } = parseNote((await this.log.head(size)).note);
    const cosignatures = openCosignatures({ text, signatures: parseSignatureLines(lines) }, ARBITRATION_KEYS);
    return cosignatures.map(({ key }) => key.type);
  }

  /** The size of the served checkpoint; undefined before the first. */
  async servedSize(): Promise<number | undefined> {
    const answer = await this.served();
    return answer.status === 404 ? undefined : sizeOf(answer);
  }

  /**
   * Reads the whole served tree as a stranger would, checking every tile against the log's own root.
   * @returns problems; empty when the mirror holds the log up to `size` exactly
   */
  async problems(size: number): Promise<string[]> {
    const hash = originHash(ORIGIN);
    const found: string[] = [];
    if ((await this.servedSize()) !== size) found.push(`serves size ${await this.servedSize()}, not ${size}`);
    for (const tile of tilesForSize(size)) {
      if ((await this.mirror.readTile(hash, tile)) === undefined) found.push(`no ${formatTilePath(tile)}`);
    }
    const reader = new TileReader({ size, root: this.log.root(0, size) }, async (tile) => {
      const bytes = await this.mirror.readTile(hash, tile);
      if (bytes === undefined) throw new Error(`no ${formatTilePath(tile)}`);
      return bytes;
    });
    const entries = await reader.entries(0, size);
    const wrong = entries.findIndex((entry, i) => !equal(entry, this.log.entries[i] as Uint8Array));
    if (entries.length !== size || wrong >= 0) found.push(`entry ${wrong} of ${entries.length} differs`);
    return found;
  }
}

/** The body of an add-checkpoint with any note. */
export function checkpointRequest(oldSize: number, note: string): Uint8Array {
  return formatAddCheckpoint({ oldSize, proof: [], note });
}

/** One sentence of the text and what it demands. */
export interface MirrorCase {
  readonly name: string;
  /** The sentence, or where silence was filled. */
  readonly spec: string;
  readonly status: number;
  /** For 202 and 409: the first two lines. */
  readonly info?: readonly [size: number, nextEntry: number];
  /** The size that is served afterwards, with the whole tree in it; undefined: none. */
  readonly serves?: number;
  act(bench: MirrorBench): Promise<ProtocolAnswer>;
}

/** A test for each case, on a mirror of its own. */
export function describeCases(title: string, cases: readonly MirrorCase[]): void {
  describe(title, () => {
    for (const { name, spec, status, info, serves, act } of cases) {
      it(`${name}: ${status} (“${spec}”)`, async () => {
        const bench = await MirrorBench.open();
        const answer = await act(bench);
        const text = bodyText(answer);
        expect(answer.status, text).to.equal(status);
        if (info === undefined) {
          expect(answer.contentType).to.equal('text/plain; charset=utf-8');
        } else {
          // SPEC tlog-mirror: "`text/x.tlog.mirror-info` and consist of three lines, each followed by a newline".
          expect([answer.contentType, text]).to.deep.equal([MIRROR_INFO_TYPE, `${info[0]}\n${info[1]}\n\n`]);
        }
        if (status === 200) expect(await bench.signedBy(serves ?? 0, text)).to.deep.equal([0x04, 0x06]);
        if (serves === undefined) expect((await bench.served()).status).to.equal(404);
        else expect(await bench.problems(serves)).to.deep.equal([]);
      });
    }
  });
}

/**
 * A mirror's routes; notes how many packages of each upload were read, and the status.
 * A request that carries `cut` packages or more loses its connection: the packages after, and the answer.
 */
export function mirrorHttp(bench: MirrorBench, uploads: string[] = [], cut = Number.POSITIVE_INFINITY): Http {
  return inProcessHttp({
    'POST /mirror/add-checkpoint': async (body) => bench.mirror.addCheckpoint(await gather(body)),
    'POST /mirror/add-entries': async (body) => {
      let parts = 0;
      async function* counted(): AsyncGenerator<Uint8Array> {
        for await (const part of body) {
          if (parts++ > cut) throw new Error('connection reset');
          yield part;
        }
      }
      const answer = await bench.mirror.addEntries(counted());
      uploads.push(`${parts - 1} packages: ${answer.status}`);
      // Nobody hears the answer to a request that was cut off.
      if (parts > cut) throw new Error('connection reset');
      return answer;
    },
    [`GET /mirror/${originHash(ORIGIN)}/checkpoint`]: () => bench.served(),
  });
}

/** The log's side of the mirror. */
export function mirrorClient(http: Http, index: IndexStore = memoryStores().index('log')): Cosigner {
  const url = 'http://arbitration-1.test/mirror';
  return mirrorCosigner({ name: 'arbitration-1', url, keys: ARBITRATION_KEYS, logKey: LOG.signer.key, http, index });
}

/** The log's side of a court. */
export function courtClient(bench: WitnessBench, index: IndexStore = memoryStores().index('log')): Cosigner {
  const http = inProcessHttp({
    'POST /witness/add-checkpoint': async (body) => bench.witness.addCheckpoint(await gather(body)),
  });
  const url = 'http://court-1.test/witness';
  return witnessCosigner({ name: 'court-1', url, keys: COURT_KEYS, logKey: LOG.signer.key, http, index });
}

/** One role's part of a store that several share. */
export function prefixed(store: KeyedStores, role: string): KeyedStores {
  return {
    tiles: (prefix) => store.tiles(role + prefix),
    heads: (prefix) => store.heads(role + prefix),
    index: (prefix) => store.index(role + prefix),
  };
}

function sizeOf(checkpoint: ProtocolAnswer): number {
  return checkpoint.status === 404 ? 0 : Number(bodyText(checkpoint).split('\n')[1]);
}
