/** A restored court or mirror asks others: one of them with a bad tile keeps it from nothing, and whatever they serve makes no fork. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { formatCheckpoint } from '../../ledger/core/checkpoint.ts';
import type { Hash } from '../../ledger/core/hash.ts';
import { formatNote } from '../../ledger/core/note.ts';
import { signNote } from '../../ledger/core/signature.ts';
import { flipped, TestTree } from '../../ledger/core/testing.ts';
import { parseTilePath } from '../../ledger/core/tile.ts';
import { type HeadStore, StoreError, type TileStore } from '../../ledger/log/ports.ts';
import { Mirror } from '../../ledger/mirror/service.ts';
import type { KeyedStores } from '../../ledger/store/key-value.ts';
import { memoryStores } from '../../ledger/store/memory.ts';
import { formatAddCheckpoint, originHash } from '../../ledger/witness/request.ts';
import { Witness } from '../../ledger/witness/service.ts';
import { Heads } from '../../ledger/witness/state.ts';
import { bodyText, ORIGIN, testCosigner, testSigner } from '../../ledger/witness/testing.ts';
import { type HttpServer, listen } from '../http/server.ts';
import { once } from '../roles/cosigner-setup.ts';
import { until } from '../testing.ts';
import { catchUp } from './catch-up.ts';
import { courtDoor, mirrorDoor } from './front-door.ts';
import { RESTORED_FILE } from './marks.ts';

const SIZE = 800;
const TREE = new TestTree(SIZE);
const LOG = testSigner(ORIGIN, 0x01);
const LOGS = [{ origin: ORIGIN, keys: [LOG.key] }];
const SIGNERS = testCosigner('member.test.example');
const KEYS = SIGNERS.map(({ key }) => key);
const HASH = originHash(ORIGIN);

async function noteOf(size: number, root: Hash = TREE.root(0, size)): Promise<string> {
  const text = formatCheckpoint({ origin: ORIGIN, size, root, extensions: [] });
  return formatNote({ text, signatures: [await signNote(text, LOG)] });
}

/** What is wrong with a peer: answers by path, the bytes instead of the right ones or a status. */
type Wrong = Readonly<Record<string, (bytes: Uint8Array) => Uint8Array | number>>;

const answers500 = (): number => 500;
const answersOthers = (bytes: Uint8Array): Uint8Array => flipped(bytes, 7);

