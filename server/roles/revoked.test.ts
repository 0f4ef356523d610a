/** A consortium with a revoked court: the platform counts no more of it than a judge does, so what it publishes is good for a certificate. */
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseNote } from '../../ledger/core/note.ts';
import { parseTlogProof } from '../../ledger/core/tlog-proof.ts';
import { parseTrustBundle, type TrustBundle } from '../../verifier/core/trust.ts';
import { KEY_FILES, readConfig, TRUST_FILE } from '../config.ts';
import { propose } from '../epochs/propose.ts';
import type { DepositView } from '../http/deposit-view.ts';
import { digests, until } from '../testing.ts';
import { cosignersOf, readTrust } from './platform-setup.ts';
import { TestConsortium } from './testing.ts';

describe('server/roles with a revoked court', function () {
  this.timeout(240_000);
  let consortium: TestConsortium;
  before(async () => {
    consortium = await TestConsortium.start({}, 4, 1);
  });
  after(() => consortium.end());

  const readiness = async (): Promise<string> => {
    const response = await consortium.fetch('/readyz');
    const { message } = (await response.json()) as { message: { en: string } };
    return `${response.status} ${message.en}`;
  };
  const untilReadiness = (text: string): Promise<void> => until(async () => (await readiness()).includes(text));
  const view = async (id: string): Promise<DepositView> =>
    (await consortium.fetch(`/api/v1/deposits/${id}`)).json() as never;
  const untilState = (id: string, state: string): Promise<void> => until(async () => (await view(id)).state === state);

  async function deposit(): Promise<DepositView> {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ files: digests('a').files });
    return (await consortium.fetch('/api/v1/deposits', { method: 'POST', body, headers })).json() as never;
  }

  /** Revokes the keys that have such a name in the policy, as of the beginning. */
  async function revoke(name: RegExp): Promise<void> {
    const path = join(consortium.dir('platform'), TRUST_FILE);
    const { policy } = parseTrustBundle(readFileSync(path));
    const keys = policy.text.split('\n').flatMap((line) => {
      const [kind, witness = '', vkey = ''] = line.split(' ');
      return kind === 'witness' && name.test(witness) ? [vkey] : [];
    });
    expect(keys).not.deep.equal([]);
    await revokeKeys(keys);
  }

  async function revokeKeys(keys: readonly string[]): Promise<void> {
    await consortium.stop('platform');
    const path = join(consortium.dir('platform'), TRUST_FILE);
    const revoked = keys.map((key) => ({ key, at: '2026-01-01T00:00:00Z' }));
    const bundle = JSON.parse(readFileSync(path, 'utf8')) as TrustBundle;
    writeFileSync(path, JSON.stringify({ ...bundle, revoked }));
    await consortium.startPlatform();
  }

  it('is not ready, and publishes nothing, for as long as the quorum would need that court', async () => {
    await consortium.stop('court-2');
    await untilReadiness('200');
    await untilState((await deposit()).id, 'certified');

    await revoke(/^court-1\./);
    const { id } = await deposit();
    await untilReadiness('503');
    expect(await readiness()).include('courts: 2 of the 3 needed');

    await consortium.startMember('court-2');
    await untilState(id, 'certified');
    await untilReadiness('200');
    const { links } = await view(id);
    const proof = parseTlogProof(await (await consortium.fetch(links['proof'] as string)).text());
    const names = parseNote(proof.checkpoint).signatures.map((line) => line.name);
    expect(names).include('court-2.test.example').and.not.include('court-1.test.example');
  });

  it('counts no half of a member of which one key is revoked', async () => {
    await revoke(/^court-3\.ed25519$/);
    await untilReadiness('200');
    await consortium.stop('court-4');
    await untilReadiness('courts: 2 of the 3 needed');
    await consortium.startMember('court-4');
  });

  it('asks a member whose keys count, and refuses one that the policy does not know', async () => {
    await revoke(/^court-1\./);
    const dir = consortium.dir('platform');
    const config = readConfig(dir, 'platform');
    const cosigners = (members: typeof config.members): string[] =>
      cosignersOf({ ...config, members }, readTrust(dir), fetch as never, {} as never).map(({ name }) => name);
    expect(cosigners(config.members)).deep.equal(['court-2', 'court-3', 'court-4', 'arbitration-1']);
    const [first] = config.members;
    if (first === undefined) throw new Error('there are members');
    expect(() => cosigners([{ ...first, member: 'court-9' }])).throw('no member court-9');
  });

  it('has the timestamps of another court, and names the one whose certificate is revoked', async () => {
    const chain = readFileSync(join(consortium.dir('court-1'), KEY_FILES.tsaChain));
    await revokeKeys([new X509Certificate(chain).fingerprint256.replaceAll(':', '').toLowerCase()]);
    await untilReadiness('200');
    await untilState((await deposit()).id, 'certified');
    const failed = consortium.events.filter(({ event }) => event === 'timestamp-failed');
    expect(failed.map(({ level, fields }) => `${level} ${fields.member} ${fields.count}`)).deep.equal([
      'warn court-1 1',
    ]);
    expect(failed[0]?.fields.reason).match(/was revoked/);
  });

  it('waits in a change of policy for everybody but that court, and names nobody else', async () => {
    await consortium.stop('platform');
    await consortium.stop('arbitration-1');
    await propose(consortium.dir('platform'), { member: [], leave: [], newKey: ['receipt'], revoke: [] }, Date.now());
    const waiting = consortium.startPlatform();
    const told = (): unknown => consortium.events.findLast(({ event }) => event === 'epoch-waiting')?.fields['reason'];
    try {
      // On a slow machine the first one may come before the others have answered.
      await until(() => told() !== undefined && !/court-[234]/.test(String(told())));
      expect(told()).equal('no answer from arbitration-1');
    } finally {
      await consortium.startMember('arbitration-1');
      await waiting;
    }
    await untilReadiness('200');
  });
});
