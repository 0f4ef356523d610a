// Conformance of add-entries, second half: bodies, packages, proofs. Each case names a sentence of c2sp.org/tlog-mirror.

import { concat, utf8Encode } from '../core/bytes.ts';
import { ORIGIN, TestLog } from '../witness/testing.ts';
import { formatPackage } from './package.ts';
import { describeCases, LOG, type MirrorCase, uploadHeader, uploadParts } from './testing.ts';

const FORK = new TestLog(ORIGIN, 'fork').grow(900);

const CASES: MirrorCase[] = [
  {
    name: 'a prefix of the packages',
    spec: 'If the client sends a strict prefix, the mirror processes the prefix and advances its next entry accordingly',
    status: 202,
    info: [600, 256],
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.upload(0, 600, { packages: 1 });
    },
  },
  {
    name: 'the rest after a prefix',
    spec: 'The client retries with `upload_start` set to the advertised next entry value',
    status: 200,
    serves: 600,
    act: async (bench) => {
      await bench.pend(0, 600);
      await bench.upload(0, 600, { packages: 2 });
      return bench.upload(512, 600);
    },
  },
  {
    name: 'a body that ends inside the second package',
    spec: 'The mirror discards any partial bytes after the last successfully authenticated entry package … 202',
    status: 202,
    info: [600, 256],
    act: async (bench) => {
      await bench.pend(0, 600);
      const body = concat(...uploadParts(bench.log, 0, 600, { packages: 2 }));
      return bench.send(body.subarray(0, -1));
    },
  },
  {
    name: 'a body that ends inside the first package',
    spec: 'no entry package was authenticated and saved before the body ended … 400',
    status: 400,
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.send(concat(...uploadParts(bench.log, 0, 600, { packages: 1 })).subarray(0, -1));
    },
  },
  {
    name: 'no package although there are some to send',
    spec: 'If the canonical sequence is not empty, and no entry package was authenticated … 400',
    status: 400,
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.upload(0, 600, { packages: 0 });
    },
  },
  {
    name: 'a body that fails after the first package',
    spec: 'an interrupted request that the mirror committed partially',
    status: 202,
    info: [600, 256],
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.mirror.addEntries(cutOff(uploadParts(bench.log, 0, 600, { packages: 1 })));
    },
  },
  {
    name: 'a header that ends early',
    spec: 'for example, the request header itself was malformed',
    status: 400,
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.send(uploadHeader(ORIGIN, 0, 600).subarray(0, -1));
    },
  },
  {
    name: 'a ticket shorter than declared',
    spec: '`ticket_size` bytes, containing an opaque `ticket` value',
    status: 400,
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.send(uploadHeader(ORIGIN, 0, 600, new Uint8Array(9)).subarray(0, -3));
    },
  },
  {
    name: 'an opaque ticket',
    spec: 'The mirror MUST authenticate any information it derives from a ticket: this one derives none',
    status: 200,
    serves: 600,
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.upload(0, 600, { ticket: new Uint8Array(65_535).fill(0xa5) });
    },
  },
  {
    name: 'a start after the end',
    spec: '`upload_start` MUST be less or equal to `upload_end`',
    status: 400,
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.send(uploadHeader(ORIGIN, 601, 600));
    },
  },
  {
    name: 'an end above 2^53 - 1',
    spec: 'own limit: every index is an exact number',
    status: 400,
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.send(uploadHeader(ORIGIN, 0, 2n ** 64n - 1n));
    },
  },
  {
    name: 'a proof of 64 hashes',
    spec: '`num_hashes`, which MUST be at most 63',
    status: 400,
    act: async (bench) => {
      await bench.pend(0, 600);
      const proof = Array.from({ length: 64 }, () => new Uint8Array(32));
      const many = formatPackage({ entries: bench.log.entries.slice(0, 256), proof });
      return bench.send(uploadHeader(ORIGIN, 0, 600), many);
    },
  },
  {
    name: 'a wrong entry',
    spec: 'If this verification process fails, it MUST respond with a "422 Unprocessable Entity"',
    status: 422,
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.upload(0, 600, { entriesOf: oneWrong(17) });
    },
  },
  {
    name: 'entries of another history',
    spec: 'For each entry package, it MUST authenticate the entries by verifying the subtree consistency proof',
    status: 422,
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.send(...uploadParts(FORK, 0, 600));
    },
  },
  {
    name: 'a proof for another tree size',
    spec: 'and the log checkpoint with tree size `upload_end`',
    status: 422,
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.upload(0, 600, { proofSize: 700 });
    },
  },
  {
    name: 'a missing proof',
    spec: 'It then verifies the subtree consistency proof using this hash and the checkpoint at `upload_end`',
    status: 422,
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.send(
        uploadHeader(ORIGIN, 0, 600),
        formatPackage({ entries: bench.log.entries.slice(0, 256), proof: [] }),
      );
    },
  },
  {
    name: 'entries that are held already',
    spec: 'If some entry has already been written to the log or the pending entry list, the mirror MUST skip saving that entry',
    status: 200,
    serves: 600,
    act: async (bench) => {
      await bench.pend(0, 600);
      await bench.upload(0, 600, { packages: 2 });
      return bench.upload(100, 600);
    },
  },
  {
    name: 'a held entry with other bytes',
    spec: 'it reconstructs the subtree hash based on the received entries',
    status: 422,
    serves: 300,
    act: async (bench) => {
      await bench.mirrorTo(0, 300);
      await bench.pend(300, 600);
      return bench.upload(256, 600, { entriesOf: oneWrong(299) });
    },
  },
  {
    name: 'bytes after the last package',
    spec: 'The mirror discards any partial bytes after the last successfully authenticated entry package',
    status: 200,
    serves: 600,
    act: async (bench) => {
      await bench.pend(0, 600);
      return bench.send(...uploadParts(bench.log, 0, 600), new Uint8Array(100));
    },
  },
];

async function* cutOff(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
  throw new Error('connection reset');
}

/** The log with one entry changed. */
function oneWrong(index: number): TestLog {
  const other = new TestLog();
  for (const [i, entry] of LOG.entries.slice(0, 900).entries()) other.append(i === index ? utf8Encode('wrong') : entry);
  return other;
}

describeCases('mirror: add-entries and its body', CASES);
