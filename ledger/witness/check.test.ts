// Conformance of add-checkpoint: each case names a sentence of c2sp.org/tlog-witness and the answer it demands.

import { expect } from 'chai';
import { base64Encode, concat, utf8Encode } from '../core/bytes.ts';
import { sha256 } from '../core/hash.ts';
import { formatNote, formatSignatureLine, parseNote } from '../core/note.ts';
import { signNote } from '../core/signature.ts';
import type { ProtocolAnswer } from './answer.ts';
import { formatAddCheckpoint, REQUEST_BYTES_MAX } from './request.ts';
import { bodyText, ORIGIN, strangersLine, TestLog, WitnessBench } from './testing.ts';

interface Case {
  readonly name: string;
  /** The sentence, or where silence was filled. */
  readonly spec: string;
  /** Status, and `+` what else must be true of the answer. */
  readonly result: string;
  readonly type?: string;
  readonly body?: string | RegExp;
  act(bench: WitnessBench): Promise<ProtocolAnswer>;
}

const proofText = (proof: readonly Uint8Array[]): string => proof.map((hash) => `${base64Encode(hash)}\n`).join('');

const CASES: Case[] = [
  {
    name: 'first checkpoint',
    spec: 'zero if it never cosigned a checkpoint for that origin',
    result: '200',
    act: (bench) => bench.follow(0, 5),
  },
  {
    name: 'growth with a proof',
    spec: 'If all the checks above pass, the witness MUST … respond with a "200 Success"',
    result: '200',
    act: async (bench) => {
      await bench.follow(0, 5);
      return bench.follow(5, 17);
    },
  },
  {
    name: 'the same checkpoint again',
    spec: 'If the old size matches the checkpoint size, the witness MUST check that the root hashes are also identical',
    result: '200',
    act: async (bench) => {
      await bench.follow(0, 5);
      return bench.follow(5, 5);
    },
  },
  {
    name: 'the empty tree first',
    spec: 'A checkpoint of size zero MUST have the root hash of the empty tree',
    result: '200',
    act: (bench) => bench.follow(0, 0),
  },
  {
    name: 'growth from the empty tree',
    spec: 'the empty tree is consistent with any tree, so no proof is necessary',
    result: '200',
    act: async (bench) => {
      await bench.follow(0, 0);
      return bench.follow(0, 9);
    },
  },
  {
    name: 'unknown origin',
    spec: 'If the checkpoint origin is unknown, the witness MUST respond with a "404 Not Found"',
    result: '404',
    act: async (bench) => bench.witness.addCheckpoint(await new TestLog('other.example').grow(3).request(0, 3)),
  },
  {
    name: 'unknown origin with a known key',
    spec: 'verify the checkpoint signature against the public key(s) it trusts for the checkpoint origin',
    result: '404',
    act: async (bench) => {
      const { note } = await new TestLog('other.example').grow(3).head(3);
      const { text } = parseNote(note);
      const signatures = [await signNote(text, bench.log.signer)];
      return bench.witness.addCheckpoint(
        formatAddCheckpoint({ oldSize: 0, proof: [], note: formatNote({ text, signatures }) }),
      );
    },
  },
  {
    name: 'no trusted signature',
    spec: '403 … if either no signature from a trusted key for the origin is present',
    result: '403',
    act: async (bench) => {
      const { text } = parseNote((await bench.log.head(5)).note);
      return bench.send(`old 0\n\n${text}\n${await strangersLine(text)}`);
    },
  },
  {
    name: 'a bad signature of a trusted key',
    spec: 'a signature line’s key name and ID match a trusted key but the signature itself fails to verify',
    result: '403',
    act: async (bench) => {
      const { text } = parseNote((await bench.log.head(5)).note);
      const wrong = await signNote(`${text}x\n`, bench.log.signer);
      return bench.send(`old 0\n\n${text}\n${formatSignatureLine(wrong)}`);
    },
  },
  {
    name: 'a good and a bad signature of a trusted key',
    spec: 'such a note is malformed per signed-note',
    result: '403',
    act: async (bench) => {
      const { note } = await bench.log.head(5);
      const wrong = await signNote('another text\n', bench.log.signer);
      return bench.send(`old 0\n\n${note}${formatSignatureLine(wrong)}`);
    },
  },
  {
    name: 'a trusted signature of the wrong length',
    spec: 'the signature itself fails to verify',
    result: '403',
    act: async (bench) => {
      const { text } = parseNote((await bench.log.head(5)).note);
      const { name, id } = bench.log.signer.key;
      const line = formatSignatureLine({ name, keyId: id, signature: new Uint8Array(63) });
      return bench.send(`old 0\n\n${text}\n${line}`);
    },
  },
  {
    name: 'extra signatures of unknown keys',
    spec: 'it MUST ignore signatures from unknown keys',
    result: '200',
    act: async (bench) => {
      const { note } = await bench.log.head(5);
      return bench.send(`old 0\n\n${note}${await strangersLine('anything\n')}`);
    },
  },
  {
    name: 'a stranger with the log’s name and another ID',
    spec: 'signed-note: unknown keys, even if they share a name or ID (but not both) with a known key',
    result: '200',
    act: async (bench) => {
      const { note } = await bench.log.head(5);
      const line = formatSignatureLine({ name: ORIGIN, keyId: 1, signature: new Uint8Array(64) });
      return bench.send(`old 0\n\n${note}${line}`);
    },
  },
  {
    name: 'old size above the checkpoint size',
    spec: 'The old size MUST be equal to or lower than the checkpoint size. Otherwise … "400 Bad Request"',
    result: '400',
    act: async (bench) => bench.send(`old 6\n\n${(await bench.log.head(5)).note}`),
  },
  {
    name: 'old size that is not ours',
    spec: '409 … The response body MUST consist of the tree size of the latest cosigned checkpoint in decimal, followed by a newline',
    result: '409',
    type: 'text/x.tlog.size',
    body: '5\n',
    act: async (bench) => {
      await bench.follow(0, 5);
      return bench.follow(4, 9);
    },
  },
  {
    name: 'old size zero to learn ours',
    spec: 'it MAY initially make a request with a old size of zero to obtain it',
    result: '409',
    type: 'text/x.tlog.size',
    body: '5\n',
    act: async (bench) => {
      await bench.follow(0, 5);
      return bench.follow(0, 9);
    },
  },
  {
    name: 'old size of a log never seen',
    spec: 'or zero if it never cosigned a checkpoint for that origin … 409',
    result: '409',
    type: 'text/x.tlog.size',
    body: '0\n',
    act: (bench) => bench.follow(4, 9),
  },
  {
    name: 'a smaller checkpoint than ours',
    spec: 'checking the old size against the latest checkpoint',
    result: '409',
    type: 'text/x.tlog.size',
    body: '9\n',
    act: async (bench) => {
      await bench.follow(0, 9);
      return bench.follow(5, 5);
    },
  },
  {
    name: 'size zero with another root',
    spec: 'A checkpoint of size zero MUST have the root hash of the empty tree … Otherwise … 422',
    result: '422 + reported as conclusive',
    act: async (bench) => bench.send(`old 0\n\n${(await bench.log.head(0, [], sha256(utf8Encode('x')))).note}`),
  },
  {
    name: 'size zero with another root after size zero',
    spec: 'A checkpoint of size zero MUST have the root hash of the empty tree … Otherwise … 422',
    result: '422 + reported as conclusive',
    act: async (bench) => {
      await bench.follow(0, 0);
      return bench.send(`old 0\n\n${(await bench.log.head(0, [], sha256(utf8Encode('x')))).note}`);
    },
  },
  {
    name: 'a proof although the old size is zero',
    spec: 'If the proof is not empty when the old size is zero … 422',
    result: '422',
    act: async (bench) =>
      bench.send(`old 0\n${proofText([sha256(utf8Encode('x'))])}\n${(await bench.log.head(5)).note}`),
  },
  {
    name: 'a proof that does not verify',
    spec: 'or if a Merkle Consistency Proof doesn’t verify … 422',
    result: '422 + reported',
    act: async (bench) => {
      await bench.follow(0, 5);
      const proof = [...bench.log.consistency(5, 9)].reverse();
      return bench.send(`old 5\n${proofText(proof)}\n${(await bench.log.head(9)).note}`);
    },
  },
  {
    name: 'a missing proof',
    spec: 'Otherwise, the consistency proof lines MUST encode a Merkle Consistency Proof',
    result: '422 + reported',
    act: async (bench) => {
      await bench.follow(0, 5);
      return bench.send(`old 5\n\n${(await bench.log.head(9)).note}`);
    },
  },
  {
    name: 'a fork that is larger',
    spec: 'it might be proof of log misbehavior',
    result: '422 + reported',
    act: async (bench) => {
      await bench.follow(0, 5);
      return bench.witness.addCheckpoint(await bench.fork.request(5, 9));
    },
  },
  {
    name: 'a fork of the same size',
    spec: 'check that the root hashes are also identical. If they don’t match … 422',
    result: '422 + reported as conclusive',
    act: async (bench) => {
      await bench.follow(0, 5);
      return bench.witness.addCheckpoint(await bench.fork.request(5, 5));
    },
  },
  {
    name: 'a proof between equal sizes',
    spec: 'a Merkle Consistency Proof from the old size to the checkpoint size: empty for equal sizes',
    result: '422',
    act: async (bench) => {
      await bench.follow(0, 5);
      return bench.send(`old 5\n${proofText([bench.log.root(0, 5)])}\n${(await bench.log.head(5)).note}`);
    },
  },
  {
    name: 'a proof between the empty tree and itself',
    spec: 'If the proof is not empty when the old size is zero … 422',
    result: '422',
    act: async (bench) => {
      await bench.follow(0, 0);
      return bench.send(`old 0\n${proofText([bench.log.root(0, 5)])}\n${(await bench.log.head(0)).note}`);
    },
  },
  {
    name: '64 proof lines',
    spec: 'The client MUST NOT send more than 63 consistency proof lines',
    result: '400',
    act: async (bench) => {
      const proof = Array.from({ length: 64 }, () => sha256(utf8Encode('x')));
      return bench.send(`old 0\n${proofText(proof)}\n${(await bench.log.head(5)).note}`);
    },
  },
  {
    name: 'a leading zero in the old size',
    spec: 'encoded as an ASCII decimal with no leading zeroes',
    result: '400',
    act: async (bench) => bench.send(`old 00\n\n${(await bench.log.head(5)).note}`),
  },
  {
    name: 'a missing final newline',
    spec: 'Each line MUST terminate in a newline character',
    result: '400',
    act: async (bench) => bench.send(`old 0\n\n${(await bench.log.head(5)).note.slice(0, -1)}`),
  },
  {
    name: 'no empty line before the checkpoint',
    spec: 'and an empty line, followed by a checkpoint',
    result: '400',
    act: async (bench) => bench.send(`old 0\n${(await bench.log.head(5)).note}`),
  },
  {
    name: 'a checkpoint without a root',
    spec: 'tlog-checkpoint: at least three non-empty lines',
    result: '400',
    act: async (bench) => {
      const text = `${ORIGIN}\n5\n`;
      return bench.send(`old 0\n\n${formatNote({ text, signatures: [await signNote(text, bench.log.signer)] })}`);
    },
  },
  {
    name: 'bytes that are not UTF-8',
    spec: 'signed-note: MUST be valid UTF-8',
    result: '400',
    act: async (bench) => bench.witness.addCheckpoint(concat(await bench.log.request(0, 5), Uint8Array.of(0xc0))),
  },
  {
    name: 'a body above the limit',
    spec: 'own limit: a note of 1,000,000 bytes and its heading',
    result: '400',
    act: (bench) => bench.witness.addCheckpoint(new Uint8Array(REQUEST_BYTES_MAX + 1)),
  },
  {
    name: 'an empty body',
    spec: 'The request body MUST be a sequence of …',
    result: '400',
    act: (bench) => bench.send(''),
  },
  {
    name: 'order: unknown origin before the old size',
    spec: 'the 404 stands before the 400 in the text',
    result: '404',
    act: async (bench) => bench.send(`old 9\n\n${(await new TestLog('other.example').grow(3).head(3)).note}`),
  },
  {
    name: 'order: signature before the old size',
    spec: 'the 403 stands before the 400 in the text',
    result: '403',
    act: async (bench) => {
      const { text } = parseNote((await bench.log.head(5)).note);
      return bench.send(`old 9\n\n${text}\n${await strangersLine(text)}`);
    },
  },
  {
    name: 'order: conflict before the proof',
    spec: 'the 409 stands before the 422 in the text',
    result: '409',
    type: 'text/x.tlog.size',
    body: '5\n',
    act: async (bench) => {
      await bench.follow(0, 5);
      return bench.send(`old 4\n\n${(await bench.log.head(9)).note}`);
    },
  },
];

describe('witness: add-checkpoint by the text', () => {
  for (const { name, spec, result, type, body, act } of CASES) {
    it(`${name}: ${result} (“${spec}”)`, async () => {
      const bench = await WitnessBench.open();
      const answer = await act(bench);
      expect(answer.status, bodyText(answer)).to.equal(Number(result.slice(0, 3)));
      expect(answer.contentType).to.equal(type ?? 'text/plain; charset=utf-8');
      if (body !== undefined) expect(bodyText(answer)).to.equal(body);
      // SPEC tlog-witness: on a failed check it "MUST NOT cosign the checkpoint".
      if (answer.status !== 200) expect(bodyText(answer)).not.to.include('\u2014');
      const reported = bench.inconsistencies();
      expect(reported).to.have.length(result.includes('reported') ? 1 : 0);
      if (result.includes('reported')) expect(reported[0]).to.include({ conclusive: result.includes('conclusive') });
    });
  }

  it('has at least the 24 cases promised', () => expect(CASES.length).to.be.at.least(24));
});
