/** Portable proofs: the form of tlog-proof, every MUST, and the whole path of a holder's check. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { base64Encode } from './bytes.ts';
import { formatCheckpoint, openCheckpoint } from './checkpoint.ts';
import { EMPTY_ROOT, leafHash } from './hash.ts';
import { PROOF_HASHES_MAX, TLOG_PROOF_EXTRA_BYTES_MAX } from './limits.ts';
import { formatNote, parseNote } from './note.ts';
import { checkInclusion, inclusionSubtrees } from './proof.ts';
import { signNote } from './signature.ts';
import { TestTree, testSigner, verdict } from './testing.ts';
import { formatTlogProof, parseTlogProof, type TlogProof } from './tlog-proof.ts';

const log = testSigner('ledger.example', 0x01, 1);
const tree = new TestTree(13);
const text = formatCheckpoint({ origin: 'ledger.example', ...tree.head(), extensions: [] });
const HASH = base64Encode(EMPTY_ROOT);

describe('tlog-proof', () => {
  let checkpoint = '';
  let proof: TlogProof;
  let valid = '';

  before(async () => {
    checkpoint = formatNote({ text, signatures: [await signNote(text, log)] });
    proof = { index: 10, proof: tree.roots(inclusionSubtrees(10, 13)), checkpoint };
    valid = formatTlogProof(proof);
  });

  it('is the text that tlog-proof describes', () => {
    const hashes = proof.proof.map((hash) => `${base64Encode(hash)}\n`).join('');
    expect(valid).to.equal(`c2sp.org/tlog-proof@v1\nindex 10\n${hashes}\n${checkpoint}`);
    const extra = formatTlogProof({ ...proof, extra: Uint8Array.of(1, 2) });
    expect(extra.startsWith('c2sp.org/tlog-proof@v1\nextra AQI=\nindex 10\n')).to.equal(true);
  });

  it('carries all that a check needs', () => {
    const read = parseTlogProof(valid);
    const opened = openCheckpoint(parseNote(read.checkpoint), [log.key]);
    checkInclusion(read.proof, read.index, opened.size, leafHash(tree.entries[10] as Uint8Array), opened.root);
  });

  it('gives back every proof it writes', () => {
    const any = fc.record(
      {
        extra: fc.uint8Array({ minLength: 1, maxLength: 60 }),
        index: fc.maxSafeNat(),
        proof: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 5 }),
      },
      { requiredKeys: ['index', 'proof'] },
    );
    fc.assert(
      fc.property(any, (each) => {
        const written: TlogProof = { ...each, checkpoint };
        expect(parseTlogProof(formatTlogProof(written))).to.deep.equal(written);
      }),
    );
  });

  it('accepts a text only as it writes it', () => {
    fc.assert(
      fc.property(fc.nat(400), fc.constantFrom('', ...'0=\n a\t'), fc.nat(2), (at, inserted, dropped) => {
        const changed = valid.slice(0, at) + inserted + valid.slice(at + dropped);
        if (verdict(() => parseTlogProof(changed)) !== 'accepted') return;
        expect(formatTlogProof(parseTlogProof(changed))).to.equal(changed);
      }),
      { numRuns: 1000 },
    );
  });

  const malformed: [why: string, change: (valid: string) => string][] = [
    ['nothing', () => ''],
    ['another version', (valid) => valid.replace('@v1', '@v2')],
    ['another first line', (valid) => `\n${valid}`],
    ['no index', (valid) => valid.replace('index 10\n', '')],
    ['an index with a leading zero', (valid) => valid.replace('index 10', 'index 010')],
    ['an index with a sign', (valid) => valid.replace('index 10', 'index +10')],
    ['an index above 2^53 - 1', (valid) => valid.replace('index 10', 'index 9007199254740992')],
    ['an index with a second space', (valid) => valid.replace('index 10', 'index  10')],
    ['the index after a hash', (valid) => valid.replace('index 10', `${HASH}\nindex 10`)],
    ['an empty extra line', (valid) => valid.replace('index', 'extra \nindex')],
    ['extra data that is not base64', (valid) => valid.replace('index', 'extra A\nindex')],
    ['two extra lines', (valid) => valid.replace('index', 'extra AQI=\nextra AQI=\nindex')],
    ['extra data after the index', (valid) => valid.replace('index 10\n', 'index 10\nextra AQI=\n')],
    [
      'too much extra data',
      (valid) => valid.replace('index', `extra ${'AAAA'.repeat(TLOG_PROOF_EXTRA_BYTES_MAX / 3 + 1)}\nindex`),
    ],
    ['a hash of 31 bytes', (valid) => valid.replace('index 10', `index 10\n${base64Encode(EMPTY_ROOT.slice(1))}`)],
    ['a hash with a second spelling', (valid) => valid.replace('index 10', `index 10\n${HASH.replace('U=', 'V=')}`)],
    [
      'more hashes than a proof has',
      (valid) => valid.replace('index 10', `index 10${`\n${HASH}`.repeat(PROOF_HASHES_MAX)}`),
    ],
    ['no empty line', (valid) => valid.replace('\n\n', '\n')],
    ['no checkpoint', (valid) => `${valid.split('\n\n')[0]}\n\n`],
    ['two empty lines', (valid) => valid.replace('\n\n', '\n\n\n')],
    ['a checkpoint without signatures', (valid) => valid.slice(0, valid.indexOf('—'))],
    ['a note that is no checkpoint', (valid) => valid.replace('\n13\n', '\nthirteen\n')],
    ['carriage returns', (valid) => valid.replaceAll('\n', '\r\n')],
    ['text after the checkpoint', (valid) => `${valid}more\n`],
    ['no newline at the end', (valid) => valid.slice(0, -1)],
    ['a byte order mark', (valid) => `\ufeff${valid}`],
    ['too many characters', (valid) => valid.repeat(2000)],
  ];
  for (const [why, change] of malformed) {
    it(`refuses ${why}`, () => {
      expect(change(valid)).to.not.equal(valid);
      expect(verdict(() => parseTlogProof(change(valid)))).to.equal('tlog-proof-malformed');
    });
  }

  it('takes no hashes, the most hashes, and the most extra data', () => {
    for (const count of [0, PROOF_HASHES_MAX]) {
      const each: TlogProof = { index: 0, proof: Array.from({ length: count }, () => EMPTY_ROOT), checkpoint };
      expect(parseTlogProof(formatTlogProof(each)).proof).to.have.length(count);
    }
    const extra = new Uint8Array(TLOG_PROOF_EXTRA_BYTES_MAX);
    expect(parseTlogProof(formatTlogProof({ ...proof, extra })).extra).to.deep.equal(extra);
  });
});
