/** A refill of what is damaged, and of what is older than a change of policy. A refill of an old or empty ledger: recovery.test.ts. */
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { concat, utf8Encode } from '../../ledger/core/bytes.ts';
import { type Entry, formatEntry } from '../../ledger/core/entry.ts';
import { sha256 } from '../../ledger/core/hash.ts';
import { statementDigest } from '../../verifier/core/statement.ts';
import { runFsck } from '../commands/fsck.ts';
import { CONFIG_FILE, readConfig, TRUST_FILE } from '../config.ts';
import { readProposed } from '../epochs/next.ts';
import { propose } from '../epochs/propose.ts';
import { readTrust } from '../roles/platform-setup.ts';
import { TestConsortium } from '../roles/testing.ts';
import { until } from '../testing.ts';
import { PLATFORM_TILES } from '../wiring.ts';
import { refuseLaterPolicy } from './later-policy.ts';
import { type Refilled, refill } from './refill.ts';
import { backedUp, below, grow, ledgerOf, restored, rot, shownBy } from './testing.ts';

const SIZE = 300;

describe('refill', function () {
  this.timeout(900_000);
  let consortium: TestConsortium;
  let dir: string;

  beforeEach(async () => {
    consortium = await TestConsortium.start();
    dir = consortium.dir('platform');
  });

  afterEach(() => consortium.end());

  const fromMirror = (): Promise<Refilled> => refill(dir, `${consortium.url('arbitration-1')}/mirror`, () => {});

  async function fsck(): Promise<{ code: number; said: string }> {
    const said: string[] = [];
    const say = (line: string): void => void said.push(line);
    const code = await runFsck(dir, { evidence: true }, { env: {}, out: say, err: say });
    return { code, said: said.join('\n') };
  }

  const tileRows = (): Promise<string[]> =>
    below(dir, (db) => db.keys({ gte: `${PLATFORM_TILES}tile/`, lt: `${PLATFORM_TILES}tile/~` }).all());

  it('mends every kind of row of a tile: rotten, gone, another; inside, on the right edge, and left from before', async () => {
    for (const count of [40, SIZE - 43, 1, 1, 1]) await grow(consortium, count);
    await until(async () => (await shownBy(consortium, 'arbitration-1'))?.size === SIZE);
    await consortium.stop('platform');
    const whole = { ...(await shownBy(consortium, 'arbitration-1')), added: 0, lost: 0 };
    const rows = await tileRows();
    const present = ['tile/entries/000', 'tile/entries/001.p/44', 'tile/0/000', 'tile/0/001.p/44', 'tile/1/000.p/1'];
    const narrower = ['tile/entries/001.p/43', 'tile/0/001.p/43'];
    expect(rows).to.include.members([...present, ...narrower].map((name) => PLATFORM_TILES + name));
    const other = utf8Encode('another');
    const defects: ((key: string, i: number) => Promise<void>)[] = [
      (key, i) => rot(dir, key, 5 + i * 7919),
      (key) => below(dir, (db) => db.put(key, concat(sha256(concat(utf8Encode(key), other)), other))),
      (key) => below(dir, (db) => db.del(key)),
    ];
    // Each row each kind once, and all of them at once. A narrower form that rots is taken away: there is nothing more to mend.
    for (let turn = 0; turn < defects.length; turn++) {
      const damaged = turn === 0 ? [...present, ...narrower] : present;
      for (const [i, name] of damaged.entries()) {
        const kind = narrower.includes(name) ? 0 : (i + turn) % defects.length;
        await defects[kind]?.(PLATFORM_TILES + name, i);
      }
      if (turn === 0) {
        const { said } = await fsck();
        for (const name of damaged) expect(said).to.include(name);
      }
      expect(await fromMirror(), `turn ${turn}`).to.deep.equal({ ...whole, mended: damaged.length });
    }
    const { code, said } = await fsck();
    expect(code, said).to.equal(0);
    const all = await tileRows();
    for (const [i, key] of all.entries()) await rot(dir, key, i * 7919);
    expect(await fromMirror()).to.deep.equal({ ...whole, mended: all.length });
    await backedUp(consortium, 'platform');
    await consortium.startPlatform();
    expect((await grow(consortium, 2)).size).to.equal(SIZE + 2);
  });

  it('names a rotten row that no mirror has, and mends what an old ledger had while it grows', async () => {
    await grow(consortium, SIZE);
    await consortium.stop('platform');
    const file = await backedUp(consortium, 'platform');
    await consortium.startPlatform();
    const { size } = await grow(consortium, 5);
    await until(async () => (await shownBy(consortium, 'arbitration-1'))?.size === size);
    await consortium.stop('platform');
    await restored(consortium, 'platform', file);
    await rot(dir, `${PLATFORM_TILES}tile/entries/001.p/44`, 300);
    await rot(dir, `${PLATFORM_TILES}tile/0/000`, 300);
    const head = await below(dir, async (db) => (await db.keys({ gte: 'heads!', lt: 'heads!~' }).all()).at(-1));
    await rot(dir, head as string, 9);
    const refusal = await fromMirror().catch((error) => error);
    expect(refusal).to.have.property('code', 'data-corrupt');
    expect(refusal.message).to.include(head).and.to.include('restore a backup');
    await rot(dir, head as string, 9);
    expect(await fromMirror()).to.deep.include({ size, added: 5, mended: 2 });
    expect(await fsck()).to.include({ code: 0 });
    await consortium.startPlatform();
  });

  const OF_A_POLICY = [TRUST_FILE, CONFIG_FILE, 'keys'];

  /** Copies trust bundle, configuration and keys. */
  function copyPolicy(from: string, to: string): void {
    mkdirSync(to, { recursive: true });
    for (const file of OF_A_POLICY) cpSync(join(from, file), join(to, file), { recursive: true });
  }

  const RECEIPT_AND_PDF = { member: [], leave: [], newKey: ['receipt', 'pdf'] as const, revoke: [] };

  /** Three entries, a backup, a change of keys, two more entries; the platform is stopped. */
  async function changedSince(): Promise<{ file: string; present: string }> {
    await grow(consortium, 3);
    await consortium.stop('platform');
    const file = await backedUp(consortium, 'platform');
    await propose(dir, RECEIPT_AND_PDF, Date.now());
    await consortium.startPlatform();
    await until(async () => (await consortium.fetch('/readyz')).status === 200);
    await grow(consortium, 2);
    await until(async () => (await shownBy(consortium, 'arbitration-1'))?.size === 6);
    await consortium.stop('platform');
    const present = consortium.folder('present');
    copyPolicy(dir, present);
    return { file, present };
  }

  it('revives no policy that the ledger has ended: an old backup needs the present bundle and keys', async () => {
    const { file, present } = await changedSince();
    await restored(consortium, 'platform', file);
    const rows = () => below(dir, (db) => db.iterator().all());
    const before = await rows();
    const refusal = await fromMirror().catch((error) => error);
    expect(refusal).to.have.property('code', 'refill-refused');
    expect(refusal.message)
      .to.match(/entry 3 has ended the policy/)
      .and.to.include('put the present trust.json');
    expect(await rows()).to.deep.equal(before);
    expect(existsSync(join(dir, 'refilling'))).to.equal(false);
    copyPolicy(present, dir);
    expect(await fromMirror()).to.deep.include({ size: 6, added: 3 });
    await consortium.startPlatform();
    expect((await grow(consortium, 1)).size).to.equal(7);
  });

  it('puts a proven change in place that was cut short, and leaves to the start the one whose entry is last', async () => {
    const { file, present } = await changedSince();
    await restored(consortium, 'platform', file);
    copyPolicy(present, join(dir, 'next'));
    expect(await fromMirror()).to.deep.include({ size: 6, added: 3 });
    const trust = readTrust(dir);
    expect(trust.epoch).to.equal(2);
    // The same change once more, as a backup of that moment would bring it back.
    copyPolicy(present, join(dir, 'next'));
    expect(await fromMirror().catch(({ code }) => code)).to.equal('config-malformed');
    expect(readTrust(dir).bytes).to.deep.equal(trust.bytes);
    rmSync(join(dir, 'next'), { recursive: true });
    await propose(dir, RECEIPT_AND_PDF, Date.now());
    const statement = statementDigest(JSON.parse(Buffer.from(readProposed(dir)).toString('utf8')), trust.statement);
    const received = '2026-11-25T00:00:00.000Z';
    const other: Entry = { kind: 'policy', v: 1, received, statement: '0'.repeat(64) };
    const own: Entry = { ...other, statement };
    const id = '01936d2c-0000-7000-8000-000000000000';
    const deposit: Entry = { kind: 'deposit', v: 1, id, received, commitment: '0'.repeat(64) };
    let withdrawn: number[] = [];
    const answerTo = async (...entries: Entry[]): Promise<unknown> => {
      const [known] = trust.past;
      const size = (known?.upTo ?? 0) + entries.length;
      const head = { note: '', checkpoint: { origin: '', size, root: new Uint8Array(32), extensions: [] } };
      return refuseLaterPolicy(dir, trust, { head, entries: async () => entries.map(formatEntry) }, withdrawn).catch(
        (error) => error.code,
      );
    };
    expect(await answerTo(deposit, own)).to.equal(undefined);
    expect(await answerTo(own, deposit)).to.equal('refill-refused');
    expect(await answerTo(deposit, other)).to.equal('refill-refused');
    rmSync(join(dir, 'next'), { recursive: true });
    expect(await answerTo(deposit, own)).to.equal('refill-refused');
    withdrawn = [(trust.past.at(-1)?.upTo ?? 0) + 1];
    expect(await answerTo(deposit, own, deposit)).to.equal(undefined);
    expect(await answerTo(deposit, own, other)).to.equal('refill-refused');
  });

  it('believes no courts that show an old checkpoint and say, asked with the copy, that they have cosigned more', async () => {
    await grow(consortium, 2);
    await until(async () => (await shownBy(consortium, 'arbitration-1'))?.size === 2);
    const courts = ['court-1', 'court-2', 'court-3', 'court-4'];
    const shown = async (name: string): Promise<string> =>
      (await fetch(`${ledgerOf(consortium, name)}/checkpoint`)).text();
    await until(async () =>
      (await Promise.all(courts.map((name) => shownBy(consortium, name)))).every((it) => it?.size === 2),
    );
    const old = new Map(await Promise.all(courts.map(async (name) => [name, await shown(name)] as const)));
    await consortium.stop('arbitration-1');
    const mirror = consortium.folder('mirror');
    cpSync(consortium.dir('arbitration-1'), mirror, { recursive: true });
    await consortium.startMember('arbitration-1');
    await grow(consortium, 2);
    await until(async () =>
      (await Promise.all(courts.map((name) => shownBy(consortium, name)))).every((it) => it?.size === 4),
    );
    await consortium.stop('platform');
    rmSync(join(dir, 'store'), { recursive: true });
    let hides = true;
    const front = createServer(async (request, response) => {
      const name = request.url?.split('/')[1] ?? '';
      response.end(hides ? old.get(name) : await shown(name));
    }).listen(0, '127.0.0.1');
    await once(front, 'listening');
    const monitoring = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
    const config = readConfig(dir, 'platform');
    const members = config.members.map((each) =>
      each.kind === 'court' ? { ...each, monitoringUrl: `${monitoring}/${each.member}` } : each,
    );
    writeFileSync(join(dir, CONFIG_FILE), JSON.stringify({ ...config, members }));
    const told: string[] = [];
    let outcome: string | undefined;
    const refilled = refill(dir, mirror, (line) => told.push(line)).then(
      () => 'refilled',
      (error) => error.code,
    );
    void refilled.then((code) => {
      outcome = code;
    });
    try {
      const isTold = (): boolean => told.some((line) => /has cosigned size 4, and does not show it/.test(line));
      await until(() => isTold() || outcome !== undefined);
      expect(outcome).to.equal(undefined);
      hides = false;
      expect(await refilled).to.equal('refill-refused');
    } finally {
      front.closeAllConnections();
      front.close();
    }
  });
});
