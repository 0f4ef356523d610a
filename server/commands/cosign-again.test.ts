/** A platform that drops a deposit and stands still: its receipt is shown to be broken all the same, by courts and a mirror that cosign once more. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { utf8Encode } from '../../ledger/core/bytes.ts';
import { parseCheckpoint } from '../../ledger/core/checkpoint.ts';
import { cosignedAfter, type PolicyEpoch } from '../../ledger/core/epoch.ts';
import { CLOCK_TOLERANCE_MS } from '../../ledger/core/limits.ts';
import { formatNote, parseNote, vkeyOf } from '../../ledger/core/note.ts';
import type { Policy } from '../../ledger/core/policy.ts';
import { receiptKeyName } from '../../ledger/core/receipt.ts';
import { signNote } from '../../ledger/core/signature.ts';
import { parseTilePath } from '../../ledger/core/tile.ts';
import { type FetchTile, TileReader } from '../../ledger/core/tile-reader.ts';
import type { Http, SignedHead } from '../../ledger/log/ports.ts';
import { collectNotes } from '../../ledger/monitor/collect.ts';
import {
  depositEntry,
  endlessLog,
  paddingLog,
  receiptOf,
  receiptTrust,
  tilesOfLog,
} from '../../ledger/monitor/testing.ts';
import { type Member, openMembers, policyOver } from '../../ledger/rigs/consortium.ts';
import { originHash } from '../../ledger/witness/request.ts';
import { ORIGIN, TestLog, testSigner } from '../../ledger/witness/testing.ts';
import { KEY_FILES } from '../config.ts';
import { openHttpClient } from '../http/client.ts';
import { readSigner } from '../keys.ts';
import { runProgram } from '../program.ts';
import { grow, ledgerOf } from '../recovery/testing.ts';
import { readTrust } from '../roles/platform-setup.ts';
import { TestConsortium } from '../roles/testing.ts';
import { cosignAgain } from './cosign-again.ts';

const LOG = new TestLog().grow(30);

describe('probata check-receipts of a ledger that stands still', () => {
  let consortium: TestConsortium;
  let folder: string;

  before(async () => {
    consortium = await TestConsortium.start();
    folder = consortium.folder('still');
    await grow(consortium, 2);
    // It is behind from then on: the platform stands still before it is back.
    await consortium.stop('court-3');
    await grow(consortium, 1);
    await consortium.stop('platform');
    await consortium.startMember('court-3');
  });
  after(() => consortium.end());

  async function probata(...args: string[]): Promise<number> {
    return runProgram(args, { env: {}, out: () => undefined, err: () => undefined });
  }

  it('proves the omission once courts, of which one is behind, and mirror were asked, which nothing that they show before does', async () => {
    const { policy, logKey } = readTrust(consortium.dir('platform'));
    const origin = logKey.name;
    const signer = readSigner(join(consortium.dir('platform'), KEY_FILES.receipt), receiptKeyName(origin), 0x01);
    const urls = ['court-1', 'court-2', 'court-3', 'arbitration-1'].map((name) => ledgerOf(consortium, name));
    const file = join(folder, 'receipt');
    // As late as a clock that is behind may say it is.
    const deadlineMs = Date.now() - CLOCK_TOLERANCE_MS;
    writeFileSync(file, await receiptOf(depositEntry(4, deadlineMs - 1), deadlineMs, signer));
    const check = (...at: string[]) => {
      const trust = join(consortium.dir('platform'), 'trust.json');
      return probata('check-receipts', file, '--url', ...at, '--trust', trust, '--out', folder);
    };
    // Cosignatures count in whole seconds.
    await sleep(1100);
    const client = openHttpClient();
    const upToDate = urls.with(2, ledgerOf(consortium, 'court-4'));
    const { notes } = await collectNotes(upToDate, policy, [], client.http);
    const [note] = notes;
    client.close();
    const { epochs } = receiptTrust(policy);
    const late = cosignedAfter(parseNote(note ?? ''), epochs, deadlineMs);
    expect(late, 'cosigned by itself (control)').to.equal(undefined);
    expect(await check(...urls.slice(0, 3)), 'courts alone are not the quorum').to.equal(2);
    expect(await check(...urls)).to.equal(1);
  });
});

/** Members in memory, and a platform that stands still: it serves what it is told to, and feeds nobody. */
class StillScene {
  readonly policy: Policy;
  readonly members: readonly Member[];
  readonly urls: string[];
  /** Whose tiles the platform serves, and the checkpoint that it shows. */
  tiles: FetchTile | undefined = tilesOfLog(LOG);
  published: string | undefined;
  readonly down = new Set<string>();
  /** Checkpoints that members show instead of their own. */
  readonly shown = new Map<string, string>();
  /** Uploads to a mirror, by name. */
  readonly uploads: string[] = [];

