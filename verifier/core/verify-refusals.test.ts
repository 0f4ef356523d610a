// Real certificates whose pieces contradict each other, newer formats, and files that are no certificate. Changed bytes: verify-bytes.test.ts.
import { expect } from 'chai';
import { rendererId } from '../../certs/render/render.ts';
import { base64Encode, concat, utf8Decode, utf8Encode } from '../../ledger/core/bytes.ts';
import { cosign } from '../../ledger/core/cosignature.ts';
import { formatNote, parseNote } from '../../ledger/core/note.ts';
import { formatTlogProof } from '../../ledger/core/tlog-proof.ts';
import {
  createConsortium,
  type DepositOptions,
  evidenceOf,
  FILES,
  inputFor,
  RECEIVED_MS,
  signer,
  type TestCertificate,
  type TestConsortium,
} from '../testing.ts';
import { readProof } from './check-ledger.ts';
import { VerifierError } from './errors.ts';
import { CERTIFICATE_BYTES_MAX } from './limits.ts';
import type { CheckId, Report } from './report.ts';
import { type VerifyInput, verify } from './verify.ts';

const seconds = (offset: number): bigint => BigInt(Math.floor(RECEIVED_MS / 1000) + offset);
const iso = (time: bigint): string => new Date(Number(time) * 1000).toISOString();

/** `check:code` of every check that did not pass and was made. */
function findings(report: Report): string[] {
  return report.checks
    .filter(({ status }) => status === 'failed' || status === 'unknown')
    .map((c) => `${c.id}:${c.code}`);
}

