// Conformance of sign-subtree: c2sp.org/tlog-witness, "sign-subtree".

import { expect } from 'chai';
import { utf8Encode } from '../core/bytes.ts';
import { checkSubtreeCosignature, cosign } from '../core/cosignature.ts';
import { sha256 } from '../core/hash.ts';
import { formatNote, formatSignatureLine, parseNote, parseSignatureLines } from '../core/note.ts';
import type { ProtocolAnswer } from './answer.ts';
import { formatSignSubtree } from './request.ts';
import { bodyText, COURT, COURT_KEYS, ORIGIN, TestLog, WitnessBench } from './testing.ts';

describe('witness: sign-subtree by the text', () => {
  let bench: WitnessBench;
  let reference: string;

  before(async () => {
    bench = await WitnessBench.open();
    await bench.follow(0, 14);
    reference = bodyText(await bench.monitor());
  });

  const subtree = (
    lo: number,
    hi: number,
    note = reference,
    root = bench.log.root(lo, hi),
  ): Promise<ProtocolAnswer> => {
    const proof = bench.log.subtreeProof(lo, hi, 14);
    return bench.witness.signSubtree(formatSignSubtree({ subtree: { lo, hi }, root, proof, note }));
  };
  const withSignatures = (keep: (index: number) => boolean): string => {
    const { text, signatures } = parseNote(reference);
    return formatNote({ text, signatures: signatures.filter((_, index) => keep(index)) });
  };

  for (const [lo, hi] of [
    [4, 8],
    [8, 13],
    [0, 14],
    [7, 8],
    [3, 3],
  ] as const) {
    it(`200 with one ML-DSA-44 cosignature of time zero over [${lo}, ${hi})`, async () => {
      const answer = await subtree(lo, hi);
      expect(answer.status, bodyText(answer)).to.equal(200);
      const [line, ...more] = parseSignatureLines(bodyText(answer));
      expect(more).to.deep.equal([]);
      checkSubtreeCosignature(ORIGIN, { lo, hi, root: bench.log.root(lo, hi) }, line!, COURT_KEYS[1]!);
    });
  }

  it('200 for a checkpoint that only its ML-DSA-44 key signed', async () => {
    expect(
      (
        await subtree(
          4,
          8,
          withSignatures((index) => index === 2),
        )
      ).status,
    ).to.equal(200);
  });

  it('200 for a past checkpoint', async () => {
    const past = reference;
    await bench.follow(14, 20);
    expect((await subtree(4, 8, past)).status).to.equal(200);
  });

  it('400 when [start, end) is not a subtree', async () => {
    const note = reference;
    const body = formatSignSubtree({ subtree: { lo: 3, hi: 5 }, root: sha256(utf8Encode('x')), proof: [], note });
    expect((await bench.witness.signSubtree(body)).status).to.equal(400);
  });

  it('400 when the end is past the checkpoint, and for a malformed body or checkpoint', async () => {
    const root = sha256(utf8Encode('x'));
    const past = formatSignSubtree({ subtree: { lo: 0, hi: 15 }, root, proof: [], note: reference });
    expect((await bench.witness.signSubtree(past)).status).to.equal(400);
    const bare = formatSignSubtree({ subtree: { lo: 0, hi: 4 }, root, proof: [], note: 'x' });
    expect((await bench.witness.signSubtree(bare)).status).to.equal(400);
    expect((await bench.witness.signSubtree(utf8Encode('subtree 4\n'))).status).to.equal(400);
  });

  it('422 when the hash or the proof is wrong', async () => {
    expect((await subtree(4, 8, reference, bench.log.root(0, 4))).status).to.equal(422);
    const body = formatSignSubtree({
      subtree: { lo: 4, hi: 8 },
      root: bench.log.root(4, 8),
      proof: [],
      note: reference,
    });
    expect((await bench.witness.signSubtree(body)).status).to.equal(422);
  });

  it('404 when the origin is unknown', async () => {
    const other = new TestLog('other.example').grow(14);
    const { note, checkpoint } = await other.head(14);
    const line = formatSignatureLine(await cosign(checkpoint, 1n, COURT[1]!));
    const proof = other.subtreeProof(4, 8, 14);
    const body = formatSignSubtree({
      subtree: { lo: 4, hi: 8 },
      root: other.root(4, 8),
      proof,
      note: `${note}${line}`,
    });
    expect((await bench.witness.signSubtree(body)).status).to.equal(404);
  });

  it('403 without its ML-DSA-44 cosignature, or with a bad one', async () => {
    expect(
      (
        await subtree(
          4,
          8,
          withSignatures((index) => index === 0),
        )
      ).status,
    ).to.equal(403);
    expect(
      (
        await subtree(
          4,
          8,
          withSignatures((index) => index < 2),
        )
      ).status,
    ).to.equal(403);
    const { text, signatures } = parseNote(reference);
    const bad = signatures.map((line) => ({ ...line, signature: line.signature.map((byte) => byte ^ 1) }));
    expect((await subtree(4, 8, formatNote({ text, signatures: bad }))).status).to.equal(403);
  });
});