  private constructor(courts: readonly Member[], mirrors: readonly Member[]) {
    this.policy = policyOver(courts, mirrors, [3, 1]);
    this.members = [...courts, ...mirrors];
    const monitored = (kind: string) => (member: Member) => `http://${member.name}/${kind}/${originHash(ORIGIN)}`;
    this.urls = ['http://platform/ledger', ...courts.map(monitored('witness')), ...mirrors.map(monitored('mirror'))];
  }

  /** @param sizes how far each member is: four courts, then two mirrors */
  static at(...sizes: number[]): Promise<StillScene> {
    return StillScene.of(LOG, ...sizes);
  }

  static async of(log: TestLog, ...sizes: number[]): Promise<StillScene> {
    const shape = { needed: 0, liars: 0 };
    const { courts, mirrors } = await openMembers({ ...shape, members: 4 }, { ...shape, members: 2 });
    const scene = new StillScene(courts, mirrors);
    for (const [i, member] of scene.members.entries()) await member.cosign(await log.head(sizes[i] ?? 0), log.source);
    return scene;
  }

  readonly http: Http = async (request) => {
    const { hostname, pathname } = new URL(request.url);
    if (this.down.has(hostname)) throw new Error('connection refused');
    const member = this.members.find(({ name }) => name === hostname);
    if (member !== undefined) {
      const shown = pathname.endsWith('/checkpoint') && request.method === 'GET' ? this.shown.get(hostname) : undefined;
      if (shown !== undefined) return { status: 200, headers: {}, body: utf8Encode(shown) };
      if (pathname.endsWith('/add-entries') && this.uploads.push(hostname) > 20) throw new Error('uploads without end');
      return member.http({ ...request, url: `http://${hostname}${pathname.replace(/^\/(witness|mirror)/, '')}` });
    }
    const path = pathname.replace('/ledger/', '');
    const tiles = hostname === 'copy' ? tilesOfLog(LOG) : this.tiles;
    const tile = async () => tiles?.(parseTilePath(path)).catch(() => undefined);
    const body = path === 'checkpoint' ? this.published && utf8Encode(this.published) : await tile();
    return { status: body ? 200 : 404, headers: {}, body: body || new Uint8Array(0) };
  };

  /** Size of the largest checkpoint that a quorum shows. */
  async accepted(): Promise<number | undefined> {
    const { notes } = await collectNotes(this.urls, this.policy, [], this.http);
    const [note] = notes;
    return note === undefined ? undefined : parseCheckpoint(parseNote(note).text).size;
  }

  ask(): Promise<Error[]> {
    return cosignAgain(this.urls, receiptTrust(this.policy).epochs, this.http);
  }
}

