/**
 * A platform that lies, for real: a second process on a copy of its folder, with its keys, shows another history to one court. Whatever
 * each of the others knows, all of them, that court too, must find it: an alarm line, a metric, and a report that a stranger confirms.
 */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseCheckpoint } from '../ledger/core/checkpoint.ts';
import { formatVkey, parseNote } from '../ledger/core/note.ts';
import { originHash } from '../ledger/witness/request.ts';
import { parseTrustBundle } from '../verifier/core/trust.ts';
import type { PlatformConfig } from './config.ts';
import { openHttpClient } from './http/client.ts';
import { digestDeposit, freePorts, ProcessConsortium, run, until } from './processes/testing.ts';

const VICTIM = 'court-1';
const OTHERS = ['court-2', 'court-3', 'court-4', 'arbitration-1', 'arbitration-2'];
const HASH = originHash('ledger.demo.example');

describe('a platform that shows one court another history', function () {
  this.timeout(900_000);
  let consortium: ProcessConsortium;
  const client = openHttpClient();
  before(async () => {
    consortium = await ProcessConsortium.start();
  });
  after(async () => {
    client.close();
    await consortium.kill('liar');
    await consortium.remove();
  });

  afterEach(function () {
    if (this.currentTest?.state === 'failed') console.error(consortium.stderr.slice(-60).join('\n'));
  });

  async function certified(): Promise<void> {
    const id = await consortium.deposit();
    if (typeof id !== 'string') throw new Error(`the deposit was answered with ${id}`);
    await consortium.reaches(id, 'certified');
  }

  /** Size of the checkpoint that a court shows. */
  async function sizeAt(court: string): Promise<number | undefined> {
    const answer = await consortium.get(`${consortium.urlOf(court)}/witness/${HASH}/checkpoint`);
    return answer?.status === 200 ? parseCheckpoint(parseNote(answer.body).text).size : undefined;
  }

  function forksAt(name: string): string[] {
    const folder = join(consortium.dir(name), 'reports');
    try {
      return readdirSync(folder)
        .filter((file) => file.startsWith('fork-') && file.endsWith('.json'))
        .map((file) => join(folder, file));
    } catch {
      return [];
    }
  }

  const trust = (): string => join(consortium.data, 'trust.json');

  /** A platform with the same keys that answers to one court only: its own policy asks for no other. */
  async function makeLiar(): Promise<string> {
    const dir = consortium.dir('liar');
    cpSync(consortium.dir('platform'), dir, { recursive: true });
    const bundle = JSON.parse(readFileSync(trust(), 'utf8'));
    const lines = (bundle.policy as string).split('\n');
    const kept = lines.filter((line) => line.startsWith('log ') || /^(witness|group) court-1[ .]/.test(line));
    const policy = [...kept, `group courts 1 ${VICTIM}`, 'quorum courts', ''].join('\n');
    const members = (bundle.members as { member: string }[]).filter(({ member }) => member === VICTIM);
    writeFileSync(join(dir, 'trust.json'), JSON.stringify({ ...bundle, policy, members }));
    const config: PlatformConfig = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'));
    const listen = { ...config.listen, port: await freePorts(1) };
    const only = config.members.filter(({ member }) => member === VICTIM);
    writeFileSync(join(dir, 'config.json'), JSON.stringify({ ...config, listen, members: only }));
    return `http://${listen.host}:${listen.port}`;
  }

  it('gets that court to cosign it', async () => {
    await certified();
    await consortium.kill('platform');
    const url = await makeLiar();
    // The true history goes on while the court is away.
    await consortium.kill(VICTIM);
    await consortium.startAlone('platform', 'platform');
    for (let i = 0; i < 3; i++) await certified();
    await consortium.kill('platform');
    await consortium.startAlone('court', VICTIM);
    await consortium.startAlone('platform', 'liar');
    const answer = await client.http({
      method: 'POST',
      url: `${url}/api/v1/deposits`,
      headers: { authorization: `Bearer ${consortium.token}`, 'content-type': 'application/json' },
      body: new Uint8Array(Buffer.from(digestDeposit())),
      timeoutMs: 60_000,
      responseBytesMax: 1 << 20,
    });
    expect(answer.status).equal(202);
    await until('the court has cosigned the other history', async () => (await sizeAt(VICTIM)) === 2);
    expect(await sizeAt('court-2')).equal(4);
  });

  it('is found by every other node and by that court itself: an alarm, a metric, a report', async () => {
    for (const name of [...OTHERS, VICTIM]) {
      await until(`${name} has a report`, () => forksAt(name).length > 0);
      const metrics = await consortium.get(`${consortium.urlOf(name)}/metrics`);
      expect(Buffer.from(metrics?.body ?? []).toString(), name).match(
        /^probata_misbehaviour_total\{kind="fork"\} [1-9]/m,
      );
    }
    for (const name of OTHERS) {
      const alarm = consortium.stderr.find((line) => line.startsWith(name) && line.includes('ALARM monitor-fork'));
      expect(alarm, name).contain(`member=${VICTIM}`).and.contain('report=');
    }
  });

  it('is confirmed to a stranger with the trust bundle or the log’s key alone, who learns who cosigned what', async () => {
    const { policy } = parseTrustBundle(new Uint8Array(readFileSync(trust())));
    const vkey = formatVkey(policy.logs[0]?.key ?? expect.fail('the policy names a log'));
    for (const name of [...OTHERS, VICTIM]) {
      for (const report of forksAt(name)) {
        const { code, stdout } = await run(['check-report', report, '--trust', trust()]);
        expect(code, stdout).equal(0);
        expect(stdout).match(/^本报告证明失信行为：.*\nThis report proves misbehaviour: /);
        expect(stdout).contain('(court-1)');
        expect((await run(['check-report', report, '--vkey', vkey])).code).equal(0);
      }
    }
  });

  it('is not confirmed from a report that was changed', async () => {
    const [report = ''] = forksAt('court-2');
    const text = readFileSync(report, 'utf8');
    const changed = join(consortium.data, 'changed.json');
    const vkey = (await run(['keygen', '--type', 'log', '--name', 'ledger.demo.example', '--out', `${changed}.pem`]))
      .stdout;
    writeFileSync(changed, text.replace('\\n2\\n', '\\n3\\n'));
    const refused = await run(['check-report', changed, '--trust', trust()]);
    expect(refused.code).equal(1);
    expect(refused.stdout).match(/^本报告不能证明失信行为：.*\nThis report does not prove misbehaviour: /);
    expect((await run(['check-report', report, '--vkey', vkey.trim()])).code).equal(1);
    expect((await run(['check-report', `${report}.gone`, '--trust', trust()])).code).equal(64);
    expect((await run(['check-report', report])).code).equal(64);
  });

  it('is found by the true platform when it starts: it refuses to sign, with a report of its own', async () => {
    const { code, stdout } = await run(['platform', consortium.dir('platform')]);
    expect(code, stdout).equal(70);
    expect(stdout).contain('ledger-misbehaviour');
    const [report = ''] = forksAt('platform');
    expect((await run(['check-report', report, '--trust', trust()])).code).equal(0);
  });
});
