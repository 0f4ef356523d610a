/** Readiness says what a deposit would meet, also when everybody answers what is asked and nobody cosigns. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { TOKENS_FILE } from './auth.ts';
import { CONFIG_FILE, readConfig } from './config.ts';
import { formatJson } from './epochs/next.ts';
import { Readiness, type ReadyState } from './health.ts';
import { RECEIPT_DEADLINE_MS } from './intake/limits.ts';
import { Metrics } from './metrics.ts';
import { readTrust } from './roles/platform-setup.ts';
import { TestConsortium } from './roles/testing.ts';
import { digests, until } from './testing.ts';

/** Longer than an answer about what waits is good for. */
const LOOK_MS = 11_000;
/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:1';

describe('server/health', function () {
  this.timeout(240_000);
  let consortium: TestConsortium;
  let dir: string;
  let aheadMs = 0;
  let freeBytes = 1000;
  const surroundings = {
    clock: (): number => Date.now() + aheadMs,
    volume: async () => ({ freeBytes, totalBytes: 1000 }),
  };
  before(async () => {
    consortium = await TestConsortium.start(surroundings, 1, 1);
    dir = consortium.dir('platform');
  });
  after(() => consortium.end());

  async function deposit(name: string): Promise<string> {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ files: digests(name).files });
    const answer = await consortium.fetch('/api/v1/deposits', { method: 'POST', body, headers });
    return answer.status === 202 ? 'taken' : ((await answer.json()) as { code: string }).code;
  }

  async function ready(): Promise<ReadyState & { readonly status: number }> {
    const answer = await consortium.fetch('/readyz');
    return { status: answer.status, ...((await answer.json()) as ReadyState) };
  }

  const gauge = async (): Promise<string | undefined> =>
    /^probata_ready (\d)$/m.exec(await (await consortium.fetch('/metrics')).text())?.[1];

  async function restartWith(config: object): Promise<void> {
    await consortium.stop('platform');
    writeFileSync(join(dir, CONFIG_FILE), formatJson(config));
    await consortium.startPlatform(surroundings);
  }

  it('is not ready while deposits are refused because what was promised waits too long for a quorum', async () => {
    const config = readConfig(dir, 'platform');
    expect(await deposit('a')).equal('taken');
    await until(async () => (await ready()).published === 1);
    // What they show can be read, and no checkpoint reaches them.
    const members = config.members.map((each) => ({ ...each, url: NOWHERE, monitoringUrl: each.url }));
    await restartWith({ ...config, members });
    expect(await deposit('b')).equal('taken');
    // The question at start is asked by showing them a checkpoint, so it is not settled either.
    await until(async () => /question at start/.test((await ready()).message.en));
    expect(await gauge()).equal('0');

    aheadMs += RECEIPT_DEADLINE_MS / 2 + LOOK_MS;
    expect(await deposit('c')).equal('quorum-away');
    // Everybody answers: the ledger's own attempts, which fail, are heard as well.
    await until(async () => (await ready()).groups.every(({ short }) => !short));
    const { status, ready: isReady, message } = await ready();
    expect({ status, isReady }).deep.equal({ status: 503, isReady: false });
    expect(message.en).match(/^The ledger has gone without the cosignatures of a quorum for half a day/);
    expect(message.zh).match(/^账本已有半天未取得足够的共同签名/);
    expect(await gauge()).equal('0');

    await restartWith(config);
    await until(async () => (await ready()).published === 2);
    aheadMs += LOOK_MS;
    await until(async () => (await ready()).status === 200);
    expect(await deposit('d')).equal('taken');
  });

  /** What was told since of this, level first. */
  const toldSince = (from: number, events: readonly string[]): string[] =>
    consortium.events
      .slice(from)
      .filter(({ event }) => events.includes(event))
      .map(({ level, event }) => `${level} ${event}`);

  it('raises an alarm when space runs short, although nobody deposits or asks, and is not ready until it is back', async () => {
    await until(async () => (await ready()).status === 200);
    const from = consortium.events.length;
    const told = (): string[] => toldSince(from, ['storage-full', 'storage-freed']);
    freeBytes = 49;
    await until(() => told().length > 0);
    expect(await deposit('full')).equal('storage-full');
    const { status, message } = await ready();
    expect(status).equal(503);
    expect(message.en).equal('The platform is short of storage and takes no deposits now.');
    expect(message.zh).equal('平台存储空间不足，暂停接收存证。');
    expect(await gauge()).equal('0');
    expect(told(), 'once, however often it is looked at').deep.equal(['alarm storage-full']);

    for (const bytes of [55, 49, 55]) {
      freeBytes = bytes;
      expect((await ready()).status).equal(bytes === 55 ? 200 : 503);
    }
    expect(told(), 'once, while it hovers').deep.equal(['alarm storage-full']);
    freeBytes = 1000;
    expect((await ready()).status).equal(200);
    expect(await gauge()).equal('1');
    expect(told()).deep.equal(['alarm storage-full', 'info storage-freed']);
  });

  it('raises an alarm when no token can be checked, says nothing of what the file holds, and is not ready meanwhile', async () => {
    await until(async () => (await ready()).status === 200);
    const from = consortium.events.length;
    const told = (): string[] => toldSince(from, ['tokens-unreadable', 'tokens-readable']);
    const path = join(dir, TOKENS_FILE);
    const good = readFileSync(path, 'utf8');
    writeFileSync(path, '张三 is no JSON');
    await until(() => told().length > 0);
    expect(await deposit('unknown')).equal('tokens-unreadable');
    const { status, message } = await ready();
    expect({ status, en: message.en }).deep.equal({
      status: 503,
      en: 'The platform cannot check tokens, so nobody can deposit.',
    });
    expect(await gauge()).equal('0');
    expect(JSON.stringify(consortium.events.slice(from)))
      .include('it is not JSON')
      .and.not.include('张三');

    writeFileSync(path, good);
    expect((await ready()).status).equal(200);
    expect(told()).deep.equal(['alarm tokens-unreadable', 'info tokens-readable']);
  });

  it('is not ready before the question at start is settled, though what is published has a quorum that answers', async () => {
    const there = async (): Promise<boolean> => true;
    let inArrears = false;
    const readiness = new Readiness({
      policy: readTrust(dir).policy,
      ...{ cosigners: [], publishedSize: () => 1, clockIsBehind: () => false, isInArrears: async () => inArrears },
      ...{ needs: { tokens: there, space: there }, log: () => {} },
    });
    for (const name of ['court-1', 'arbitration-1']) readiness.heard(name, true);
    const { ready: isReady, message } = await readiness.state();
    expect(isReady).equal(false);
    expect(message.en).match(/^Too few members have answered the question at start/);
    readiness.settled();
    expect((await readiness.state()).ready).equal(true);
    inArrears = true;
    expect((await readiness.state()).ready, 'in arrears').equal(false);
  });

  it('is no reason for a page without figures when it cannot be told', async () => {
    const metrics = new Metrics();
    const [none, seven] = [() => 0, () => 7];
    metrics.watch({
      ...{ requests: none, outstanding: none, owed: none, headSize: seven, publishedSize: seven },
      ...{ members: [], answering: () => new Set<string>(), groups: () => [] },
      isReady: () => Promise.reject(new Error('the store cannot be read')),
    });
    const text = await metrics.text();
    expect(text)
      .match(/^probata_ready 0$/m)
      .and.match(/^probata_ledger_size 7$/m);
  });
});