describe('asking courts and mirrors to cosign again', () => {
  it('brings all to a checkpoint that a platform showed to two courts before it stood still', async () => {
    const scene = await StillScene.at(25, 25, 20, 20, 20, 20);
    expect(await scene.accepted()).to.equal(undefined);
    expect(await scene.ask()).to.deep.equal([]);
    expect(await scene.accepted()).to.equal(25);
  });

  it('does so also when the platform goes on showing what a quorum cosigned before', async () => {
    const scene = await StillScene.at(20, 20, 20, 20, 20, 20);
    scene.published = (await collectNotes(scene.urls, scene.policy, [], scene.http)).notes[0];
    for (const court of scene.members.slice(0, 2)) await court.cosign(await LOG.head(25), LOG.source);
    expect(await scene.accepted()).to.equal(20);
    expect(await scene.ask()).to.deep.equal([]);
    expect(await scene.accepted()).to.equal(25);
  });

  it('brings up a court that is behind while another is down, from tiles that others serve', async () => {
    const scene = await StillScene.at(20, 20, 20, 10, 20, 20);
    scene.down.add('court-3');
    expect(await scene.accepted()).to.equal(undefined);
    for (const { message } of await scene.ask()) expect(message).to.equal('connection refused');
    expect(await scene.accepted()).to.equal(20);
  });

  it('reads from the next source what one that seemed to serve the ledger does not', async () => {
    const scene = await StillScene.at(25, 25, 20, 20, 20, 20);
    const ofLog = tilesOfLog(LOG);
    scene.tiles = async (tile) => (tile.level === 'entries' ? new Uint8Array(1) : ofLog(tile));
    expect(await scene.ask()).not.to.deep.equal([]);
    expect(await scene.accepted(), 'no mirror without entries').to.equal(undefined);
    scene.urls.push('http://copy/ledger');
    expect(await scene.ask()).to.deep.equal([]);
    expect(await scene.accepted()).to.equal(25);
  });

  it('is kept from nothing by a larger checkpoint that the log signed and whose tiles nobody serves', async () => {
    const scene = await StillScene.at(20, 20, 10, 10, 20, 20);
    scene.published = (await LOG.head(1_000_000, [], LOG.root(0, 30))).note;
    expect((await scene.ask()).map(({ message }) => message)).to.deep.equal([
      'nobody serves the tiles of the checkpoint of size 1000000',
    ]);
    expect(await scene.accepted()).to.equal(20);
  });

  it('is kept from nothing by a larger checkpoint of another history that a court shows, its tiles served: members refuse it', async () => {
    const scene = await StillScene.at(20, 20, 10, 10, 20, 20);
    const fork = new TestLog(ORIGIN, 'fork').grow(30);
    scene.shown.set('court-1', (await fork.head(30)).note);
    const [ofFork, ofLog] = [tilesOfLog(fork), tilesOfLog(LOG)];
    scene.tiles = (tile) => (tile.width === 30 ? ofFork(tile) : ofLog(tile));
    expect((await scene.ask()).length).to.equal(6);
    expect(await scene.accepted()).to.equal(20);
  });

  it('moves nobody to a checkpoint that the platform alone shows and withholds the entries of', async () => {
    const scene = await StillScene.at(20, 20, 20, 20, 20, 20);
    scene.published = (await LOG.head(25)).note;
    const ofLog = tilesOfLog(LOG);
    scene.tiles = async (tile) => (tile.level === 'entries' ? new Uint8Array(1) : ofLog(tile));
    expect(await scene.ask()).to.deep.equal([]);
    expect(await scene.accepted()).to.equal(20);
  });

  it('offers what the platform alone shows to whoever refuses what members show', async () => {
    const scene = await StillScene.at(25, 20, 20, 20, 25, 20);
    const { note } = await LOG.head(20);
    scene.published = (await LOG.head(25)).note;
    for (const name of ['court-1', 'arbitration-1']) scene.shown.set(name, note);
    const cosigned: string[] = [];
    await cosignAgain(scene.urls, receiptTrust(scene.policy).epochs, async (request) => {
      const answer = await scene.http(request);
      if (request.url.endsWith('/add-checkpoint') && answer.status === 200)
        cosigned.push(new URL(request.url).hostname);
      return answer;
    });
    expect(cosigned).to.include('court-1');
  });

  describe('beside a ledger without end, whose tiles are computed when they are asked for', () => {
    const LACKING = /^无法判断：.*undecided: .* of which (every mirror|it) lacks more than 4194304 entries$/;
    let giant: SignedHead;
    let scene: StillScene;

    beforeEach(async () => {
      scene = await StillScene.of(paddingLog(20), 20, 20, 20, 20, 20, 20);
      ({ head: giant, tiles: scene.tiles } = await endlessLog(40));
    });

    it('moves nobody to it and uploads nothing of it, also when a court was fed it', async () => {
      scene.published = giant.note;
      const tiles = new TileReader(giant.checkpoint, scene.tiles as FetchTile);
      await scene.members[0]?.cosign(giant, tiles);
      const messages = (await scene.ask()).map(({ message }) => message);
      expect(messages).to.have.lengthOf(5);
      for (const message of messages) expect(message).to.match(LACKING);
      expect(scene.uploads.length).to.be.at.most(4);
      expect(await scene.accepted()).to.equal(20);
    });

    it('uploads nothing of it to an honest mirror, also when another says that it holds it', async () => {
      scene.shown.set('arbitration-1', giant.note);
      const messages = (await scene.ask()).map(({ message }) => message);
      expect(messages.filter((message) => LACKING.test(message))).to.have.lengthOf(1);
      expect(scene.uploads.filter((name) => name === 'arbitration-2').length).to.be.at.most(2);
    });
  });

  it('ends after an hour with a mirror that takes in a little at a time for ever', async () => {
    const scene = await StillScene.at(20, 20, 20, 20, 20, 20);
    let [ms, requests] = [0, 0];
    const http: Http = async (request) => {
      if (!request.url.includes('arbitration-1') || !request.url.endsWith('/add-entries')) return scene.http(request);
      if (++requests > 200) throw new Error('for ever');
      ms += 60_000;
      const headers = { 'content-type': 'text/x.tlog.mirror-info' };
      const [status, next] = requests % 2 === 0 ? [202, 1] : [409, 0];
      return { status, headers, body: utf8Encode(`20\n${next}\n\n`) };
    };
    const failures = await cosignAgain(scene.urls, receiptTrust(scene.policy).epochs, http, () => ms);
    expect(failures.map(({ message }) => message)).to.have.lengthOf(1);
    expect(failures[0]?.message).to.match(/^无法判断：.*undecided: .*arbitration-1.* within an hour/);
    expect(await scene.accepted()).to.equal(20);
  });

  it('offers nothing that a key signed which the log did not have at that size', async () => {
    const scene = await StillScene.at(20, 20, 20, 20, 20, 20);
    const stolen = testSigner('stolen.example', 0x01);
    const signer = { key: vkeyOf(ORIGIN, 0x01, stolen.key.publicKey), sign: stolen.sign };
    const text = parseNote((await LOG.head(25)).note).text;
    scene.published = formatNote({ text, signatures: [await signNote(text, signer)] });
    const [now] = receiptTrust(scene.policy).epochs;
    const before = { ...now, policy: { ...scene.policy, logs: [{ key: signer.key, url: undefined }] }, upTo: 10 };
    expect(await cosignAgain(scene.urls, [before, now] as PolicyEpoch[], scene.http)).to.deep.equal([]);
    expect(await scene.accepted()).to.equal(20);
  });

  it('needs no tiles for those who all show one checkpoint', async () => {
    const scene = await StillScene.at(20, 20, 20, 20, 20, 20);
    scene.tiles = undefined;
    const cosigned: string[] = [];
    const asked: Http = async (request) => {
      const answer = await scene.http(request);
      if (request.method === 'POST' && answer.status === 200) cosigned.push(new URL(request.url).hostname);
      return answer;
    };
    await cosignAgain(scene.urls, receiptTrust(scene.policy).epochs, asked);
    expect(new Set(cosigned)).to.deep.equal(new Set(scene.members.map(({ name }) => name)));
  });
});