describe('catch-up', () => {
  const servers: HttpServer[] = [];
  /** The member's folder and disk, and what its start has told. */
  let dir: string;
  let stores: KeyedStores;
  let told: string[];

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'probata-catch-up-'));
    stores = memoryStores();
    told = [];
  });

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close(0);
    rmSync(dir, { recursive: true });
  });

  /** Somebody who shows the log at SIZE and serves its tiles. @returns the prefix */
  async function peer(wrong: Wrong = {}, note = noteOf(SIZE)): Promise<string> {
    const server = await listen({
      host: '127.0.0.1',
      port: 0,
      handler: async ({ url = '' }, response) => {
        const path = url.slice('/ledger/'.length);
        const right = path === 'checkpoint' ? utf8Encode(await note) : await TREE.fetch(parseTilePath(path));
        const answer = wrong[path]?.(right) ?? right;
        if (typeof answer === 'number') response.writeHead(answer).end();
        else response.end(answer);
      },
    });
    servers.push(server);
    return `${server.url}/ledger`;
  }

  const common = { logs: LOGS, signers: SIGNERS, clock: Date.now, onEvent: () => undefined };
  const pending = (hash: string): HeadStore => stores.heads(`pending-${hash}`);
  const heads = (hash: string): HeadStore => stores.heads(hash);

  /** What a court does at its start. */
  function startCourt(ask: readonly string[], from: Pick<KeyedStores, 'heads'> = stores): Promise<void> {
    const open = () =>
      Witness.open({ ...common, heads: (hash) => from.heads(hash), cosigned: stores.index('cosigned') });
    return start(ask, { accepted: heads, cosigned: heads, door: (logKey) => courtDoor(open, KEYS, logKey) });
  }

  /** What a mirror does at its start. */
  function startMirror(ask: readonly string[], from: Pick<KeyedStores, 'tiles'> = stores): Promise<void> {
    const tiles = (hash: string) => from.tiles(hash);
    const open = once(() => Mirror.open({ ...common, pending, heads, tiles, cosigned: stores.index('cosigned') }));
    return start(ask, { accepted: pending, cosigned: heads, door: (logKey) => mirrorDoor(open, KEYS, logKey) });
  }

  function start(
    ask: readonly string[],
    member: Pick<Parameters<typeof catchUp>[0], 'accepted' | 'cosigned' | 'door'>,
  ) {
    const restored = { v: 1, taken: '2026-01-01T00:00:00Z', restored: '2026-01-02T00:00:00Z', ask };
    writeFileSync(join(dir, RESTORED_FILE), JSON.stringify(restored));
    const log = (_level: string, event: string, { reason = '' }: { reason?: string } = {}) => {
      if (event === 'catch-up-waits') told.push(reason);
    };
    return catchUp({ dir, log, logs: LOGS, peers: [], ...member });
  }

  /** The court has cosigned this size before it was backed up. */
  async function cosign(size: number): Promise<void> {
    const witness = await Witness.open({ ...common, heads, cosigned: stores.index('cosigned') });
    const body = formatAddCheckpoint({ oldSize: 0, proof: [], note: await noteOf(size) });
    expect(bodyText(await witness.addCheckpoint(body))).to.match(/^— /);
  }

  /** It has caught up, and never waited. */
  async function expectCaughtUp(size = SIZE): Promise<void> {
    expect((await new Heads(heads(HASH)).latest())?.checkpoint.size).to.equal(size);
    expect(existsSync(join(dir, RESTORED_FILE))).to.equal(false);
    expect(told).to.deep.equal([]);
  }

  for (const [what, wrong] of [
    ['fails', answers500],
    ['is another', answersOthers],
    ['is cut', (bytes: Uint8Array) => bytes.slice(32)],
  ] as const) {
    // The right edge, a tile that shows what was cosigned before, and the one above it.
    for (const path of ['tile/0/003.p/32', 'tile/0/001', 'tile/1/000.p/3']) {
      it(`takes a court past the first of its peers when ${path} there ${what}`, async () => {
        await cosign(300);
        await startCourt([await peer({ [path]: wrong }), await peer(), await peer()]);
        await expectCaughtUp();
      });
    }

    for (const path of ['tile/0/001', 'tile/entries/001']) {
      it(`takes a mirror past the first of its peers when ${path} there ${what}, from where it came to`, async () => {
        const asked: string[] = [];
        const noting = (name: string) => (bytes: Uint8Array) => {
          asked.push(name);
          return bytes;
        };
        const first = await peer({ [path]: wrong, 'tile/entries/000': noting('first') });
        await startMirror([first, await peer({ 'tile/entries/000': noting('second') }), await peer()]);
        await expectCaughtUp();
        if (path === 'tile/entries/001') expect(asked).to.deep.equal(['first']);
      });
    }
  }

  it('waits while nobody’s tiles show the way, says what each of them lacks, and goes on when one does', async () => {
    await cosign(300);
    let isMended = false;
    const passing = await peer({ 'tile/0/001': (bytes) => (isMended ? bytes : 500) });
    const lasting = await peer({ 'tile/0/001': answersOthers });
    const starting = startCourt([passing, lasting]);
    await until(async () => told.length > 0);
    const [reason] = told.splice(0);
    expect(reason).to.equal(
      `${passing}: Error: tile/0/001 answered 500; ${lasting}: LedgerError: tile/0/001 is not the tile in the tree`,
    );
    isMended = true;
    await starting;
    await expectCaughtUp();
  });

  it('refuses a fork that the second of its peers shows, past a bad tile of the first', async () => {
    await cosign(300);
    const bad = await peer({ 'tile/0/001': answers500 });
    const forked = await peer({}, noteOf(SIZE - 1, flipped(TREE.root(0, SIZE - 1), 0)));
    const error = await startCourt([bad, forked, await peer()]).catch((thrown) => thrown);
    expect(error).to.have.property('code', 'restored-fork');
    expect(existsSync(join(dir, RESTORED_FILE))).to.equal(true);
  });

  it('ends when its own store fails, also after a bad tile of a peer, and tries no other', async () => {
    const failed = new StoreError('failed', 'the disk is gone');
    const brokenHeads = (hash: string): HeadStore => ({ ...stores.heads(hash), create: () => Promise.reject(failed) });
    const court = startCourt([await peer(), await peer()], { heads: brokenHeads });
    expect(await court.catch((error) => error)).to.equal(failed);
    let asked = 0;
    let puts = 0;
    const failsOnce = (bytes: Uint8Array): Uint8Array | number => (asked++ === 0 ? 500 : bytes);
    const brokenTiles = (hash: string): TileStore => {
      const tiles = stores.tiles(hash);
      return { ...tiles, put: (batch) => (asked > 0 && puts++ === 0 ? Promise.reject(failed) : tiles.put(batch)) };
    };
    const mirror = startMirror([await peer({ 'tile/entries/001': failsOnce }), await peer()], { tiles: brokenTiles });
    expect(await mirror.catch((error) => error)).to.equal(failed);
    expect(told).to.deep.equal([]);
  });

  it('follows a log that has no entry yet', async () => {
    await startCourt([await peer({}, noteOf(0)), await peer({}, noteOf(0))]);
    await expectCaughtUp(0);
  });
});