describe('verifier/core verify, refusals', function () {
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

  describe('files', () => {
    it('refuses each file changed in one bit, among files that are right', async () => {
      for (const [i, file] of FILES.entries()) {
        const bytes = Uint8Array.from(file.bytes);
        bytes[0] = bytes[0]! ^ 1;
        const report = await check({
          evidence: certificate.evidence.map((e, j) => (i === j ? evidenceOf({ ...file, bytes }) : e)),
        });
        expect([report.outcome, findings(report)]).to.deep.equal(['inconsistent', ['evidence:file-not-in-record']]);
        expect(report.facts?.given.map((each) => each.files.length > 0)).to.deep.equal([i !== 0, i !== 1]);
        expect(report.facts?.files.map(({ compared }) => compared)).to.deep.equal([i !== 0, i !== 1]);
        expect(report.warnings.map(({ code }) => code)).to.deep.equal(['files-not-compared']);
      }
    });

    it('refuses a digest without its size or its SM3', async () => {
      const [first] = certificate.evidence;
      for (const change of [{ size: 1 }, { sm3: '0'.repeat(64) }]) {
        const report = await check({ evidence: [{ ...first!, ...change }] });
        expect(findings(report)).to.deep.equal(['evidence:file-digests-disagree']);
        expect(report.outcome).to.equal('inconsistent');
        expect(report.facts?.given[0]?.files).to.deep.equal([]);
        expect(report.facts?.files.map(({ compared }) => compared)).to.deep.equal([false, false]);
      }
    });

    it('does not compare with a record that is not the one on the ledger', async () => {
      const other = await consortium.certify({ id: '019690f1-c123-7abc-8def-000000000000' });
      const pdf = await consortium.splice(certificate, 'record.json', other.recordBytes);
      const report = await check({ certificate: pdf });
      expect(report.checks.find(({ id }) => id === 'evidence')).to.include({ status: 'not-run' });
    });
  });

  describe('pieces of different deposits, signed by a lying platform', () => {
    let other: TestCertificate;
    before(async () => {
      other = await consortium.certify({ id: '019690f1-c123-7abc-8def-000000000000', index: 4 });
    });

    it('refuses another record', async () => {
      const report = await check({
        certificate: await consortium.splice(certificate, 'record.json', other.recordBytes),
      });
      expect(report.outcome).to.equal('inconsistent');
      expect(findings(report)).to.deep.equal(['commitment:commitment-mismatch', 'entry:id-differs']);
    });

    it('refuses another proof', async () => {
      const report = await check({
        certificate: await consortium.splice(certificate, 'deposit.tlog-proof', other.proofBytes),
      });
      expect(findings(report)).to.deep.equal(['commitment:commitment-mismatch', 'entry:id-differs']);
      expect(report.facts).to.equal(undefined);
    });

    it('refuses the proof of another place in the tree', async () => {
      const text = utf8Decode(certificate.proofBytes)!.replace('\nindex 3\n', '\nindex 2\n');
      const report = await check({
        certificate: await consortium.splice(certificate, 'deposit.tlog-proof', utf8Encode(text)),
      });
      expect(findings(report)).to.deep.equal(['inclusion:proof-bad', 'pages:pages-differ']);
    });

    const bound: [found: string, options: DepositOptions][] = [
      ['entry:id-differs', { entry: { id: '019690f1-c123-7abc-8def-000000000000' } }],
      ['entry:received-differs', { entry: { received: '2026-05-03T09:42:09.122Z' } }],
      ['commitment:commitment-mismatch', { entry: { commitment: '0'.repeat(64) } }],
      ['checkpoint:origin-differs', { origin: 'ledger.other.example' }],
    ];
    for (const [found, options] of bound) {
      it(`refuses what only one check can find: ${found}`, async () => {
        const report = await certified(options);
        expect(report.outcome).to.equal('inconsistent');
        expect(findings(report)).to.deep.equal([found]);
      });
    }

    it('cannot verify a proof that does not carry its entry', () => {
      const { extra: _, ...bare } = certificate.proof;
      expect(() => readProof(utf8Encode(formatTlogProof(bare))))
        .to.throw(VerifierError)
        .with.property('code', 'entry-absent');
    });

    it('refuses an entry that is not the leaf, although the record agrees with it', async () => {
      const strange = await consortium.certify({ index: 3, treeSize: 7 });
      const forged = { ...strange.proof, checkpoint: other.proof.checkpoint };
      const text = utf8Decode(strange.proofBytes)!.replace(strange.proof.checkpoint, forged.checkpoint);
      const report = await check({
        certificate: await consortium.splice(strange, 'deposit.tlog-proof', utf8Encode(text)),
      });
      expect(findings(report)).to.include('inclusion:proof-bad');
    });

    it('refuses a file that its record does not give, before and behind the signature', async () => {
      const [, id = ''] = /\/ID \[<([0-9a-f]{32})>/.exec(Buffer.from(certificate.pdf).toString('latin1')) ?? [];
      const edits: [text: string, by: string][] = [
        ['Proof of inclusion', 'Proof of exclusion'],
        [`/ID [<${id}>`, `/ID [<${id.replace(/^./, (c) => (c === '0' ? '1' : '0'))}>`],
      ];
      for (const [text, by] of edits) {
        const report = await check({ certificate: await consortium.edit(certificate, text, by) });
        expect([report.outcome, findings(report)]).to.deep.equal(['inconsistent', ['pages:pages-differ']]);
      }
    });
  });

  describe('cosignatures', () => {
    it('lets cosigners be missing one by one until the quorum breaks', async () => {
      const order = ['court-4', 'arbitration-2', 'court-1', 'arbitration-1'];
      const outcomes: string[] = [];
      for (let missing = 0; missing <= order.length; missing += 1) {
        const gone = order.slice(0, missing);
        outcomes.push((await certified({ cosigners: (w) => !gone.some((member) => w.startsWith(member)) })).outcome);
      }
      expect(outcomes).to.deep.equal(['consistent', 'consistent', 'consistent', 'unverifiable', 'unverifiable']);
    });

    it('counts a member only with both of its keys', async () => {
      for (const half of ['ed25519', 'ml-dsa-44']) {
        const enough = await certified({ cosigners: (w) => w !== `court-1.${half}` });
        expect(enough.outcome, half).to.equal('consistent');
        expect(enough.facts?.members[0]?.time, half).to.equal(undefined);
        const short = await certified({ cosigners: (w) => !w.endsWith(half) || w.startsWith('arbitration') });
        expect([short.outcome, findings(short)], half).to.deep.equal(['unverifiable', ['quorum:quorum-short']]);
      }
    });

    it('counts a key once, however often it cosigns', async () => {
      const court = consortium.witnesses.get('court-1.ed25519')!;
      const again = await certified({
        cosigners: (w) => w.startsWith('court-1') || w.startsWith('court-2') || w.startsWith('arbitration'),
        lines: async (checkpoint) => [
          await cosign(checkpoint, seconds(1), court),
          await cosign(checkpoint, seconds(9), court),
        ],
      });
      expect(findings(again)).to.deep.equal(['quorum:quorum-short']);
    });

    it('ignores cosignatures by keys that the policy does not know', async () => {
      const lines: DepositOptions['lines'] = async (checkpoint) => [
        await cosign(checkpoint, seconds(-999), signer('court-1.test.example', 0x04, 'impostor')),
        await cosign(checkpoint, seconds(-999), signer('stranger.example', 0x06, 'impostor')),
      ];
      const enough = await certified({ lines });
      expect(enough.outcome).to.equal('consistent');
      expect(enough.facts?.notLaterThan.time).to.equal(iso(seconds(2)));
      const short = await certified({ lines, cosigners: (w) => /court-[12]|arbitration/.test(w) });
      expect(findings(short)).to.deep.equal(['quorum:quorum-short']);
    });

    it("refuses a known key's signature on something else", async () => {
      const court = consortium.witnesses.get('court-1.ml-dsa-44')!;
      const report = await certified({
        lines: async (checkpoint) => [await cosign({ ...checkpoint, size: checkpoint.size + 1 }, seconds(1), court)],
      });
      expect([report.outcome, findings(report)]).to.deep.equal(['inconsistent', ['cosignatures:signature-bad']]);
    });

    it("refuses a checkpoint whose log signature is another's", async () => {
      const note = parseNote(certificate.proof.checkpoint);
      const [log, ...rest] = note.signatures;
      const forged = { ...log!, signature: rest[0]!.signature.slice(-64) };
      const checkpoint = formatNote({ ...note, signatures: [forged, ...rest] });
      const text = utf8Decode(certificate.proofBytes)!.replace(certificate.proof.checkpoint, checkpoint);
      const report = await check({
        certificate: await consortium.splice(certificate, 'deposit.tlog-proof', utf8Encode(text)),
      });
      expect(findings(report)).to.include('checkpoint:signature-bad');
      expect(report.outcome).to.equal('inconsistent');
    });
  });

  describe('newer formats', () => {
    it('cannot verify a newer record', async () => {
      const newer = utf8Encode(utf8Decode(certificate.recordBytes)!.replace(/"v":1}$/, '"v":2}'));
      const report = await check({ certificate: await consortium.splice(certificate, 'record.json', newer) });
      expect([report.outcome, findings(report)]).to.deep.equal(['unverifiable', ['record:record-newer-format']]);
    });

    it('cannot verify a newer entry', async () => {
      const { extra } = certificate.proof;
      const newer = utf8Encode(utf8Decode(extra!)!.replace('"v":1', '"v":2'));
      const text = utf8Decode(certificate.proofBytes)!.replace(base64Encode(extra!), base64Encode(newer));
      const report = await check({
        certificate: await consortium.splice(certificate, 'deposit.tlog-proof', utf8Encode(text)),
      });
      expect([report.outcome, findings(report)]).to.deep.equal(['unverifiable', ['proof:entry-newer-format']]);
    });

    it('cannot verify pages of a renderer that is not at hand', async () => {
      const report = await check({ rendererId: '0'.repeat(64) });
      expect([report.outcome, findings(report)]).to.deep.equal(['unverifiable', ['pages:renderer-unknown']]);
      const named = `Probata ${rendererId()}`;
      const other = await consortium.edit(certificate, named, `Probata ${'0'.repeat(64)}`);
      expect(findings(await check({ certificate: other }))).to.deep.equal(['pages:renderer-unknown']);
      const { rerender: _, ...without } = inputFor(consortium, certificate);
      const none = await verify(without);
      expect([none.outcome, findings(none)]).to.deep.equal(['unverifiable', ['pages:renderer-absent']]);
    });
  });

  describe('what is no certificate', () => {
    const others: [what: string, code: string, bytes: () => Uint8Array][] = [
      ['nothing', 'not-a-certificate', () => new Uint8Array(0)],
      ['text', 'not-a-certificate', () => utf8Encode('判决书')],
      ['zeros', 'not-a-certificate', () => new Uint8Array(1000)],
      ['another PDF', 'not-a-certificate', () => utf8Encode('%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n')],
      ['the proof alone', 'pdf-malformed', () => certificate.proofBytes],
      ['half a certificate', 'pdf-not-ours', () => certificate.pdf.slice(0, certificate.pdf.length / 2)],
      [
        'a certificate with words of encryption behind it',
        'pdf-not-ours',
        () => concat(certificate.pdf, utf8Encode('\n% /Encrypt 1 0 R\n')),
      ],
      ['a certificate with a byte too many', 'pdf-not-ours', () => Uint8Array.from([...certificate.pdf, 10])],
      ['too many bytes', 'pdf-too-large', () => new Uint8Array(CERTIFICATE_BYTES_MAX + 1)],
    ];
    it('finds an altered certificate altered, whatever the files in it are called', async () => {
      const files = [{ name: 'howto /Encrypt 1 0 R.txt', bytes: utf8Encode('x') }];
      const altered = (await consortium.certify({ files })).pdf;
      altered[altered.length - 2] = 0x58;
      const report = await check({ certificate: altered });
      expect([report.outcome, report.reason?.code]).to.deep.equal(['inconsistent', 'pdf-not-ours']);
    });

    for (const [what, code, bytes] of others) {
      it(`names the check and the code for ${what}`, async () => {
        const report = await check({ certificate: bytes() });
        const first = report.checks.find(({ status }) => status === 'failed' || status === 'unknown');
        expect([first?.id, first?.code]).to.deep.equal(['pdf-structure' satisfies CheckId, code]);
        expect(report.outcome).to.equal(/^pdf-(malformed|not-ours)$/.test(code) ? 'inconsistent' : 'unverifiable');
        expect(report.facts).to.equal(undefined);
      });
    }
  });

  it('holds a fault of its own against no certificate, and counts it for none', async () => {
    const report = await check({
      rerender: async () => {
        throw new Error('invariant: a renderer that breaks');
      },
    });
    expect([report.outcome, report.reason]).to.deep.equal(['unverifiable', { check: 'pages', code: 'internal' }]);
    expect(report.facts).to.equal(undefined);
  });
});
