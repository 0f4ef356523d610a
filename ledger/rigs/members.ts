// What stands around the ledger of a process rig: a real court and a real mirror, each on a LevelDB folder of its own beside the
// ledger's, and a policy that needs both. Reached through the real clients; only the sockets are missing.

import { join } from 'node:path';
import { parseCheckpoint } from '../core/checkpoint.ts';
import { formatVkey, parseNote } from '../core/note.ts';
import { parsePolicy } from '../core/policy.ts';
import { parseTilePath } from '../core/tile.ts';
import type { Cosigner, Http } from '../log/ports.ts';
import { World } from '../log/testing.ts';
import { mirrorCosigner } from '../mirror/client.ts';
import { Mirror } from '../mirror/service.ts';
import { memoryStores } from '../store/memory.ts';
import { type FsckResult, fsck, signedBy } from '../tools/fsck.ts';
import type { ProtocolAnswer } from '../witness/answer.ts';
import { witnessCosigner } from '../witness/client.ts';
import { originHash } from '../witness/request.ts';
import { Witness } from '../witness/service.ts';
import { bodyText, gather, inProcessHttp, ORIGIN, testSigner } from '../witness/testing.ts';
import type { RigStore } from './unsafe-store.ts';
import { openStore, type Without } from './unsafe-store.ts';

/** The folders of one process: each member's store. */
export const MEMBERS = ['ledger', 'court', 'mirror'] as const;
export type Member = (typeof MEMBERS)[number];

const HASH = originHash(ORIGIN);
const LOG_KEY = testSigner(ORIGIN, 0x01).key;
const COURT = testSigner('court-1.test.example', 0x04);
const MIRROR = testSigner('arbitration-1.test.example', 0x04);
const LOGS = [{ origin: ORIGIN, keys: [LOG_KEY] }];

const POLICY = [
  `log ${formatVkey(LOG_KEY)}`,
  `witness court-1 ${formatVkey(COURT.key)}`,
  `witness arbitration-1 ${formatVkey(MIRROR.key)}`,
  'group both all court-1 arbitration-1',
  'quorum both',
  '',
].join('\n');

/** The world around a log whose cosigners' memory is on disk. */
export class Consortium extends World {
  override readonly policy = parsePolicy(POLICY);
  readonly #cosigners: readonly Cosigner[];
  readonly #mirror: Mirror;
  readonly #stores: readonly RigStore[];

  private constructor(court: Witness, mirror: Mirror, stores: readonly RigStore[]) {
    super({ courts: 0 });
    this.#mirror = mirror;
    this.#stores = stores;
    this.#cosigners = [
      witnessCosigner({ ...connection('court-1', courtHttp(court)), keys: [COURT.key] }),
      mirrorCosigner({ ...connection('arbitration-1', mirrorHttp(mirror)), keys: [MIRROR.key] }),
    ];
  }

  /** Opens both members, or their unsafe selves, in the folders `court` and `mirror`. @throws what opening a store or recovering a member throws */
  static async open(dir: string, fatal: (error: Error) => never, without?: Without): Promise<Consortium> {
    const court = await openStore(join(dir, 'court'), fatal, without);
    const mirror = await openStore(join(dir, 'mirror'), fatal, without);
    const common = { logs: LOGS, clock: Date.now, onEvent: () => undefined };
    const witness = await Witness.open({
      ...common,
      signers: [COURT],
      heads: (hash) => court.heads(hash),
      cosigned: court.index('cosigned'),
    });
    const replica = await Mirror.open({
      ...common,
      signers: [MIRROR],
      pending: (hash) => mirror.heads(`pending-${hash}`),
      heads: (hash) => mirror.heads(`mirrored-${hash}`),
      tiles: (hash) => mirror.tiles(hash),
      cosigned: mirror.index('cosigned'),
    });
    return new Consortium(witness, replica, [court, mirror]);
  }

  override cosigners(): Cosigner[] {
    return [...this.#cosigners];
  }

  /** How far each member's newest cosignature reaches; 0 before the first. */
  async cosignedSizes(): Promise<number[]> {
    const notes = await Promise.all(this.#cosigners.map((cosigner) => cosigner.latest()));
    return notes.map((note) => (note === undefined ? 0 : parseCheckpoint(parseNote(note).text).size));
  }

  /** Derives the mirror's copy again, as a stranger would. */
  fsckMirror(): Promise<FsckResult> {
    const fetch = async (path: string): Promise<Uint8Array | undefined> => {
      if (path !== 'checkpoint') return this.#mirror.readTile(HASH, parseTilePath(path));
      return Buffer.from(bodyText(await this.#mirror.checkpoint(HASH)));
    };
    return fsck({ fetch, open: signedBy([LOG_KEY]) });
  }

  async close(): Promise<void> {
    for (const store of this.#stores) await store.close();
  }
}

function connection(name: string, http: Http) {
  return { name, url: 'http://member', logKey: LOG_KEY, http, index: memoryStores().index('cosigners') };
}

function courtHttp(court: Witness): Http {
  return inProcessHttp({
    'POST /add-checkpoint': async (body) => court.addCheckpoint(await gather(body)),
    [`GET /${HASH}/checkpoint`]: (): Promise<ProtocolAnswer> => court.checkpoint(HASH),
  });
}

function mirrorHttp(mirror: Mirror): Http {
  return inProcessHttp({
    'POST /add-checkpoint': async (body) => mirror.addCheckpoint(await gather(body)),
    'POST /add-entries': (body) => mirror.addEntries(body),
    [`GET /${HASH}/checkpoint`]: (): Promise<ProtocolAnswer> => mirror.checkpoint(HASH),
  });
}
