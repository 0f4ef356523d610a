/** Readiness says what a deposit would meet, also when everybody answers what is asked and nobody cosigns. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CONFIG_FILE, readConfig } from './config.ts';
import { formatJson } from './epochs/next.ts';
import type { ReadyState } from './health.ts';
import { RECEIPT_DEADLINE_MS } from './intake/limits.ts';
import { Metrics } from './metrics.ts';
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
  const clock = (): number => Date.now() + aheadMs;
  before(async () => {
    consortium = await TestConsortium.start({ clock }, 1, 1);
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
    await consortium.startPlatform({ clock });
  }

  it('is not ready while deposits are refused because what was promised waits too long for a quorum', async () => {
    const config = readConfig(dir, 'platform');
    expect(await deposit('a')).equal('taken');
    await until(async () => (await ready()).published === 1);
    // What they show can be read, and no checkpoint reaches them.
    const members = config.members.map((each) => ({ ...each, url: NOWHERE, monitoringUrl: each.url }));
    await restartWith({ ...config, members });
    expect(await deposit('b')).equal('taken');
    await until(async () => (await ready()).status === 200);
    expect(await gauge()).equal('1');

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
