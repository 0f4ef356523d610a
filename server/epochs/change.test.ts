/** A change under way in a running consortium: what is told while it waits, and what is left when it is withdrawn. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatVkey } from '../../ledger/core/note.ts';
import { parseTrustBundle } from '../../verifier/core/trust.ts';
import { refill } from '../recovery/refill.ts';
import { readTrust } from '../roles/platform-setup.ts';
import { TestConsortium } from '../roles/testing.ts';
import { digests, until } from '../testing.ts';
import { rotate } from './member.ts';
import { isProposed, isProven, nextDir } from './next.ts';
import { type Proposal, propose } from './propose.ts';

const RECEIPT: Proposal = { member: [], leave: [], newKey: ['receipt'], revoke: [] };

describe('server/epochs change', function () {
  this.timeout(120_000);
  let consortium: TestConsortium;
  let dir: string;
  before(async () => {
    consortium = await TestConsortium.start({}, 1, 1);
    dir = consortium.dir('platform');
  });
  after(() => consortium.end());

  async function certify(name: string): Promise<void> {
    const headers = { 'content-type': 'application/json', prefer: 'wait=60' };
    const body = JSON.stringify({ files: digests(name).files });
    const response = await consortium.fetch('/api/v1/deposits', { method: 'POST', body, headers });
    expect(response.status, await response.clone().text()).to.equal(201);
  }

  it('may be withdrawn until its proof is written, also when its entry is on the ledger and cosigned', async () => {
    await certify('before');
    await consortium.stop('platform');
    await propose(dir, RECEIPT, Date.now());
    // The proof cannot be written: the last moment before the point of no return.
    mkdirSync(join(nextDir(dir), 'trust.json.new'));
    expect(await consortium.startPlatform().catch((error) => error.code)).to.equal('EISDIR');
    expect([isProposed(dir), isProven(dir)]).to.deep.equal([true, false]);
    rmSync(nextDir(dir), { recursive: true });
    await consortium.startPlatform();
    await certify('withdrawn');
    expect(readTrust(dir).epoch).to.equal(1);
    await consortium.stop('platform');
    await propose(dir, RECEIPT, Date.now());
    await consortium.startPlatform();
    await certify('proposed again');
    expect(readTrust(dir).epoch).to.equal(2);
  });

  it('tells whom it waits for, and goes on by itself', async () => {
    await consortium.stop('platform');
    await consortium.stop('arbitration-1');
    await propose(dir, RECEIPT, Date.now());
    const waiting = consortium.startPlatform();
    const told = (): unknown[] => consortium.events.filter(({ event }) => event === 'epoch-waiting');
    await until(() => told().length === 2);
    const event = { level: 'warn', event: 'epoch-waiting', fields: { reason: 'no answer from arbitration-1' } };
    expect(told()).to.deep.equal([event, event]);
    await consortium.startMember('arbitration-1');
    await waiting;
    expect(readTrust(dir).epoch).to.equal(3);
    const wasTold = told().length;
    await certify('after it');
    expect(told()).to.have.length(wasTold);
  });

  it('replaces the only mirror’s key, and revokes the old one then, which the policy no longer has', async () => {
    const old = formatVkey(readTrust(dir).policy.witnesses.get('arbitration-1.ed25519')?.key ?? expect.fail('no key'));
    const member = await rotate(consortium.dir('arbitration-1'), { timestamps: false }, Date.now());
    await consortium.stop('arbitration-1');
    await consortium.startMember('arbitration-1');
    const revoke = [`${old}=2026-01-01T00:00:00Z`];
    const atOnce = await propose(dir, { ...RECEIPT, member: [member], revoke }, Date.now()).catch(({ code }) => code);
    expect(atOnce).to.equal('input-malformed');
    for (const proposal of [
      { ...RECEIPT, member: [member] },
      { ...RECEIPT, revoke },
    ]) {
      await propose(dir, proposal, Date.now());
      await consortium.stop('platform');
      await consortium.startPlatform();
      await certify('with the new key');
    }
    const { revoked } = parseTrustBundle(readTrust(dir).bytes);
    expect(revoked.map(({ key }) => key)).to.deep.equal([old]);
  });

  it('is not made again when a backup from before it puts it back over a later policy', async () => {
    await consortium.stop('platform');
    const { bytes, epoch } = readTrust(dir);
    await propose(dir, RECEIPT, Date.now());
    const old = join(consortium.folder('old'), 'next');
    cpSync(nextDir(dir), old, { recursive: true });
    await consortium.startPlatform();
    await consortium.stop('platform');
    const present = readTrust(dir);
    expect(present.epoch).to.equal(epoch + 1);
    const refused = async (expected: RegExp): Promise<void> => {
      for (const begin of [
        () => consortium.startPlatform(),
        () => refill(dir, consortium.url('arbitration-1'), () => {}),
      ]) {
        const error = await begin().catch((thrown) => thrown);
        expect(error).to.have.property('code', 'config-malformed');
        expect(error.message).to.match(expected);
        expect(readTrust(dir).bytes).to.deep.equal(present.bytes);
      }
    };
    cpSync(old, nextDir(dir), { recursive: true });
    await refused(/is not made: it was prepared for the policy of epoch 5, and trust\.json is of epoch 6\. If/);
    // As if written by hand: it says nothing of what it follows.
    rmSync(join(nextDir(dir), 'follows'));
    await refused(/is not made: it was made already, as epoch 6\. If/);
    // And when the backup fell between the proof and the files.
    writeFileSync(join(nextDir(dir), 'trust.json'), present.bytes);
    await refused(/is not made: it was prepared for the policy of epoch 5, and trust\.json is of epoch 6\. If/);
    writeFileSync(join(nextDir(dir), 'trust.json'), bytes);
    await refused(/is not made: it was prepared for the policy of epoch 4, and trust\.json is of epoch 6\. If/);
    rmSync(nextDir(dir), { recursive: true });
    await consortium.startPlatform();
    await certify('under the later policy');
  });
});
