// What the verifier says about real certificates under its own trust bundle and others. Contradictions: verify-refusals.test.ts.
import { expect } from 'chai';
import { makePki } from '../../certs/issue/testing.ts';
import { rendererId } from '../../certs/render/render.ts';
import { concat, uint64, utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import {
  createConsortium,
  type DepositOptions,
  evidenceOf,
  FILES,
  inputFor,
  NOW_MS,
  RECEIVED_MS,
  rerender,
  type TestCertificate,
  type TestConsortium,
} from '../testing.ts';
import type { Rerender } from './check-pdf.ts';
import { CHECK_IDS, type Report } from './report.ts';
import type { TrustBundle } from './trust.ts';
import { type VerifyInput, verify } from './verify.ts';

const seconds = (offset: number): bigint => BigInt(Math.floor(RECEIVED_MS / 1000) + offset);
const iso = (time: bigint): string => new Date(Number(time) * 1000).toISOString();

/** `check:code` of every check that did not pass and was made. */
function findings(report: Report): string[] {
  return report.checks
    .filter(({ status }) => status === 'failed' || status === 'unknown')
    .map((c) => `${c.id}:${c.code}`);
}

describe('verifier/core verify', function () {
  this.timeout(60_000);
  let consortium: TestConsortium;
  let certificate: TestCertificate;
  before(async () => {
    consortium = await createConsortium();
    certificate = await consortium.certify();
  });

  const check = (changes: Partial<VerifyInput> = {}, of = certificate): Promise<Report> =>
    verify({ ...inputFor(consortium, of), ...changes });
  const certified = async (options: DepositOptions): Promise<Report> => check({}, await consortium.certify(options));
  const trusting = (change: (bundle: TrustBundle) => TrustBundle): Promise<Report> =>
    check({ trust: utf8Encode(JSON.stringify(change(structuredClone(consortium.trust)))) });

  describe('a certificate that holds', () => {
    it('is consistent with its files, and every check passed', async () => {
      const report = await check();
      expect(findings(report)).to.deep.equal([]);
      expect(report.outcome).to.equal('consistent');
      expect(report.reason).to.equal(undefined);
      expect(report.checks.map(({ id, status }) => [id, status])).to.deep.equal(CHECK_IDS.map((id) => [id, 'passed']));
      expect(report.warnings).to.deep.equal([]);
      expect(report.facts?.files.map(({ compared }) => compared)).to.deep.equal([true, true]);
      expect(report.network).to.equal('none');
    });

    it('is a report of plain JSON values', async () => {
      const report = await check();
      expect(JSON.parse(JSON.stringify(report))).to.deep.equal(report);
    });

    it('needs a file, unless only the certificate was asked for', async () => {
      const none = await check({ evidence: [] });
      expect([none.outcome, none.reason]).to.deep.equal(['unverifiable', { check: 'evidence', code: 'no-file' }]);
      expect(none.facts?.deposit.id).to.match(/^019690f1/);
      const only = await check({ evidence: [], certificateOnly: true });
      expect(only.outcome).to.equal('consistent');
      expect(only.checks.find(({ id }) => id === 'evidence')).to.include({ status: 'not-run', code: 'not-asked' });
    });

    it('may be checked with one of its files, and says how many were not compared', async () => {
      const report = await check({ evidence: certificate.evidence.slice(1) });
      expect(report.outcome).to.equal('consistent');
      expect(report.warnings).to.deep.equal([{ code: 'files-not-compared', detail: { compared: 1, files: 2 } }]);
      expect(report.facts?.files.map(({ compared }) => compared)).to.deep.equal([false, true]);
    });

    it('knows a renamed file, a file given twice, and two equal files of one deposit', async () => {
      const renamed = certificate.evidence.map((each) => ({ ...each, name: 'x' }));
      expect((await check({ evidence: [...renamed, ...renamed] })).outcome).to.equal('consistent');
      const twins = await consortium.certify({ files: [FILES[0]!, { ...FILES[0]!, name: 'copy' }] });
      const report = await check({ evidence: twins.evidence.slice(0, 1) }, twins);
      expect(report.facts?.given[0]?.files).to.deep.equal([1, 2]);
      expect([report.outcome, report.warnings]).to.deep.equal(['consistent', []]);
    });

    it('may show one file of a bundle of 100 and nothing of the others', async () => {
      const files = Array.from({ length: 100 }, (_, i) => ({ name: `${i}.txt`, bytes: utf8Encode(`file ${i}`) }));
      const one = await consortium.certify({ files, show: [42] });
      const report = await check({ evidence: [evidenceOf(files[41]!)] }, one);
      expect(report.outcome, findings(report).join()).to.equal('consistent');
      expect(report.warnings[0]?.detail).to.deep.equal({ compared: 1, files: 100 });
      expect(report.facts?.files).to.have.length(1);
      expect(utf8Decode(one.recordBytes)).not.to.include('41.txt"'.replace('41', '40'));
    });

    it('cannot tell what a file is that a partial certificate does not show, unless there are too many of them', async () => {
      const files = ['a', 'b', 'c'].map((name) => ({ name, bytes: utf8Encode(name) }));
      const one = await consortium.certify({ files, show: [2] });
      const given = async (...names: string[]): Promise<[string, string[]]> => {
        const evidence = names.map((name) => evidenceOf({ name, bytes: utf8Encode(name) }));
        const report = await check({ evidence }, one);
        return [report.outcome, findings(report)];
      };
      expect(await given('b')).to.deep.equal(['consistent', []]);
      const open = ['unverifiable', ['evidence:file-not-shown']];
      expect(await given('a')).to.deep.equal(open);
      expect(await given('stranger')).to.deep.equal(open);
      expect(await given('a', 'b', 'a', 'c')).to.deep.equal(open);
      expect(await given('a', 'c', 'stranger')).to.deep.equal(['inconsistent', ['evidence:file-not-in-record']]);
    });
  });

  describe('what it says', () => {
    it('takes "not later than" from the second earliest court: one of four may lie', async () => {
      const honest = await check();
      expect(honest.facts?.notLaterThan).to.deep.equal({
        time: iso(seconds(2)),
        courts: { members: 4, needed: 3, liars: 1 },
      });
      const backdated = await certified({ time: (w) => (w.startsWith('court-3') ? seconds(-86_400) : seconds(60)) });
      expect(backdated.facts?.notLaterThan.time).to.equal(iso(seconds(60)));
    });

    it("takes a court's later key, and never an arbitration body's or the platform's time", async () => {
      const report = await certified({
        time: (w) => (w.startsWith('arbitration') ? seconds(1) : w.endsWith('ml-dsa-44') ? seconds(30) : seconds(5)),
      });
      expect(report.facts?.notLaterThan.time).to.equal(iso(seconds(30)));
      expect(report.facts?.deposit.received).to.equal(new Date(RECEIVED_MS).toISOString());
      expect(report.facts?.members.at(-1)).to.include({ member: 'arbitration-2', time: iso(seconds(1)) });
    });

    it('names who would have to collude', async () => {
      expect((await check()).facts?.forgery).to.deep.equal({
        liars: { court: 2, arbitration: 0 },
        signers: { court: 3, arbitration: 1 },
      });
    });

    it('keeps what was stated apart from what was not', async () => {
      const stated = (await check()).facts?.stated;
      expect(stated).to.include({ source: '本人手机', generation: '', neutrality: '', process: 'TLS 1.3' });
    });

    it('warns of names and policies that differ from the trust bundle, and goes by the trust bundle', async () => {
      const report = await trusting((b) => ({
        ...b,
        policy: `# new\n${b.policy}`,
        members: b.members.map((m) => (m.member === 'court-1' ? { ...m, name: '另一法院' } : m)),
      }));
      expect(report.outcome).to.equal('consistent');
      expect(report.warnings.map(({ code }) => code)).to.deep.equal(['names-differ', 'policy-differs']);
      expect(report.facts?.members[0]?.name).to.equal('另一法院');
    });

    it('warns of signatures that the pages list under a name although no key of the trust bundle made them', async () => {
      const names = { cosigner: 'court-4.test.example', log: 'ledger.test.example', nobody: 'court-9.test.example' };
      const forgedBy = (name: string) => ({
        cosigners: (witness: string) => !witness.startsWith('court-4'),
        lines: async () => [{ name, keyId: 0x12345678, signature: concat(uint64(1_577_836_800), new Uint8Array(64)) }],
      });
      const warned = async (name: string) => {
        const report = await certified(forgedBy(name));
        expect(report.facts?.members[3]).not.to.have.property('time');
        return [report.outcome, report.warnings];
      };
      const unconfirmed = (name: string) => [{ code: 'signatures-unconfirmed', detail: { names: [name] } }];
      expect(await warned(names.cosigner)).to.deep.equal(['consistent', unconfirmed('测试第4法院')]);
      expect(await warned(names.log)).to.deep.equal(['consistent', unconfirmed(names.log)]);
      // Of somebody the record does not name the pages say only that there is one more line.
      expect(await warned(names.nobody)).to.deep.equal(['consistent', []]);
    });

    it('warns when the three clocks are out of order, without mixing them', async () => {
      const late = await certified({ stampMs: RECEIVED_MS - 20 * 60 * 1000 });
      expect([late.outcome, late.warnings[0]?.code]).to.deep.equal(['consistent', 'clocks-disagree']);
      const early = await certified({ time: () => seconds(-3600) });
      expect([early.outcome, early.warnings[0]?.code]).to.deep.equal(['consistent', 'clocks-disagree']);
    });
  });

  describe('another trust bundle', () => {
    it('cannot verify under a foreign consortium, and says why', async () => {
      const foreign = await createConsortium('elsewhere');
      const report = await check({ trust: foreign.trustBytes });
      expect(report.outcome).to.equal('unverifiable');
      expect(findings(report)).to.deep.equal([
        'pdf-chain:x509-untrusted',
        'checkpoint:origin-unknown',
        'quorum:quorum-short',
        'timestamp:x509-untrusted',
      ]);
      expect(report.reason).to.deep.equal({ check: 'pdf-chain', code: 'x509-untrusted' });
      expect(report.facts).to.equal(undefined);
    });

    const foreign: [what: string, found: string[], change: (bundle: TrustBundle, other: TrustBundle) => TrustBundle][] =
      [
        ['another PDF root', ['pdf-chain:x509-untrusted'], (b, o) => ({ ...b, pdfRoots: o.pdfRoots })],
        [
          'another timestamp root',
          ['timestamp:x509-untrusted'],
          (b, o) => ({ ...b, timestampRoots: o.timestampRoots }),
        ],
        [
          'another log',
          ['checkpoint:origin-unknown'],
          (b, o) => ({ ...b, policy: b.policy.replace(/^log .*$/m, o.policy.split('\n')[0]!) }),
        ],
        ['all four courts needed of five', ['quorum:quorum-short'], (b, o) => ({ ...b, ...withFifthCourt(b, o) })],
        [
          'dates long past',
          ['times:time-outside-trust'],
          (b) => ({ ...b, notBefore: '2001-01-01T00:00:00Z', notAfter: '2002-01-01T00:00:00Z' }),
        ],
        ['dates to come', ['times:time-outside-trust'], (b) => ({ ...b, notBefore: '2027-01-01T00:00:00Z' })],
      ];
    for (const [what, found, change] of foreign) {
      it(`cannot verify with ${what}`, async () => {
        const other = (await createConsortium('other')).trust;
        const report = await trusting((bundle) => change(bundle, other));
        expect([report.outcome, findings(report)]).to.deep.equal(['unverifiable', found]);
      });
    }

    it('cannot verify with an unreadable bundle, and makes the checks that need none', async () => {
      const report = await check({ trust: utf8Encode('{}') });
      expect([report.outcome, findings(report)]).to.deep.equal(['unverifiable', ['trust:trust-malformed']]);
      expect(report.checks.find(({ id }) => id === 'inclusion')?.status).to.equal('passed');
    });

    it("counts by the verifier's own quorum, stricter or laxer", async () => {
      const three = { cosigners: (w: string) => !w.startsWith('court-4') };
      const lacking = await consortium.certify(three);
      const strict = JSON.stringify(consortium.trust).replace('group courts 3', 'group courts 4');
      expect((await check({}, lacking)).outcome).to.equal('consistent');
      const report = await check({ trust: utf8Encode(strict) }, lacking);
      expect([report.outcome, findings(report)]).to.deep.equal(['unverifiable', ['quorum:quorum-short']]);
    });
  });

  it('draws again what the renderer at hand drew, also for a record from the time of another one', async () => {
    const later = await consortium.certify({ renderer: '0'.repeat(64) });
    expect((await check({ rendererId: rendererId() }, later)).outcome).to.equal('consistent');
  });

  it('draws no page of a certificate that no platform it trusts has signed', async () => {
    const drawn = async (trust: Uint8Array, of = certificate): Promise<unknown[]> => {
      let times = 0;
      const counting: Rerender = (source) => {
        times++;
        return rerender(source);
      };
      const { checks } = await check({ trust, rerender: counting }, of);
      return [times, checks.find(({ id }) => id === 'pages')?.code];
    };
    const short = await consortium.certify({ cosigners: (witness) => !/court-[12]/.test(witness) });
    const otherSigner = { ...consortium.trust, pdfRoots: [(await makePki()).root.certificate] };
    expect(await drawn(utf8Encode(JSON.stringify(otherSigner)))).to.deep.equal([0, 'not-reached']);
    expect(await drawn(consortium.trustBytes, short)).to.deep.equal([1, undefined]);
    expect(await drawn(consortium.trustBytes)).to.deep.equal([1, undefined]);
  });

  describe('times', () => {
    it("cannot verify while this machine's clock is behind the courts, beyond five minutes", async () => {
      const at = (ms: number): Promise<Report> => check({ nowMs: RECEIVED_MS + ms });
      expect((await at(-4 * 60 * 1000)).outcome).to.equal('consistent');
      const report = await at(-10 * 60 * 1000);
      expect([report.outcome, findings(report)]).to.deep.equal(['unverifiable', ['times:time-in-future']]);
    });

    it('leaves out a court whose clock cannot be right, and asks for a quorum of the others', async () => {
      const far = 2n ** 63n - 1n;
      const one = await certified({ time: (w) => (w.startsWith('court-1') ? far : seconds(1)) });
      expect(one.outcome).to.equal('consistent');
      expect(one.facts?.members[0]?.time).to.equal(undefined);
      const two = await certified({ time: (w) => (/court-[12]/.test(w) ? far : seconds(1)) });
      expect([two.outcome, findings(two)]).to.deep.equal(['unverifiable', ['times:time-in-future']]);
    });

    it('cannot verify a timestamp from the future', async () => {
      const report = await certified({ stampMs: NOW_MS + 6 * 60 * 1000 });
      expect([report.outcome, findings(report)]).to.deep.equal(['unverifiable', ['times:time-in-future']]);
    });

    it("refuses a certificate signed when its signer's certificate was not valid", async () => {
      const report = await certified({ stampMs: Date.parse('2025-12-31T23:59:59Z') });
      expect(report.outcome).to.equal('inconsistent');
      expect(findings(report)).to.include('pdf-chain:x509-expired');
    });
  });
});

/** The bundle with a fifth court, and all of them but one needed. */
function withFifthCourt(bundle: TrustBundle, other: TrustBundle): Pick<TrustBundle, 'policy' | 'members'> {
  const keys = other.policy.split('\n').filter((line) => line.startsWith('witness court-1.'));
  const lines = keys.map((line) => line.replace('court-1.', 'court-5.'));
  const group = 'group court-5 all court-5.ed25519 court-5.ml-dsa-44';
  const policy = bundle.policy
    .replace('group courts 3', `${[...lines, group].join('\n')}\ngroup courts 5`)
    .replace('court-3 court-4\n', 'court-3 court-4 court-5\n');
  return { policy, members: [...bundle.members, { member: 'court-5', kind: 'court', name: '五', nameEn: '5' }] };
}
