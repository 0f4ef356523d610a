/**
 * A consortium in this process whose keys and bodies change while it runs, by the commands an operator gives: after every change it
 * certifies again, and at the end one bundle judges the certificates of all epochs. Cut short in the middle: crash.slow.test.ts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { nodeFonts } from '../../certs/render/fonts-node.ts';
import { renderCertificate, rendererId } from '../../certs/render/render.ts';
import { noteRow } from '../../fixtures/tables.ts';
import { formatVkey } from '../../ledger/core/note.ts';
import { parsePolicy } from '../../ledger/core/policy.ts';
import { explain } from '../../verifier/core/explain.ts';
import type { Report } from '../../verifier/core/report.ts';
import { parseTrustBundle } from '../../verifier/core/trust.ts';
import { verify } from '../../verifier/core/verify.ts';
import { TRUST_FILE } from '../config.ts';
import type { DepositView } from '../http/deposit-view.ts';
import { freePorts } from '../processes/testing.ts';
import { TestConsortium } from '../roles/testing.ts';
import { digests, until } from '../testing.ts';
import { rotate, settle, trustLog } from './member.ts';
import { makeMemberFolder } from './new-member.ts';
import { type Proposal, propose } from './propose.ts';

const NOTHING: Proposal = { member: [], leave: [], newKey: [], revoke: [] };

describe('a consortium that changes', function () {
  this.timeout(1_200_000);
  let consortium: TestConsortium;
  let firstBundle: Uint8Array;
  const certificates: { readonly name: string; readonly pdf: Uint8Array }[] = [];
  before(async () => {
    consortium = await TestConsortium.start({}, 4, 2);
    firstBundle = bundle();
  });
  after(() => consortium.end());

  const bundle = (): Uint8Array => new Uint8Array(readFileSync(join(consortium.dir('platform'), TRUST_FILE)));
  const restart = async (name: string): Promise<void> => {
    await consortium.stop(name);
    await consortium.startMember(name);
  };

  async function certify(name: string): Promise<void> {
    const headers = { 'content-type': 'application/json', prefer: 'wait=60' };
    const body = JSON.stringify({ files: digests(name).files });
    const response = await consortium.fetch('/api/v1/deposits', { method: 'POST', body, headers });
    expect(response.status, await response.clone().text()).to.equal(201);
    const { links } = (await response.json()) as DepositView;
    const pdf = new Uint8Array(await (await consortium.fetch(links['certificate'] as string)).arrayBuffer());
    certificates.push({ name, pdf });
  }

  /** Proposes, and starts the platform again. */
  async function change(proposal: Partial<Proposal>): Promise<void> {
    await propose(consortium.dir('platform'), { ...NOTHING, ...proposal }, Date.now());
    await consortium.stop('platform');
    await consortium.startPlatform();
    await until(async () => (await consortium.fetch('/readyz')).status === 200);
  }

  const judge = (certificate: Uint8Array, trust: Uint8Array): Promise<Report> =>
    verify({
      certificate,
      trust,
      evidence: [],
      certificateOnly: true,
      nowMs: Date.now(),
      rerender: async (source) => (await renderCertificate(source, nodeFonts())).bytes,
      rendererId: rendererId(),
    });

  it('replaces a court’s keys, its timestamps too', async () => {
    await certify('before');
    const member = await rotate(consortium.dir('court-1'), { timestamps: true }, Date.now());
    await restart('court-1');
    await change({ member: [member] });
    await certify('court key replaced, before it has settled');
    await settle(consortium.dir('court-1'), join(consortium.dir('platform'), TRUST_FILE));
    await restart('court-1');
    await certify('court key replaced');
  });

  it('replaces the log’s key', async () => {
    const lines = await propose(consortium.dir('platform'), { ...NOTHING, newKey: ['log'] }, Date.now());
    const vkey = lines[0]?.split(' ').at(-1) ?? '';
    for (const name of ['court-1', 'court-2', 'court-3', 'court-4', 'arbitration-1', 'arbitration-2']) {
      trustLog(consortium.dir(name), vkey);
      await restart(name);
    }
    await consortium.stop('platform');
    await consortium.startPlatform();
    await certify('log key replaced');
    const { policy } = parseTrustBundle(bundle());
    expect(policy.logs.map(({ key }) => formatVkey(key))).to.deep.equal([vkey]);
  });

  it('takes a court in and lets one go', async () => {
    const [port = 0] = [await freePorts(1)];
    const trust = join(consortium.dir('platform'), TRUST_FILE);
    const { file } = await makeMemberFolder({ data: consortium.data, member: 'court-5', port, trust }, Date.now());
    await consortium.startMember('court-5');
    await change({ member: [file], leave: ['court-2'] });
    await consortium.stop('court-2');
    await certify('one court joined, one left');
    expect(parsePolicy(parseTrustBundle(bundle()).policy.text).groups.get('courts')?.members).to.include('court-5');
  });

  it('replaces a mirror’s key, the receipt key and the PDF key at once', async () => {
    const member = await rotate(consortium.dir('arbitration-1'), { timestamps: false }, Date.now());
    await restart('arbitration-1');
    await change({ member: [member], newKey: ['receipt', 'pdf'] });
    await certify('mirror, receipt and PDF key replaced');
  });

  it('revokes a stolen court key, whose own cosignature does not vouch for that', async () => {
    const member = await rotate(consortium.dir('court-3'), { timestamps: false }, Date.now());
    await restart('court-3');
    await change({ member: [member], revoke: [`court-3=${new Date(Date.now() - 1000).toISOString()}`] });
    await certify('court key stolen and revoked');
  });

  it('revokes a key that was replaced long ago, and those of a court that has left', async () => {
    const old = parseTrustBundle(firstBundle).policy.witnesses.get('court-1.ed25519')?.key ?? expect.fail('no key');
    const at = new Date().toISOString();
    await change({ revoke: [`${formatVkey(old)}=${at}`, `court-2=${at}`] });
    await certify('keys of ended epochs revoked');
    expect(
      parseTrustBundle(bundle())
        .revoked.slice(-3)
        .map(({ at: since }) => since),
    ).to.deep.equal([at, at, at]);
  });

  it('one bundle judges the certificates of all epochs, each by its own', async () => {
    const trust = bundle();
    const epochs = [1, 2, 2, 3, 4, 5, 6, 7];
    const seen: (number | undefined)[] = [];
    for (const { name, pdf } of certificates) {
      const report = await judge(pdf, trust);
      const epoch = report.facts?.epoch.number;
      noteRow('key life cycle', `consortium: ${name}`, {
        case: `a running consortium: ${name}`,
        expectation: `consistent in epoch ${epochs[seen.length]}`,
        result: `${report.outcome} in epoch ${epoch}`,
      });
      expect(report.outcome, `${name}: ${JSON.stringify(report.reason)}`).to.equal('consistent');
      expect(
        report.warnings.filter(({ code }) => code !== 'key-revoked'),
        name,
      ).to.deep.equal([]);
      seen.push(epoch);
    }
    expect(seen).to.deep.equal(epochs);
    const [first] = certificates;
    const old = await judge(first?.pdf ?? new Uint8Array(), firstBundle);
    expect(old.outcome, 'the first certificate under the first bundle').to.equal('consistent');
    const last = await judge(certificates.at(-1)?.pdf ?? new Uint8Array(), trust);
    expect(explain(last, 'zh').boxes[2]?.lines.at(-1)).to.match(
      /^按第 7 规则期（共 7 期，自 北京时间 .*起）的机构、密钥与法定数判断。$/,
    );
    const warned = await judge(first?.pdf ?? new Uint8Array(), trust);
    expect(explain(warned, 'en').warnings[0]).to.match(
      /^A key of “Demonstration Internet Court 1” has been revoked as of /,
    );
  });
});
